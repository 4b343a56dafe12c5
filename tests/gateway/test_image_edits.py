"""`PATCH /v1/images/{id}`: what people say of an image, found again by it, and said of the products made of it."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import ImageState
from pressroom.publisher.publish_jobs import title_of
from pressroom.state.documents import PublicationDocument

from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of

SAID = {"title": "Harbour at dawn", "description": "Boats.\n\nGulls.", "tags": ["sea", "dawn"], "favourite": True}


async def edit(gateway: Gateway, image_id: str, body: Any, if_match: str | None = None) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return await gateway.http.patch(f"/v1/images/{image_id}", json=body, headers=headers)


async def listed(gateway: Gateway, **params: Any) -> list[str]:
    answer = await gateway.http.get("/v1/images", params=params)
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["items"]]


async def test_what_is_said_is_shown_and_what_is_not_said_stays(gateway: Gateway) -> None:
    image_id = await gateway.image(title="The batch's", tags=["sea"])
    before = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    assert (before["title"], before["tags"], before["favourite"], before["version"]) == (None, ["sea"], False, 0)
    assert (await edit(gateway, image_id, SAID)).status_code == 200
    after = (await edit(gateway, image_id, {"title": "Harbour"})).json()
    assert {name: after[name] for name in SAID} == SAID | {"title": "Harbour"}
    assert after == (await gateway.http.get(f"/v1/images/{image_id}")).json()
    taken_away = (await edit(gateway, image_id, {"title": None, "description": None, "tags": []})).json()
    assert (taken_away["title"], taken_away["description"], taken_away["tags"]) == (None, None, [])
    assert taken_away["favourite"] is True


async def test_the_etag_counts_what_people_change_and_nothing_else(gateway: Gateway) -> None:
    image_id = await gateway.image()

    async def tag() -> str:
        return (await gateway.http.get(f"/v1/images/{image_id}")).headers["etag"]

    assert await tag() == '"0"'
    await gateway.house.database.images.change(image_id, {"progress": 0.5})
    assert await tag() == '"0"'
    assert (await edit(gateway, image_id, {"favourite": True})).headers["etag"] == '"1"'
    assert (await edit(gateway, image_id, {"favourite": True})).headers["etag"] == '"1"'
    assert (await edit(gateway, image_id, {})).headers["etag"] == '"1"'
    await gateway.http.post(f"/v1/images/{image_id}/reject")
    assert await tag() == '"2"'
    await gateway.http.post(f"/v1/images/{image_id}/reject")
    assert await tag() == '"2"'


async def test_of_ten_who_edit_what_they_have_seen_one_is_first(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answers = await asyncio.gather(*(edit(gateway, image_id, {"title": f"by {n}"}, '"0"') for n in range(10)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 9}
    (first,) = [answer for answer in answers if answer.status_code == 200]
    late = next(answer for answer in answers if answer.status_code == 412)
    assert '"1"' in problem_of(late, 412, "changed-since")["detail"]
    assert late.headers["etag"] == first.headers["etag"] == '"1"'
    shown = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    assert (shown["title"], shown["version"]) == (first.json()["title"], 1)


async def test_a_review_in_between_is_seen_by_who_edits(gateway: Gateway) -> None:
    image_id = await gateway.image()
    await gateway.http.post(f"/v1/images/{image_id}/approve")
    problem_of(await edit(gateway, image_id, {"title": "Harbour"}, '"0"'), 412, "changed-since")
    assert (await edit(gateway, image_id, {"title": "Harbour"}, '"7", "1"')).status_code == 200
    assert (await edit(gateway, image_id, {"title": "Port"}, "*")).status_code == 200
    assert (await edit(gateway, image_id, {"title": "Pier"})).json()["version"] == 4


async def test_an_image_from_before_there_were_versions_is_at_none(gateway: Gateway) -> None:
    image_id = await gateway.image()
    fields = dict.fromkeys(("version", "favourite", "title", "description", "tags"), 1)
    await gateway.house.database.images.raw.update_one({"_id": image_id}, {"$unset": fields})
    assert await listed(gateway, favourite=False) == [image_id]
    answer = await edit(gateway, image_id, {"favourite": True}, '"0"')
    assert (answer.status_code, answer.json()["version"], answer.json()["tags"]) == (200, 1, [])


async def test_favourites_and_tags_are_listed_newest_first(gateway: Gateway) -> None:
    names = [await gateway.image(tags=["sea"]) for _ in range(3)]
    for image_id in names[:2]:
        await edit(gateway, image_id, {"favourite": True})
    await edit(gateway, names[0], {"tags": ["dawn", "sea", "dawn"]})
    await edit(gateway, names[2], {"tags": []})
    assert await listed(gateway, favourite=True) == [names[1], names[0]]
    assert await listed(gateway, favourite=False) == [names[2]]
    assert await listed(gateway, tag="sea") == [names[1], names[0]]
    assert await listed(gateway, tag="dawn", favourite=True) == [names[0]]
    assert await listed(gateway, tag="se") == []
    assert (await gateway.http.get(f"/v1/images/{names[0]}")).json()["tags"] == ["dawn", "sea"]


async def test_both_lists_are_read_by_an_index_of_those_alone(gateway: Gateway) -> None:
    images = gateway.house.database.images.raw
    for query, index in (
        ({"favourite": True}, "favourites"),
        ({"tags": {"$eq": "sea", "$type": "string"}}, "by_tag"),
    ):
        found = images.find({"owner": "default", "text_kind": None, **query}, sort=[("created_at", -1), ("_id", -1)])
        assert f"'indexName': '{index}'" in str((await found.explain())["queryPlanner"]["winningPlan"])


async def test_a_product_is_called_what_its_image_was_called_when_it_was_asked_for(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED, title="The batch's", tags=["sea"])
    address = f"/v1/images/{image_id}/publish"
    house = gateway.house

    async def asked_for(product_type: str, **more: str) -> PublicationDocument:
        body = {"platform": "printify", "product_type": product_type} | more
        made = (await gateway.http.post(address, json=body)).json()
        publication = await house.database.publications.get(made["id"])
        assert publication is not None
        return publication

    before = await asked_for("mug")
    await edit(gateway, image_id, SAID)
    after, named = await asked_for("poster"), await asked_for("hoodie", title="A hoodie")
    batch, image = await house.database.batches.get(before.batch_id), await house.image(image_id)
    assert batch is not None
    titles = [title_of(publication, image, batch) for publication in (before, after, named)]
    assert titles == ["The batch's", "Harbour at dawn", "A hoodie"]
    assert (before.description, before.tags) == (None, ("sea",))
    assert (after.description, after.tags) == ("Boats.\n\nGulls.", ("sea", "dawn"))
    assert await asked_for("mug") == before


async def test_somebody_elses_image_is_as_none(gateway: Gateway) -> None:
    image_id = await gateway.image()
    headers = bearer(token_of(await a_user(gateway.house)))
    answer = await gateway.http.patch(f"/v1/images/{image_id}", json=SAID, headers=headers)
    problem_of(answer, 404, "not-found")
    assert (await gateway.house.image(image_id)).version == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "x" * 5001}, "description"),
        ({"tags": ["x"] * 51}, "tags"),
        ({"tags": ["x" * 65]}, "tags.0"),
        ({"tags": None}, "tags"),
        ({"favourite": None}, "favourite"),
        ({"prompt": "another"}, "prompt"),
    ],
)
async def test_a_wrong_field_is_named(edge: httpx.AsyncClient, body: Any, field: str) -> None:
    problem = problem_of(await edge.patch("/v1/images/i", json=body), 422, "invalid-request")
    assert fields_named_in(problem)[0] == field
