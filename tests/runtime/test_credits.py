"""What a batch costs, what becomes of what was held for it, and what the audit finds where that is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pressroom.contracts.credits import as_credits
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import BatchState, Category, ImageState, LedgerKind, Mode, ProviderName
from pressroom.runtime.credit_prices import CreditPrice, price_of
from pressroom.runtime.credit_settling import CreditSettling, outcome
from pressroom.runtime.settings import Settings
from pressroom.state.accounts import HoldDocument, hold_of
from pressroom.state.batches import BatchFate
from pressroom.state.credit_audit import AccountFold
from pressroom.state.images import ImageFate
from pressroom.state.ledger import CANCELLED, FAILED, FORGOTTEN, MADE, PLACEHOLDER, REJECTED, Outcome
from pressroom.state.machines import IMAGE_READY

from ..house import House
from ..payers import a_payer, audited, balance, kinds

REQUEST = {"provider": "studio", "prompt": "x", "width": 64, "height": 64, "profile": "none"}


def a_batch(state: BatchState = BatchState.ACCEPTED, *retries: str) -> BatchFate:
    return BatchFate(state=state, retries=retries)


def a_hold(retry_id: str | None = None) -> HoldDocument:
    return hold_of("batch", "user", 4000, [0], datetime.now(UTC), retry_id)


def an_image(state: ImageState, retry: str | None = None, provider: ProviderName = ProviderName.GEMINI) -> ImageFate:
    return ImageFate(index=0, state=state, provider=provider, retry=retry)


@pytest.mark.parametrize(
    ("category", "realtime", "batch"),
    [
        (Category.CHARACTER, "4", "2"),
        (Category.FOOD, "4", "2"),
        (Category.PRODUCT, "5", "2.5"),
        (Category.TEXT_TO_IMAGE, "4", "2"),
    ],
)
def test_a_picture_costs_what_its_category_does_and_half_in_batches(
    category: Category, realtime: str, batch: str
) -> None:
    request = BatchRequest.model_validate(REQUEST | {"category": category})
    found = [str(as_credits(price_of(request, mode, {}))) for mode in (Mode.REALTIME, Mode.BATCH)]
    assert found == [realtime, batch]


def test_a_text_has_a_price_of_its_own() -> None:
    request = BatchRequest.model_validate({"provider": "gemini", "prompt": "x", "mode": "batch", "text_kind": "plain"})
    assert str(as_credits(price_of(request, Mode.BATCH, {}))) == "0.5"


def test_a_deployments_own_price_replaces_that_of_its_category_alone() -> None:
    prices = Settings.model_validate({"credit_prices": {"food": {"realtime": "3", "batch": "1.125"}}}).credit_prices
    food, product = (BatchRequest.model_validate(REQUEST | {"category": name}) for name in ("food", "product"))
    assert (price_of(food, Mode.BATCH, prices), price_of(product, Mode.BATCH, prices)) == (1125, 2500)


@pytest.mark.parametrize(
    "price", [{"realtime": "0.0001", "batch": "1"}, {"realtime": "-1", "batch": "1"}, {"realtime": "4"}]
)
def test_a_price_that_cannot_be_booked_is_refused_at_the_start(price: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CreditPrice.model_validate(price)


@pytest.mark.parametrize(
    "wrong", [{"category": "text"}, {"category": "portrait"}, {"text_kind": "plain", "category": "food"}]
)
def test_a_category_says_what_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="category"):
        BatchRequest.model_validate(REQUEST | wrong)


IN_WORK = (ImageState.PLANNED, ImageState.QUEUED, ImageState.GENERATING, ImageState.FINISHING)


@pytest.mark.parametrize(
    ("batch", "image", "expected"),
    [
        *((a_batch(), an_image(state), None) for state in IN_WORK),
        *((a_batch(), an_image(state), MADE) for state in IMAGE_READY),
        (a_batch(), an_image(ImageState.FAILED), FAILED),
        (a_batch(), an_image(ImageState.CANCELLED), CANCELLED),
        (a_batch(), an_image(ImageState.GENERATED, provider=ProviderName.PLACEHOLDER), PLACEHOLDER),
        (a_batch(), None, None),
        (a_batch(BatchState.SCHEDULED), None, None),
        (a_batch(BatchState.REJECTED), None, REJECTED),
        (a_batch(BatchState.CANCELLED), None, CANCELLED),
        (a_batch(BatchState.CANCELLED), an_image(ImageState.GENERATING), None),
        (a_batch(BatchState.CANCELLED), an_image(ImageState.GENERATED), MADE),
        (None, None, FORGOTTEN),
    ],
)
def test_the_documents_say_what_becomes_of_a_hold(
    batch: BatchFate | None, image: ImageFate | None, expected: Outcome | None
) -> None:
    assert outcome(a_hold(), batch, image) == expected


@pytest.mark.parametrize(
    ("hold", "batch", "image", "expected"),
    [
        # Of the first round: whatever the image is now, it failed then.
        (None, a_batch(BatchState.ACCEPTED, "one"), an_image(ImageState.GENERATED, "one"), FAILED),
        # Of the retry that made it.
        ("one", a_batch(BatchState.COMPLETED, "one"), an_image(ImageState.GENERATED, "one"), MADE),
        ("one", a_batch(BatchState.COMPLETED, "one", "two"), an_image(ImageState.GENERATED, "two"), FAILED),
        # Of one that is on its way to this image, and of one that nobody goes on with.
        ("one", a_batch(BatchState.ACCEPTED, "one"), an_image(ImageState.FAILED), None),
        ("one", a_batch(BatchState.COMPLETED, "one"), an_image(ImageState.FAILED), FORGOTTEN),
        ("one", a_batch(BatchState.COMPLETED), an_image(ImageState.FAILED), FORGOTTEN),
        ("two", a_batch(BatchState.COMPLETED, "one"), an_image(ImageState.FAILED, "one"), FORGOTTEN),
    ],
)
def test_each_round_has_its_own_hold(
    hold: str | None, batch: BatchFate, image: ImageFate, expected: Outcome | None
) -> None:
    assert outcome(a_hold(hold), batch, image) == expected


async def test_what_nobody_goes_on_with_is_given_back_after_a_while_and_not_before(house: House) -> None:
    user = await a_payer(house, "10")
    ledger, settling = house.database.ledger, CreditSettling(house.database)
    hold = await ledger.hold(hold_of("batch-of-nobody", user.id, 4000, [0, 1], datetime.now(UTC)))
    await settling.settle(hold.batch_id)
    assert await balance(house, user) == ("2", "8", "0")
    await ledger.holds.update_one({"_id": hold.id}, {"$set": {"updated_at": datetime.now(UTC) - timedelta(hours=1)}})
    await settling.settle(hold.batch_id)
    assert await balance(house, user) == ("10", "0", "0")
    assert await kinds(house, user) == ["topup", "hold", "release", "release"]
    await audited(house)


async def test_the_sweep_settles_what_no_event_told_of(house: House) -> None:
    user = await a_payer(house, "10")
    hold = await house.database.ledger.hold(hold_of("batch-x", user.id, 4000, [0], datetime.now(UTC)))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    settling = CreditSettling(house.database)
    await house.database.ledger.holds.update_one({"_id": hold.id}, {"$set": {"updated_at": long_ago}})
    await settling.sweep()
    assert await balance(house, user) == ("6", "4", "0")
    await house.database.ledger.holds.update_one({"_id": hold.id}, {"$set": {"swept_at": long_ago}})
    await settling.sweep()
    assert await balance(house, user) == ("10", "0", "0")


@pytest.mark.parametrize(
    ("wrong", "entity", "told"),
    [
        ({"accounts": {"available": 1}}, "account", "available 2"),
        ({"accounts": {"held": 1}}, "account", "held 8"),
        ({"accounts": {"spent": 1}}, "account", "spent 0"),
        ({"holds": {"open": [0]}}, "hold", "2 images"),
        ({"holds": {"is_open": False}}, "hold", "open"),
        ({"ledger": {"amount": -1}}, "hold", "0.001"),
    ],
)
async def test_the_audit_finds_what_does_not_add_up(
    house: House, wrong: dict[str, dict[str, Any]], entity: str, told: str
) -> None:
    user = await a_payer(house, "10")
    ledger = house.database.ledger
    hold = await ledger.hold(hold_of("batch-x", user.id, 4000, [0, 1], datetime.now(UTC)))
    assert (await house.audit()).drifts == ()
    for name, fields in wrong.items():
        ids = {"accounts": user.id, "holds": hold.id, "ledger": f"{hold.id}:hold"}
        await house.database.batches.raw.database[name].update_one({"_id": ids[name]}, {"$set": fields})
    drifts = (await house.audit()).drifts
    assert (entity, told) in {(drift.entity, drift.told) for drift in drifts}, drifts


@pytest.mark.parametrize(("kind", "state"), [(LedgerKind.CAPTURE, "failed"), (LedgerKind.RELEASE, "generated")])
async def test_the_audit_finds_what_was_captured_and_not_made_or_made_and_not_captured(
    house: House, kind: LedgerKind, state: str
) -> None:
    user = await a_payer(house, "10")
    batch = await house.request(provider="studio", count=1)
    now = datetime.now(UTC)
    hold = await house.database.ledger.hold(hold_of(batch.id, user.id, 4000, [0], now))
    await house.database.ledger.settle(hold, {0: MADE if kind is LedgerKind.CAPTURE else CANCELLED})
    image = {"_id": f"{batch.id}-0000", "batch_id": batch.id, "index": 0, "state": state, "provider": "studio"}
    await house.database.images.raw.insert_one(image)
    fates = await house.database.images.fates(batch.id)
    assert fates[0].state == state
    fold = AccountFold(user.id)
    async for entry in house.database.ledger.every_entry(user.id):
        fold.feed(entry)
    async for stored in house.database.ledger.every_hold(user.id):
        fold.hold(stored, fates)
    (drift,) = fold.drifts(await house.database.ledger.account(user.id))
    assert (drift.entity, drift.stored) == ("credits of image", state)
