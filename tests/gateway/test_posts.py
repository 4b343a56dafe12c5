"""`/v1/posts`: written once, edited by one at a time, told as events, gone when they are deleted."""

import asyncio
from typing import Any

import httpx
import pytest

from pressroom.contracts.events import PostCreated
from pressroom.contracts.posts import slug_of
from pressroom.contracts.subjects import story_filter
from pressroom.contracts.vocabulary import ImageState
from pressroom.gateway import posts
from pressroom.gateway.idempotency import id_under

from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of
from .test_account_events import heard
from .test_live_events import is_listening

FOXES: dict[str, Any] = {
    "title": "Ten foxes in the fog",
    "content": "Once upon a time\n\n# there were ten",
    "excerpt": "A short one.",
    "thumbnail": "https://example.com/thumb.jpg",
    "tags": ["foxes", "fog"],
    "metadata": {"category": "Technology", "$odd.name": {"deep": [1, None, 2**70]}},
}


async def written(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    answer = await gateway.http.post("/v1/posts", json=FOXES | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def facts_of(gateway: Gateway, post_id: str) -> list[str]:
    return [event.data.fact for event in await gateway.house.events(story_filter(post_id))]


async def test_a_post_is_kept_as_it_was_written(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/posts", json=FOXES)

    post = answer.json()
    assert {name: post[name] for name in FOXES} == FOXES
    assert (post["slug"], post["state"], post["featured"], post["version"]) == (
        "ten-foxes-in-the-fog",
        "draft",
        False,
        1,
    )
    assert answer.headers["etag"] == '"1"'
    assert (await gateway.http.get(answer.headers["location"])).json() == post
    assert await facts_of(gateway, post["id"]) == ["created"]


async def test_a_title_that_comes_again_gets_a_slug_with_a_number(gateway: Gateway) -> None:
    slugs = [(await written(gateway))["slug"] for _ in range(3)]
    assert slugs == ["ten-foxes-in-the-fog", "ten-foxes-in-the-fog-2", "ten-foxes-in-the-fog-3"]
    other = bearer(token_of(await a_user(gateway.house)))
    theirs = await gateway.http.post("/v1/posts", json=FOXES, headers=other)
    assert theirs.json()["slug"] == "ten-foxes-in-the-fog"


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Élan & Grace!", "elan-grace"), ("狐", "post"), ("x" * 200, "x" * 100), ("  A -- b  ", "a-b")],
)
def test_a_slug_is_small_letters_digits_and_hyphens(title: str, slug: str) -> None:
    assert slug_of(title) == slug


async def test_a_slug_that_was_asked_for_and_is_taken_is_refused(gateway: Gateway) -> None:
    await written(gateway, slug="foxes")
    post = await written(gateway)
    problem_of(await gateway.http.post("/v1/posts", json=FOXES | {"slug": "foxes"}), 409, "slug-taken")
    problem_of(await gateway.http.patch(f"/v1/posts/{post['id']}", json={"slug": "foxes"}), 409, "slug-taken")


async def test_when_every_slug_that_could_be_made_is_taken_the_post_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "NUMBERS_TRIED", 2)
    first, second, third = [await written(gateway) for _ in range(3)]
    assert second["slug"] == f"{first['slug']}-2"
    assert third["slug"] == third["id"].lower().replace("_", "-")
    post_id = id_under("post", "default", "one")
    await written(gateway, title="Another", slug=post_id.replace("_", "-"))
    problem_of(await gateway.http.post("/v1/posts", json=FOXES, headers={"Idempotency-Key": "one"}), 409, "slug-taken")


async def test_who_edits_whatever_there_is_gives_way_to_nobody(gateway: Gateway) -> None:
    path = f"/v1/posts/{(await written(gateway))['id']}"
    edits = [gateway.http.patch(path, json={"excerpt": f"by {number}"}) for number in range(10)]
    answers = await asyncio.gather(*edits)
    assert {answer.status_code for answer in answers} == {200}
    assert (await gateway.http.get(path)).json()["version"] == 11
    *_, deleted = await asyncio.gather(
        *(gateway.http.patch(path, json={"excerpt": f"again by {number}"}) for number in range(10)),
        gateway.http.delete(path),
    )
    assert deleted.status_code == 204


async def test_the_same_key_writes_one_post(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(gateway.http.post("/v1/posts", json=FOXES, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    another = await gateway.http.post("/v1/posts", json=FOXES | {"title": "Another"}, headers=headers)
    problem_of(another, 409, "idempotency-key-reused")


async def test_publishing_and_taking_back_are_told_and_the_list_knows(gateway: Gateway) -> None:
    post = await written(gateway, state="published", featured=True)
    path = f"/v1/posts/{post['id']}"
    assert post["published_at"] is not None
    draft = await written(gateway, tags=["other"])

    async def listed(**query: Any) -> list[str]:
        return [item["id"] for item in (await gateway.http.get("/v1/posts", params=query)).json()["items"]]

    assert await listed() == [draft["id"], post["id"]]
    assert await listed(state="published") == await listed(featured=True) == await listed(tag="fog") == [post["id"]]
    assert await listed(slug=draft["slug"]) == [draft["id"]]

    taken_back = (await gateway.http.patch(path, json={"state": "draft", "title": "No fog"})).json()

    assert (taken_back["state"], taken_back["published_at"], taken_back["version"]) == ("draft", None, 2)
    assert taken_back["slug"] == post["slug"]
    assert await listed(state="published") == []
    assert (await gateway.http.delete(path)).status_code == 204
    assert await facts_of(gateway, post["id"]) == ["created", "published", "edited", "withdrawn", "deleted"]


async def test_the_list_leaves_out_what_may_be_long(gateway: Gateway) -> None:
    post = await written(gateway)
    (listed,) = (await gateway.http.get("/v1/posts")).json()["items"]
    assert post.keys() - listed.keys() == {"content", "metadata"}
    assert listed == {name: post[name] for name in listed}


async def test_an_owner_hears_of_their_posts_and_nobody_elses(gateway: Gateway) -> None:
    ann = token_of(await a_user(gateway.house))
    async with heard(gateway, ann) as stream:
        await is_listening(stream)
        await written(gateway)
        mine = await gateway.http.post("/v1/posts", json=FOXES, headers=bearer(ann))
        told = [(frame.event, frame.data["data"]["post_id"]) for frame in await stream.events(1)]
    assert told == [(PostCreated.type_name(), mine.json()["id"])]


async def test_of_two_who_edit_one_version_the_second_is_told(gateway: Gateway) -> None:
    post = await written(gateway)
    path = f"/v1/posts/{post['id']}"
    seen = {"If-Match": '"1"'}

    answers = await asyncio.gather(
        *(gateway.http.patch(path, json={"excerpt": f"by {name}"}, headers=seen) for name in ("ann", "bob", "eve"))
    )

    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    for answer in lost:
        problem_of(answer, 412, "changed-since")
        assert answer.headers["etag"] == '"2"'
    assert (await gateway.http.get(path)).json()["excerpt"] == won[0].json()["excerpt"]
    problem_of(await gateway.http.delete(path, headers=seen), 412, "changed-since")


async def test_an_edit_that_changes_nothing_is_no_version_and_null_takes_a_picture_away(gateway: Gateway) -> None:
    post = await written(gateway)
    path = f"/v1/posts/{post['id']}"
    same = await gateway.http.patch(path, json={"title": FOXES["title"], "metadata": FOXES["metadata"]})
    assert same.json()["version"] == 1
    without = (await gateway.http.patch(path, json={"thumbnail": None, "title": None})).json()
    assert (without["thumbnail"], without["title"], without["version"]) == (None, FOXES["title"], 2)


async def test_what_is_deleted_leaves_nothing_but_its_id(gateway: Gateway) -> None:
    post = await written(gateway)
    path = f"/v1/posts/{post['id']}"
    assert (await gateway.http.delete(path)).status_code == 204
    problem_of(await gateway.http.get(path), 404, "not-found")
    problem_of(await gateway.http.delete(path), 404, "not-found")
    assert (await gateway.http.get("/v1/posts")).json()["items"] == []
    stored = await gateway.house.database.posts.get(post["id"])
    assert stored is not None
    assert (stored.title, stored.content, stored.metadata, stored.tags, stored.slug) == ("", "", "{}", (), None)
    assert (await written(gateway))["slug"] == post["slug"]


async def test_the_featured_picture_is_one_of_the_owners_that_is_ready(gateway: Gateway) -> None:
    ready, waiting = await gateway.image(), await gateway.image(ImageState.PLANNED)
    assert (await written(gateway, image_id=ready))["image_id"] == ready
    other = bearer(token_of(await a_user(gateway.house)))
    for image_id, headers in ((waiting, {}), ("nobodys", {}), (ready, other)):
        answer = await gateway.http.post("/v1/posts", json=FOXES | {"image_id": image_id}, headers=headers)
        assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["image_id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"content": ""}, "content"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"thumbnail": "javascript:alert(1)"}, "thumbnail"),
        ({"state": "deleted"}, "state"),
        ({"tags": ["x"] * 51}, "tags"),
        ({"metadata": {"long": "x" * 20_001}}, "metadata"),
        ({"unheard": 1}, "unheard"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(
    edge: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    assert fields_named_in(problem_of(await edge.post("/v1/posts", json=FOXES | changes), 422, "invalid-request")) == [
        field
    ]


@pytest.mark.parametrize("metadata", ['{"x": NaN}', '{"x": "\\ud800"}', '{"\\ud800": 1}'])
async def test_what_cannot_be_kept_as_json_is_refused(edge: httpx.AsyncClient, metadata: str) -> None:
    body = f'{{"title": "x", "content": "y", "metadata": {metadata}}}'
    answer = await edge.post("/v1/posts", content=body, headers={"Content-Type": "application/json"})
    problem = problem_of(answer, 422, "invalid-request")
    assert fields_named_in(problem)[0].startswith("metadata")
