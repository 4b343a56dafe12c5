"""`/v1/dead-letters`: seen, sent again, and thrown away."""

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.subjects import DEAD_STREAM, EVENTS_STREAM, story_filter
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.runtime.dead_letters import bury

from ..house import House
from .serving import Gateway, problem_of

CONSUMER = "image-worker-batch-cancelled"


async def letters(house: House, count: int) -> None:
    """So many events that nobody could handle, of the batches `batch-0`, `batch-1`, …"""
    reader = await house.js.pull_subscribe_bind(consumer=CONSUMER, stream=EVENTS_STREAM)
    for number in range(count):
        await house.outbox.send(house.outbox.event(BatchCancelled(batch_id=f"batch-{number}")))
        (message,) = await reader.fetch(1, timeout=5)
        report = ErrorReport(kind=ErrorKind.UNKNOWN, message=f"cannot handle {number}", recoverable=True)
        await bury(house.js, message, report, attempt=5)
        await message.term()


async def test_they_are_listed_oldest_first_with_their_reason(gateway: Gateway) -> None:
    await letters(gateway.house, 3)
    first = (await gateway.http.get("/v1/dead-letters?limit=2")).json()
    rest = (await gateway.http.get(f"/v1/dead-letters?limit=2&cursor={first['next_cursor']}")).json()
    shown = first["items"] + rest["items"]
    assert [letter["sequence"] for letter in shown] == [1, 2, 3]
    assert rest["next_cursor"] is None
    letter = (await gateway.http.get("/v1/dead-letters/2")).json()
    assert letter == shown[1]
    assert letter.pop("died_at")
    assert letter == {
        "sequence": 2,
        "consumer": f"{EVENTS_STREAM}.{CONSUMER}",
        "subject": "pressroom.event.batch.cancelled.batch-1",
        "kind": "unknown",
        "reason": "cannot handle 1",
        "attempt": 5,
        "body": '{"batch_id":"batch-1"}',
    }


async def test_one_is_sent_to_where_it_came_from_and_is_gone(gateway: Gateway) -> None:
    await letters(gateway.house, 2)
    answer = await gateway.http.post("/v1/dead-letters/2/replay")
    assert (answer.status_code, answer.json()) == (200, {"replayed": [2]})
    assert len(await gateway.house.events(story_filter("batch-1"))) == 2
    problem_of(await gateway.http.get("/v1/dead-letters/2"), 404, "not-found")
    problem_of(await gateway.http.post("/v1/dead-letters/2/replay"), 404, "not-found")
    assert [letter["sequence"] for letter in (await gateway.http.get("/v1/dead-letters")).json()["items"]] == [1]


async def test_all_are_sent_again(gateway: Gateway) -> None:
    await letters(gateway.house, 3)
    assert (await gateway.http.post("/v1/dead-letters/replay")).json() == {"replayed": [1, 2, 3]}
    assert (await gateway.http.post("/v1/dead-letters/replay")).json() == {"replayed": []}
    assert (await gateway.house.js.stream_info(DEAD_STREAM)).state.messages == 0


async def test_one_is_thrown_away(gateway: Gateway) -> None:
    await letters(gateway.house, 1)
    assert (await gateway.http.delete("/v1/dead-letters/1")).status_code == 204
    problem_of(await gateway.http.delete("/v1/dead-letters/1"), 404, "not-found")
    assert len(await gateway.house.events(story_filter("batch-0"))) == 1
