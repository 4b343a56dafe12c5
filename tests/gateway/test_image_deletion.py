"""`DELETE /v1/images/{id}`: gone for good from everywhere, and still counted; what is in use stays."""

import asyncio
import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from pressroom.cli.own_instance import without_settings
from pressroom.cli.ports import free_port
from pressroom.contracts.events import ImageApproved, ImageDeleted, ImageGenerated
from pressroom.contracts.image_requests import IMAGES_AT_ONCE_MAX
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import BatchState, ImageState, PublicationState
from pressroom.publisher.app import build as build_publisher
from pressroom.publisher.settings import PublisherSettings

from ..house import House, ReadyProvider, eventually, running
from ..killable import PATIENT_S, KillableService, as_environment
from ..payers import audited, comes_to
from .people import a_user, bearer, token_of
from .serving import BODY, TOKEN, Gateway, fields_named_in, problem_of, serving

MUG = {"platform": "printify", "product_type": "mug"}
SMALL = BODY | {"width": 64, "height": 64, "profile": "none"}
MAKING = [ImageState.PLANNED, ImageState.QUEUED, ImageState.GENERATING, ImageState.FINISHING]
SETTLED = [
    ImageState.GENERATED,
    ImageState.APPROVED,
    ImageState.REJECTED,
    ImageState.FAILED,
    ImageState.CANCELLED,
]


async def delete(gateway: Gateway, image_id: str) -> httpx.Response:
    return await gateway.http.delete(f"/v1/images/{image_id}")


@pytest.mark.parametrize("state", SETTLED)
async def test_a_deleted_image_is_nowhere_and_is_told_of(gateway: Gateway, state: ImageState) -> None:
    image_id = await gateway.image(state, subject="ann", tags=["sea"])
    batch_id = image_id.rpartition("-")[0]
    await gateway.http.patch(f"/v1/images/{image_id}", json={"favourite": True})
    answer = await delete(gateway, image_id)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/content", "/thumbnail"):
        problem_of(await gateway.http.get(f"/v1/images/{image_id}{path}"), 404, "not-found")
    for path in (
        "/v1/images",
        "/v1/images?state=deleted",
        f"/v1/images?state={state}",
        "/v1/images?favourite=true",
        "/v1/images?tag=sea",
        "/v1/images?subject=ann",
        f"/v1/batches/{batch_id}/images",
    ):
        assert (await gateway.http.get(path)).json()["items"] == [], path
    assert (await gateway.http.get("/api/images")).json()["images"] == []
    assert (await gateway.http.get(f"/api/batch/{batch_id}")).json()["images"] == []
    assert (await gateway.http.get("/api/image-generation/character/ann")).json()["data"]["images"] == []
    (event,) = await gateway.house.events(event_filter(ImageDeleted))
    assert event.data == ImageDeleted(batch_id=batch_id, image_id=image_id, index=0, deleted_by="default")


async def test_what_is_left_says_nothing_of_what_it_was_and_counts_as_it_stood(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.REJECTED, negative_prompt="fog")
    await gateway.http.patch(f"/v1/images/{image_id}", json={"title": "Harbour", "description": "Boats."})
    batch = (await gateway.http.get(f"/v1/batches/{image_id.rpartition('-')[0]}")).json()
    await delete(gateway, image_id)
    left = await gateway.house.image(image_id)
    assert (left.state, left.ended_as) == (ImageState.DELETED, ImageState.REJECTED)
    raw = await gateway.house.database.images.raw.find_one({"_id": image_id}, projection={"outbox": 0, "removal": 0})
    said = str(raw)
    assert not [word for word in ("harbour", "Harbour", "fog", "Boats", ".png", ".webp") if word in said]
    progress = (await gateway.http.get(f"/v1/batches/{batch['id']}")).json()["progress"]
    assert progress == batch["progress"] | {"deleted": 1}
    assert progress["by_state"] == {"rejected": 1}


async def test_who_edits_what_is_deleted_in_that_moment_leaves_no_word_on_it(gateway: Gateway) -> None:
    image_id = await gateway.image()
    await delete(gateway, image_id)
    images = gateway.house.database.images
    for seen in (None, (await gateway.house.image(image_id)).version):
        assert await images.edit(image_id, {"title": "Harbour"}, seen=seen) is None
    assert (await gateway.house.image(image_id)).title is None


async def test_its_files_are_out_of_sight_soon(gateway: Gateway) -> None:
    image_id = await gateway.image()
    file = (await gateway.house.image(image_id)).file
    assert file is not None
    assert (await gateway.http.get(f"/files/{file.key}")).status_code == 200
    await delete(gateway, image_id)

    async def is_gone() -> bool:
        return (await gateway.http.get(f"/files/{file.key}")).status_code == 404

    await eventually(is_gone)


@pytest.mark.parametrize("state", MAKING)
async def test_an_image_in_the_making_stays(gateway: Gateway, state: ImageState) -> None:
    image_id = await gateway.image(ImageState.PLANNED)
    await gateway.house.database.images.change(image_id, {"state": str(state)})
    detail = problem_of(await delete(gateway, image_id), 409, "image-in-the-making")["detail"]
    assert str(state) in detail
    assert "/cancel" in detail
    assert (await gateway.house.image(image_id)).state is state


