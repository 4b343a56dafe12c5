"""The publisher as a whole against the sandbox's shops: a product for each approved image, never two."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pressroom.contracts.events import ImageApproved
from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.vocabulary import ErrorKind, ImageState, PublicationState
from pressroom.publisher.app import build
from pressroom.publisher.journal import MongoJournal
from pressroom.publisher.settings import PublisherSettings
from pressroom.runtime.publications import request_publication
from pressroom.state.documents import ImageDocument, PublicationDocument

from ..house import House, ReadyProvider, eventually, running
from ..vendor_sandbox import PRINTIFY_TOKEN, SHOPIFY_TOKEN, VendorSandbox

T_SHIRT = {"platform": "printify", "product_type": "t-shirt"}
POSTER = {"platform": "shopify", "product_type": "poster"}


def settings_of(house: House, vendors: VendorSandbox, **more: Any) -> PublisherSettings:
    values = {
        **house.values,
        "printify_url": f"{vendors.url}/printify",
        "printify_token": PRINTIFY_TOKEN,
        "printify_shop_id": 5432101,
        "shopify_url": f"{vendors.url}/shopify",
        "shopify_token": SHOPIFY_TOKEN,
        "vendor_timeout_s": 10,
        **more,
    }
    return PublisherSettings(**values)


def publisher(house: House, vendors: VendorSandbox, **more: Any) -> AbstractAsyncContextManager[None]:
    return running(build(settings_of(house, vendors, **more)))


async def image_with_rule(house: House, *targets: dict[str, str]) -> ImageDocument:
    async with house.worker(ReadyProvider()):
        batch = await house.request(auto_publish=list(targets), width=512, height=640)
        (image,) = await house.completed(batch.id)
    return image


async def approve(house: House, image: ImageDocument) -> ImageDocument:
    batch = await house.database.batches.get(image.batch_id)
    assert batch is not None
    event = ImageApproved(
        batch_id=image.batch_id,
        image_id=image.id,
        index=image.index,
        reviewer="default",
        publish=batch.request.auto_publish,
    )
    approved = await house.database.images.transition(
        image.id, ImageState.APPROVED, changes={"reviewer": "default"}, messages=[house.outbox.event(event)]
    )
    assert approved is not None
    await house.outbox.publish(house.database.images, approved)
    return approved


async def ended(house: House, image: ImageDocument, count: int) -> list[PublicationDocument]:
    final = [str(PublicationState.PUBLISHED), str(PublicationState.FAILED)]

    async def look() -> list[PublicationDocument] | None:
        found = await house.database.publications.find({"image_id": image.id, "state": {"$in": final}})
        return found if len(found) == count else None

    return await eventually(look, within_s=30)


async def test_an_approved_image_becomes_the_products_of_its_rule(house: House, vendors: VendorSandbox) -> None:
    image = await image_with_rule(house, T_SHIRT, POSTER)
    async with publisher(house, vendors):
        await approve(house, image)
        publications = await ended(house, image, 2)
    assert {publication.state for publication in publications} == {PublicationState.PUBLISHED}
    assert vendors.stats("printify")["products"] == vendors.stats("printify")["published"] == 1
    assert vendors.stats("shopify")["products"] == vendors.stats("shopify")["published"] == 1
    assert (await house.audit()).drifts == ()


async def test_an_approval_that_comes_twice_makes_one_product(house: House, vendors: VendorSandbox) -> None:
    image = await image_with_rule(house, POSTER)
    async with publisher(house, vendors):
        approved = await approve(house, image)
        await ended(house, image, 1)
        again = house.outbox.event(
            ImageApproved(
                batch_id=image.batch_id,
                image_id=image.id,
                index=0,
                reviewer="default",
                publish=(PublishTarget.model_validate(POSTER),),
            )
        )
        await house.outbox.send(again)
        target = PublishTarget.model_validate(POSTER)
        same = await request_publication(house.database, house.outbox, approved, target, again=True)
        assert same.state is PublicationState.PUBLISHED
    assert vendors.stats("shopify")["products"] == 1


@pytest.mark.parametrize("target", [T_SHIRT, POSTER], ids=["printify", "shopify"])
@pytest.mark.parametrize("write", range(4))
async def test_a_publisher_that_dies_after_any_step_finishes_the_same_product(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch, target: dict[str, str], write: int
) -> None:
    image = await image_with_rule(house, target)
    reached = asyncio.Event()
    writes = 0
    real = MongoJournal._write

    async def die_at(self: MongoJournal, changes: dict[str, object]) -> None:
        nonlocal writes
        writes += 1
        if writes == write + 1:
            reached.set()
            await asyncio.Event().wait()
        await real(self, changes)

    with monkeypatch.context() as patch:
        patch.setattr(MongoJournal, "_write", die_at)
        async with publisher(house, vendors):
            await approve(house, image)
            async with asyncio.timeout(20):
                waiting = asyncio.create_task(reached.wait())
                done = asyncio.create_task(ended(house, image, 1))
                await asyncio.wait({waiting, done}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                done.cancel()
    async with publisher(house, vendors):
        (publication,) = await ended(house, image, 1)
    assert publication.state is PublicationState.PUBLISHED
    stats = vendors.stats(target["platform"])
    assert (stats["products"], stats["published"]) == (1, 1)
    assert (await house.audit()).drifts == ()


async def test_a_shop_that_refuses_fails_the_publication_with_its_reason_and_asking_again_revives_it(
    house: House, vendors: VendorSandbox
) -> None:
    image = await image_with_rule(house, T_SHIRT)
    async with publisher(house, vendors, printify_token="not-the-token"):
        approved = await approve(house, image)
        (publication,) = await ended(house, image, 1)
        await eventually(house.dead)
    assert publication.state is PublicationState.FAILED
    assert publication.error is not None
    assert publication.error.kind is ErrorKind.AUTH
    assert "PRESSROOM_PRINTIFY_TOKEN" in publication.error.message
    assert (await house.audit()).drifts == ()

    async with publisher(house, vendors):
        target = PublishTarget.model_validate(T_SHIRT)
        await request_publication(house.database, house.outbox, approved, target, again=True)

        async def published() -> bool:
            found = await house.database.publications.get(publication.id)
            return found is not None and found.state is PublicationState.PUBLISHED

        await eventually(published)
    assert vendors.stats("printify")["products"] == 1
    assert (await house.audit()).drifts == ()
