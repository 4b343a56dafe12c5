"""Credits move once and all together: whoever asks at the same time, however often, and whatever is interrupted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import BatchState, LedgerKind, ProviderName
from pressroom.state.accounts import AccountDocument, EntryDocument, HoldDocument, hold_of
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument
from pressroom.state.ledger import GivenBack, Ledger, NotEnough, Outcome

OWNER = "user_ann"
PRICE = 4000
CAPTURED, RELEASED = Outcome(is_captured=True), Outcome(is_captured=False, note="it failed")


@pytest.fixture
async def database(mongo_url: str, mongo_database: str) -> AsyncIterator[Database]:
    opened = Database(mongo_url, mongo_database)
    await opened.make_indexes()
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return database.ledger


def a_hold(batch_id: str, images: int = 1, retry_id: str | None = None, owner: str = OWNER) -> HoldDocument:
    return hold_of(batch_id, owner, PRICE, range(images), datetime.now(UTC), retry_id)


def a_batch(batch_id: str, key: str | None = None, owner: str = OWNER) -> BatchDocument:
    now = datetime.now(UTC)
    return BatchDocument(
        _id=batch_id,
        created_at=now,
        updated_at=now,
        swept_at=now,
        state=BatchState.REQUESTED,
        owner=owner,
        request=BatchRequest(provider=ProviderName.STUDIO, prompt="x"),
        fingerprint="f",
        idempotency_key=key,
    )


async def top_up(ledger: Ledger, amount: int, entry_id: str = "paid") -> tuple[EntryDocument, bool]:
    return await ledger.give(OWNER, LedgerKind.TOPUP, amount, by="admin", note="an invoice", entry_id=entry_id)


async def amounts(ledger: Ledger) -> tuple[int, int, int]:
    account = await ledger.account(OWNER)
    return account.available, account.held, account.spent


async def told(ledger: Ledger) -> list[tuple[LedgerKind, int, int]]:
    """Oldest first: kind, amount, balance. Each balance follows from the one before, the last is the account's."""
    entries = [entry async for entry in ledger.every_entry(OWNER)]
    balance = 0
    for number, entry in enumerate(entries, start=1):
        balance += entry.amount
        assert (entry.sequence, entry.balance) == (number, balance)
    account = await ledger.account(OWNER)
    assert (account.entries, account.available) == (len(entries), balance)
    return [(entry.kind, entry.amount, entry.balance) for entry in entries]


async def open_transactions(database: Database) -> list[dict[str, Any]]:
    """What the server has begun and not ended."""
    admin = database.batches.raw.database.client.admin
    sessions = {"$currentOp": {"idleSessions": True, "allUsers": True}}
    return [one async for one in admin.aggregate([sessions, {"$match": {"transaction": {"$exists": True}}}])]


async def test_an_account_that_nothing_was_booked_on_is_empty(ledger: Ledger) -> None:
    assert await ledger.account(OWNER) == AccountDocument(_id=OWNER)
    assert await ledger.page(OWNER) == []


async def test_what_is_held_is_captured_or_given_back_image_by_image(ledger: Ledger) -> None:
    await top_up(ledger, 20_000)
    hold = await ledger.hold(a_hold("batch", 3))
    assert await amounts(ledger) == (8_000, 12_000, 0)
    assert await ledger.settle(hold, {0: CAPTURED, 2: RELEASED})
    assert await amounts(ledger) == (12_000, 4_000, 4_000)
    assert await ledger.settle(hold, {1: CAPTURED})
    assert await amounts(ledger) == (12_000, 0, 8_000)
    assert await ledger.open_holds("batch") == []
    assert await told(ledger) == [
        (LedgerKind.TOPUP, 20_000, 20_000),
        (LedgerKind.HOLD, -12_000, 8_000),
        (LedgerKind.CAPTURE, 0, 8_000),
        (LedgerKind.RELEASE, 4_000, 12_000),
        (LedgerKind.CAPTURE, 0, 12_000),
    ]