async def test_an_image_in_a_shop_or_on_its_way_there_stays_until_that_has_failed(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    publication = (await gateway.http.post(f"/v1/images/{image_id}/publish", json=MUG)).json()["id"]
    detail = problem_of(await delete(gateway, image_id), 409, "image-published")["detail"]
    assert "mug at printify" in detail
    assert "if that fails, delete it" in detail
    publications = gateway.house.database.publications
    await publications.change(publication, {"state": str(PublicationState.PUBLISHING)})
    problem_of(await delete(gateway, image_id), 409, "image-published")
    out = {"state": str(PublicationState.PUBLISHED), "url": "https://shop.example/65f1"}
    await publications.change(publication, out)
    detail = problem_of(await delete(gateway, image_id), 409, "image-published")["detail"]
    assert "mug at printify (https://shop.example/65f1)" in detail
    assert "end it there" in detail
    await publications.change(publication, {"state": str(PublicationState.FAILED)})
    assert (await delete(gateway, image_id)).status_code == 204
    problem_of(await gateway.http.post(f"/v1/images/{image_id}/publish", json=MUG), 404, "not-found")


async def test_of_a_deletion_and_a_publication_at_once_one_is_done(gateway: Gateway) -> None:
    products = ["mug", "poster", "hoodie", "t-shirt"]
    images = [await gateway.image(ImageState.APPROVED) for _ in range(12)]

    async def publish(image_id: str, product: str) -> httpx.Response:
        return await gateway.http.post(f"/v1/images/{image_id}/publish", json=MUG | {"product_type": product})

    await asyncio.gather(*(call for image in images for call in (delete(gateway, image), publish(image, products[0]))))
    for image_id in images:
        is_deleted = (await gateway.house.image(image_id)).state is ImageState.DELETED
        publications = await gateway.house.database.publications.find({"image_id": image_id})
        assert is_deleted != bool(publications)


async def test_what_was_approved_by_a_rule_and_deleted_since_is_not_published(gateway: Gateway) -> None:
    house = gateway.house
    image_id = await gateway.image(auto_publish=[MUG])
    await gateway.http.post(f"/v1/images/{image_id}/approve")
    await delete(gateway, image_id)
    other = await gateway.image(auto_publish=[MUG])
    await gateway.http.post(f"/v1/images/{other}/approve")
    async with running(build_publisher(PublisherSettings(**house.values), {})):

        async def is_published() -> Any:
            return await house.database.publications.find({"image_id": other})

        await eventually(is_published)
    assert len(await house.events(event_filter(ImageApproved))) == 2
    assert await house.database.publications.find({"image_id": image_id}) == []
    # The other's job may be given up by now, as no shop is served here; no event is.
    assert [letter for letter in await house.dead() if ".EVENTS." in letter.subject] == []


async def test_deleting_ten_times_at_once_is_told_once(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answers = await asyncio.gather(*(delete(gateway, image_id) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 9}
    assert len(await gateway.house.events(event_filter(ImageDeleted))) == 1


async def test_a_deleted_image_is_reviewed_and_made_again_by_nobody(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.FAILED)
    batch_id = image_id.rpartition("-")[0]
    await delete(gateway, image_id)
    for verdict in ("approve", "reject"):
        problem_of(await gateway.http.post(f"/v1/images/{image_id}/{verdict}"), 404, "not-found")
    body = {"decisions": [{"image_id": image_id, "decision": "approve"}]}
    (item,) = (await gateway.http.post("/v1/images/review", json=body)).json()["items"]
    assert item["outcome"] == "refused"
    problem_of(await gateway.http.patch(f"/v1/images/{image_id}", json={"favourite": True}), 404, "not-found")
    await gateway.house.database.batches.change(batch_id, {"state": str(BatchState.COMPLETED)})
    problem_of(await gateway.http.post(f"/v1/batches/{batch_id}/retry"), 409, "nothing-to-retry")


async def test_several_go_each_by_itself(gateway: Gateway) -> None:
    ready, making = await gateway.image(), await gateway.image(ImageState.PLANNED)
    body = {"image_ids": [ready, making, "nobodys", ready]}
    answer = (await gateway.http.post("/v1/images/delete", json=body)).json()
    assert (answer["deleted"], answer["refused"]) == (1, 2)
    assert [(item["image_id"], item["deleted"]) for item in answer["items"]] == [
        (ready, True),
        (making, False),
        ("nobodys", False),
    ]
    assert [item["problem"]["status"] for item in answer["items"][1:]] == [409, 404]


async def test_somebody_elses_images_are_as_none(gateway: Gateway) -> None:
    image_id = await gateway.image()
    headers = bearer(token_of(await a_user(gateway.house)))
    problem_of(await gateway.http.delete(f"/v1/images/{image_id}", headers=headers), 404, "not-found")
    answer = await gateway.http.post("/v1/images/delete", json={"image_ids": [image_id]}, headers=headers)
    assert answer.json()["items"][0]["problem"]["status"] == 404
    assert (await gateway.house.image(image_id)).state is ImageState.GENERATED


@pytest.mark.parametrize("names", [[], ["x"] * (IMAGES_AT_ONCE_MAX + 1)])
async def test_from_1_to_500_go_in_one_call(edge: httpx.AsyncClient, names: list[str]) -> None:
    problem = problem_of(await edge.post("/v1/images/delete", json={"image_ids": names}), 422, "invalid-request")
    assert list(fields_named_in(problem)) == ["image_ids"]


async def test_credits_counts_and_the_audit_hold_whenever_it_is_deleted(gateway: Gateway) -> None:
    """Before its batch is complete, before its credits are settled, and after both."""
    house = gateway.house
    user = await a_user(house)
    headers = bearer(token_of(user))
    go_on = asyncio.Event()

    async def answer(request: Any) -> None:
        if request.image_id.endswith("-0002"):
            await go_on.wait()

    asked = await gateway.http.post("/v1/batches", json=SMALL | {"count": 3}, headers=headers)
    batch_id = asked.json()["id"]
    names = [f"{batch_id}-{index:04d}" for index in range(3)]
    async with house.worker(ReadyProvider(answer)):

        async def second_is_made() -> bool:
            image = await house.database.images.get(names[1])
            return image is not None and image.state is ImageState.GENERATED

        await eventually(second_is_made)
        assert (await gateway.http.delete(f"/v1/images/{names[0]}", headers=headers)).status_code == 204
        go_on.set()
        await house.completed(batch_id)
    assert (await gateway.http.delete(f"/v1/images/{names[1]}", headers=headers)).status_code == 204
    shown = (await gateway.http.get(f"/v1/batches/{batch_id}", headers=headers)).json()
    assert shown["state"] == "completed"
    assert (shown["progress"]["ready"], shown["progress"]["deleted"]) == (3, 2)
    assert len(await house.events(event_filter(ImageGenerated))) == 3
    await comes_to(house, user, "88", "0", "12")
    await audited(house)


async def test_a_gateway_killed_once_it_deleted_leaves_the_files_to_the_next(house: House, tmp_path: Path) -> None:
    port = free_port()
    # It would look for files to remove in ten minutes.
    own = {"gateway_port": port, "api_token": TOKEN, "log_level": "warning", "sweep_interval_s": 600}
    environment = {**without_settings(os.environ), **as_environment({**house.values, **own})}
    killed = KillableService("gateway", environment, tmp_path / "killed.log")
    async with serving(house, sweep_interval_s=600) as quiet:
        image_id = await quiet.image()
    image = await house.image(image_id)
    assert image.file is not None
    headers = bearer(TOKEN)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=headers) as http:

        async def is_up() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await http.get("/readyz")).status_code == 200
            return False

        await eventually(is_up, PATIENT_S)
        assert (await http.delete(f"/v1/images/{image_id}")).status_code == 204
    killed.kill()
    assert await house.blobs.size(image.file.key) == image.file.size_bytes
    async with serving(house) as other:

        async def is_gone() -> bool:
            return (await other.http.get(f"/files/{image.file and image.file.key}")).status_code == 404

        await eventually(is_gone)
    assert len(await house.events(event_filter(ImageDeleted))) == 1


async def test_a_posts_picture_stays_until_the_post_has_another(gateway: Gateway) -> None:
    image_id = await gateway.image()
    body = {"title": "Ten foxes", "content": "x", "image_id": image_id}
    post = (await gateway.http.post("/v1/posts", json=body)).json()
    problem = problem_of(await gateway.http.delete(f"/v1/images/{image_id}"), 409, "image-in-a-post")
    assert "'ten-foxes'" in problem["detail"]
    assert (await gateway.http.delete(f"/v1/posts/{post['id']}")).status_code in (200, 204)
    assert (await gateway.http.delete(f"/v1/images/{image_id}")).status_code == 204


@pytest.mark.parametrize("way", ["new", "edited"])
async def test_of_a_deletion_and_a_post_at_once_one_is_done(gateway: Gateway, way: str) -> None:
    images = [await gateway.image() for _ in range(12)]
    draft = {"title": "Foxes", "content": "x"}
    posts = [(await gateway.http.post("/v1/posts", json=draft)).json()["id"] for _ in images]

    async def show(image_id: str, post_id: str) -> httpx.Response:
        body = {"image_id": image_id}
        if way == "edited":
            return await gateway.http.patch(f"/v1/posts/{post_id}", json=body)
        return await gateway.http.post("/v1/posts", json=draft | body)

    pairs = zip(images, posts, strict=True)
    answers = await asyncio.gather(*(call for pair in pairs for call in (show(*pair), delete(gateway, pair[0]))))

    for shown, deleted in zip(answers[::2], answers[1::2], strict=True):
        if deleted.status_code == 204:
            problem = problem_of(shown, 422, "invalid-request")
            assert list(fields_named_in(problem)) == ["image_id"]
        else:
            problem_of(deleted, 409, "image-in-a-post")
            assert shown.status_code in (200, 201)
