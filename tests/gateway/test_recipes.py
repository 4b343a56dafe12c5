"""`/v1/subjects`, `/v1/recipes`, and batches that are made of the two."""

import asyncio
from typing import Any

import httpx
import pytest

from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of

CASE: dict[str, Any] = {
    "kind": "case",
    "title": "The Missing Page",
    "parts": [
        *({"name": f"suspect-{n}", "role": "suspect", "fields": {"description": f"suspect {n}"}} for n in (1, 2, 3)),
        {"name": "scene", "role": "scene", "fields": {"description": "a library"}},
    ],
}
PORTRAITS = {"pictures": [{"role": "suspect", "prompt": "Oil painting of {description}"}], "kind": "case"}
BATCH = {"provider": "studio", "recipe": "case", "subject": "case-1", "profile": "none"}


async def kept(gateway: Gateway, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    answer = await gateway.http.put(path, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return answer


async def test_a_subject_is_kept_whole_listed_and_forgotten(gateway: Gateway) -> None:
    first = await kept(gateway, "/v1/subjects/case-1", CASE)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    again = await kept(gateway, "/v1/subjects/case-1", CASE | {"title": "Found"})
    assert (again.status_code, again.json()["version"], again.json()["title"]) == (200, 2, "Found")
    assert again.json()["created_at"] == first.json()["created_at"]
    await kept(gateway, "/v1/subjects/dish", {"kind": "food", "fields": {"description": "soup"}})

    listed = (await gateway.http.get("/v1/subjects", params={"limit": 1})).json()
    rest = (await gateway.http.get("/v1/subjects", params={"cursor": listed["next_cursor"]})).json()
    of_kind = (await gateway.http.get("/v1/subjects", params={"kind": "food"})).json()

    assert [item["name"] for item in (*listed["items"], *rest["items"])] == ["case-1", "dish"]
    assert [item["name"] for item in of_kind["items"]] == ["dish"]
    assert (await gateway.http.get("/v1/subjects/case-1")).json() == again.json()
    assert (await gateway.http.delete("/v1/subjects/case-1")).status_code == 204
    problem_of(await gateway.http.get("/v1/subjects/case-1"), 404, "not-found")


@pytest.mark.parametrize(("path", "body"), [("/v1/subjects/mine", CASE), ("/v1/recipes/mine", PORTRAITS)])
async def test_of_those_who_replace_one_version_one_wins(gateway: Gateway, path: str, body: dict[str, Any]) -> None:
    problem_of(await gateway.http.put(path, json=body, headers={"If-Match": '"1"'}), 412, "changed-since")
    await asyncio.gather(*(kept(gateway, path, body) for _ in range(4)))
    seen = {"If-Match": (await gateway.http.get(path)).headers["etag"]}
    assert (await gateway.http.get(path)).json()["version"] == 4

    answers = await asyncio.gather(*(gateway.http.put(path, json=body, headers=seen) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    problem_of(await gateway.http.delete(path, headers=seen), 412, "changed-since")


@pytest.mark.parametrize(("path", "body"), [("/v1/subjects/mine", CASE), ("/v1/recipes/mine", PORTRAITS)])
async def test_who_replaces_whatever_is_there_is_never_too_late(
    gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    await kept(gateway, path, body)
    await asyncio.gather(*(kept(gateway, path, body, **{"If-Match": "*"}) for _ in range(12)))
    assert (await gateway.http.get(path)).json()["version"] == 13


@pytest.mark.parametrize(("path", "body"), [("/v1/subjects/mine", CASE), ("/v1/recipes/mine", PORTRAITS)])
async def test_who_saw_what_was_forgotten_does_not_replace_what_came_after_it(
    gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    before = {"If-Match": (await kept(gateway, path, body)).headers["etag"]}
    assert (await gateway.http.delete(path, headers=before)).status_code == 204
    problem_of(await gateway.http.put(path, json=body, headers={"If-Match": "*"}), 412, "changed-since")
    after = await kept(gateway, path, body)

    problem_of(await gateway.http.put(path, json=body, headers=before), 412, "changed-since")
    problem_of(await gateway.http.delete(path, headers=before), 412, "changed-since")
    assert (await gateway.http.get(path)).headers["etag"] == after.headers["etag"]


@pytest.mark.parametrize(("path", "body"), [("/v1/subjects/mine", CASE), ("/v1/recipes/mine", PORTRAITS)])
async def test_forgetting_whatever_there_is_gives_way_to_nobody(
    gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    for _ in range(5):
        await kept(gateway, path, body)
        edits = [gateway.http.put(path, json=body) for _ in range(8)]
        *_, deleted = await asyncio.gather(*edits, gateway.http.delete(path))
        assert deleted.status_code == 204


@pytest.mark.parametrize(("path", "body"), [("/v1/subjects/mine", CASE), ("/v1/recipes/mine", PORTRAITS)])
async def test_somebody_elses_does_not_exist(gateway: Gateway, path: str, body: dict[str, Any]) -> None:
    await kept(gateway, path, body)
    other = bearer(token_of(await a_user(gateway.house)))
    problem_of(await gateway.http.get(path, headers=other), 404, "not-found")
    problem_of(await gateway.http.delete(path, headers=other), 404, "not-found")
    assert (await gateway.http.put(path, json=body, headers=other)).status_code == 201
    assert (await gateway.http.get(path)).json()["owner"] == "default"


async def test_a_batch_of_a_recipe_is_stored_as_prompts_with_their_parts(gateway: Gateway) -> None:
    await kept(gateway, "/v1/subjects/case-1", CASE)

    batch = (await gateway.http.post("/v1/batches", json=BATCH)).json()

    request = batch["request"]
    assert (request["subject"], "recipe" in request) == ("case-1", False)
    assert [image["part"] for image in request["images"]] == ["suspect-1", "suspect-2", "suspect-3", "scene"]
    preview = (await gateway.http.get("/v1/recipes/case/images", params={"subject": "case-1"})).json()
    assert preview == request["images"]
    scene = await gateway.http.post("/v1/batches", json=BATCH | {"parts": ["scene"]})
    assert [image["part"] for image in scene.json()["request"]["images"]] == ["scene"]
    estimate = (await gateway.http.post("/v1/batches/estimate", json=BATCH)).json()
    assert estimate["image_count"] == 4


async def test_the_same_body_and_key_are_the_same_batch_whatever_became_of_the_subject(gateway: Gateway) -> None:
    await kept(gateway, "/v1/subjects/case-1", CASE)
    key = {"Idempotency-Key": "one"}
    first = await gateway.http.post("/v1/batches", json=BATCH, headers=key)
    await kept(gateway, "/v1/subjects/case-1", CASE | {"title": "Another"})
    edited = await gateway.http.post("/v1/batches", json=BATCH, headers=key)
    assert (await gateway.http.delete("/v1/subjects/case-1")).is_success
    forgotten = await gateway.http.post("/v1/batches", json=BATCH, headers=key)
    await kept(gateway, "/v1/subjects/case-1", CASE | {"title": "Another"})
    other = await gateway.http.post("/v1/batches", json=BATCH | {"parts": ["scene"]}, headers=key)

    for again in (edited, forgotten):
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        assert again.headers["idempotency-replayed"] == "true"
    problem_of(other, 409, "idempotency-key-reused")


async def test_an_owners_recipe_is_used_in_place_of_one_of_its_name(gateway: Gateway) -> None:
    await kept(gateway, "/v1/subjects/case-1", CASE)
    await kept(gateway, "/v1/recipes/case", PORTRAITS)
    assert (await gateway.batch(**BATCH | {"prompt": None}))["request"]["images"][0]["prompt"] == (
        "Oil painting of suspect 1"
    )
    listed = (await gateway.http.get("/v1/recipes")).json()["items"]
    assert [(item["name"], item["owner"]) for item in listed] == [
        ("case", None),
        ("character", None),
        ("food", None),
        ("product", None),
        ("case", "default"),
    ]
    assert (await gateway.http.delete("/v1/recipes/case")).status_code == 204
    assert (await gateway.http.get("/v1/recipes/case")).json()["owner"] is None
    problem_of(await gateway.http.delete("/v1/recipes/case"), 404, "not-found")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"subject": None}, "body", "'recipe' needs a 'subject'"),
        ({"prompt": "a fox"}, "body", "leave out 'prompt'"),
        ({"count": 2}, "body", "leave out 'prompt'"),
        ({"recipe": None, "prompt": "a fox", "parts": ["scene"]}, "body", "'parts' goes with 'recipe'"),
        ({"recipe": "nobodys"}, "recipe", "you have no recipe 'nobodys'"),
        ({"subject": "nobodys"}, "subject", "you have no subject 'nobodys'"),
        ({"recipe": "food"}, "recipe", "is for a food"),
        ({"parts": ["butler"]}, "parts", "'butler'"),
    ],
)
async def test_what_cannot_be_composed_is_refused_by_its_field(
    gateway: Gateway, changes: dict[str, Any], field: str, said: str
) -> None:
    await kept(gateway, "/v1/subjects/case-1", CASE)
    for path in ("/v1/batches", "/v1/batches/estimate"):
        problem = problem_of(await gateway.http.post(path, json=BATCH | changes), 422, "invalid-request")
        assert fields_named_in(problem) == [field]
        assert said in problem["detail"]