async def test_a_hold_that_the_account_cannot_cover_writes_nothing(ledger: Ledger) -> None:
    await top_up(ledger, 7_999)
    with pytest.raises(NotEnough) as refused:
        await ledger.hold(a_hold("batch", 2))
    assert refused.value.available == 7_999
    assert await amounts(ledger) == (7_999, 0, 0)
    assert await ledger.open_holds("batch") == []
    assert len(await told(ledger)) == 1


async def test_a_hold_is_made_once_also_when_nothing_is_left_for_a_second(ledger: Ledger) -> None:
    await top_up(ledger, 4_000)
    for _ in range(3):
        await ledger.hold(a_hold("batch"))
    assert await amounts(ledger) == (0, 4_000, 0)


async def test_the_same_hold_by_twenty_at_once_is_made_once(ledger: Ledger) -> None:
    await top_up(ledger, 400_000)
    await asyncio.gather(*(ledger.hold(a_hold("batch", 5)) for _ in range(20)))
    assert await amounts(ledger) == (380_000, 20_000, 0)
    assert len(await told(ledger)) == 2


async def test_a_hold_that_was_given_back_is_not_made_again(ledger: Ledger) -> None:
    await top_up(ledger, 4_000)
    hold = await ledger.hold(a_hold("batch"))
    await ledger.settle(hold, {0: RELEASED})
    with pytest.raises(GivenBack):
        await ledger.hold(a_hold("batch"))
    assert await amounts(ledger) == (4_000, 0, 0)


async def test_an_image_is_settled_once_whoever_settles_it(ledger: Ledger) -> None:
    await top_up(ledger, 4_000)
    hold = await ledger.hold(a_hold("batch"))
    outcomes = [CAPTURED, RELEASED] * 5
    settled = await asyncio.gather(*(ledger.settle(hold, {0: outcome}) for outcome in outcomes))
    assert Counter(settled) == {True: 1, False: 9}
    available, held, spent = await amounts(ledger)
    assert (available + spent, held) == (4_000, 0)
    assert len(await told(ledger)) == 3


async def test_fifty_holds_at_once_on_a_balance_for_ten_are_ten(ledger: Ledger) -> None:
    await top_up(ledger, 10 * PRICE + 3_999)
    holds = [ledger.hold(a_hold(f"batch-{number}")) for number in range(50)]
    found = await asyncio.gather(*holds, return_exceptions=True)
    assert Counter(type(one) for one in found) == {HoldDocument: 10, NotEnough: 40}
    assert await amounts(ledger) == (3_999, 40_000, 0)
    assert len(await told(ledger)) == 11


async def test_a_batch_and_its_hold_are_stored_together_or_not_at_all(database: Database) -> None:
    ledger = database.ledger
    await top_up(ledger, 8_000)
    assert await ledger.store_batch(a_batch("one", "key"), a_hold("one"))
    assert not await ledger.store_batch(a_batch("two", "key"), a_hold("two"))
    assert await amounts(ledger) == (4_000, 4_000, 0)
    with pytest.raises(NotEnough):
        await ledger.store_batch(a_batch("three"), a_hold("three", 2))
    assert [batch.id for batch in await database.batches.find({})] == ["one"]
    # Known by its key, whatever the account has by now.
    await ledger.hold(a_hold("four"))
    assert not await ledger.store_batch(a_batch("five", "key"), a_hold("five"))


async def test_a_step_that_is_interrupted_between_its_writes_has_written_nothing(database: Database) -> None:
    ledger = database.ledger
    await top_up(ledger, 8_000)
    # In the way of the last write of a hold: the index of entries takes no second entry of this id.
    await ledger.entries.insert_one({"_id": "batch:hold", "owner": "somebody", "sequence": 1})
    with pytest.raises(Exception, match="duplicate key"):
        await ledger.store_batch(a_batch("batch"), a_hold("batch"))
    assert await amounts(ledger) == (8_000, 0, 0)
    assert await ledger.open_holds("batch") == []
    assert await database.batches.get("batch") is None
    assert len(await told(ledger)) == 1


async def test_who_is_cancelled_in_the_middle_leaves_nothing_open_that_others_wait_for(database: Database) -> None:
    ledger = database.ledger
    owners = [f"user_{number}" for number in range(40)]
    for owner in owners:
        await ledger.give(owner, LedgerKind.TOPUP, PRICE, by="admin", note="an invoice", entry_id=f"paid-{owner}")
    for after in (0, 2, 8):
        asked = [
            asyncio.create_task(ledger.store_batch(a_batch(owner, owner=owner), a_hold(owner, owner=owner)))
            for owner in owners
        ]
        # By turns of the loop: more and more of them are on their way.
        for _ in range(after):
            await asyncio.sleep(0.001)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert await open_transactions(database) == []
    for owner in owners:
        account = await ledger.account(owner)
        held = await ledger.open_holds(owner)
        assert (account.held > 0) == bool(held) == (await database.batches.get(owner) is not None)


async def test_what_is_booked_twice_under_one_id_is_booked_once(ledger: Ledger) -> None:
    booked = await asyncio.gather(*(top_up(ledger, 5_000) for _ in range(10)))
    assert Counter(is_new for _, is_new in booked) == {True: 1, False: 9}
    assert len({entry.id for entry, _ in booked}) == 1
    assert await amounts(ledger) == (5_000, 0, 0)


async def test_an_adjustment_may_leave_less_than_nothing_and_then_nothing_is_held(ledger: Ledger) -> None:
    await top_up(ledger, 5_000)
    await ledger.give(OWNER, LedgerKind.ADJUSTMENT, -6_000, by="admin", note="it was another's", entry_id="back")
    assert await amounts(ledger) == (-1_000, 0, 0)
    with pytest.raises(NotEnough):
        await ledger.hold(a_hold("batch"))


async def test_entries_are_paged_newest_first(ledger: Ledger) -> None:
    for number in range(5):
        await top_up(ledger, 1_000, f"paid-{number}")
    first = await ledger.page(OWNER, limit=2)
    second = await ledger.page(OWNER, before=first[-1].sequence, limit=2)
    assert [entry.sequence for entry in (*first, *second)] == [5, 4, 3, 2]


async def test_a_hold_that_was_asked_for_again_is_not_given_back_as_forgotten(ledger: Ledger) -> None:
    await top_up(ledger, 4_000)
    hold = await ledger.hold(a_hold("batch"))
    long_ago = hold.updated_at - timedelta(minutes=1)
    assert not await ledger.settle(hold, {0: RELEASED}, untouched_since=long_ago)
    assert await ledger.settle(hold, {0: RELEASED}, untouched_since=datetime.now(UTC))


async def test_what_is_held_for_one_image_is_found_without_the_others(ledger: Ledger) -> None:
    await top_up(ledger, 40_000)
    await ledger.hold(a_hold("batch", 5))
    (found,) = await ledger.open_holds("batch", 3)
    assert (found.id, found.open, found.price) == ("batch", (3,), PRICE)
    assert await ledger.settle(found, {3: CAPTURED})
    assert await ledger.open_holds("batch", 3) == []
    (whole,) = await ledger.open_holds("batch")
    assert whole.open == (0, 1, 2, 4)


async def test_open_holds_are_swept_by_turns(ledger: Ledger) -> None:
    await top_up(ledger, 8_000)
    done, left = await ledger.hold(a_hold("done")), await ledger.hold(a_hold("left"))
    await ledger.settle(done, {0: CAPTURED})
    now = datetime.now(UTC)
    swept = await ledger.next_to_sweep(not_since=now)
    assert swept is not None
    assert swept.id == left.id
    assert await ledger.next_to_sweep(not_since=now) is None
