"""`/v1/dead-letters`: seen, sent again, and thrown away."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from nats.aio.msg import Msg

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.subjects import DEAD_STREAM, EVENTS_STREAM, dead_subject, story_filter
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.runtime.dead_letters import CUT_FROM, ORIGINAL_SUBJECT, bury

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
        "cut_from": None,
        "body": '{"batch_id":"batch-1"}',
    }


async def test_one_is_sent_to_where_it_came_from_and_is_gone(gateway: Gateway) -> None:
    await letters(gateway.house, 2)
    answer = await gateway.http.post("/v1/dead-letters/2/replay")
    assert (answer.status_code, answer.json()) == (200, {"replayed": [2], "refused": []})
    assert len(await gateway.house.events(story_filter("batch-1"))) == 2
    problem_of(await gateway.http.get("/v1/dead-letters/2"), 404, "not-found")
    problem_of(await gateway.http.post("/v1/dead-letters/2/replay"), 404, "not-found")
    assert [letter["sequence"] for letter in (await gateway.http.get("/v1/dead-letters")).json()["items"]] == [1]


async def test_all_are_sent_again(gateway: Gateway) -> None:
    await letters(gateway.house, 3)
    assert (await gateway.http.post("/v1/dead-letters/replay")).json() == {"replayed": [1, 2, 3], "refused": []}
    assert (await gateway.http.post("/v1/dead-letters/replay")).json() == {"replayed": [], "refused": []}
    assert (await gateway.house.js.stream_info(DEAD_STREAM)).state.messages == 0


async def test_one_is_thrown_away(gateway: Gateway) -> None:
    await letters(gateway.house, 1)
    assert (await gateway.http.delete("/v1/dead-letters/1")).status_code == 204
    problem_of(await gateway.http.delete("/v1/dead-letters/1"), 404, "not-found")
    assert len(await gateway.house.events(story_filter("batch-0"))) == 1


async def a_letter(house: House, subject: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    """One more letter, of a message that came to `subject`; its sequence."""
    known = {ORIGINAL_SUBJECT: subject} | (headers or {})
    written = await house.js.publish(dead_subject(EVENTS_STREAM, CONSUMER), body, stream=DEAD_STREAM, headers=known)
    return written.seq


async def test_what_is_not_whole_is_not_sent_again_and_stays(gateway: Gateway) -> None:
    cut = await a_letter(gateway.house, "pressroom.event.batch.cancelled.cut", b'{"batch_', {CUT_FROM: "21"})
    assert (await gateway.http.get(f"/v1/dead-letters/{cut}")).json()["cut_from"] == 21
    problem = problem_of(await gateway.http.post(f"/v1/dead-letters/{cut}/replay"), 409, "letter-is-cut")
    assert "8 of its 21 bytes" in problem["detail"]
    assert await gateway.house.events(story_filter("cut")) == []
    assert (await gateway.http.get(f"/v1/dead-letters/{cut}")).status_code == 200


async def test_one_that_is_refused_does_not_hold_up_the_others(gateway: Gateway) -> None:
    await letters(gateway.house, 1)
    strange = await a_letter(gateway.house, "pressroom.of.no.stream", b"{}")
    cut = await a_letter(gateway.house, "pressroom.event.batch.cancelled.cut", b"{", {CUT_FROM: "21"})
    await letters(gateway.house, 1)
    told = (await gateway.http.post("/v1/dead-letters/replay")).json()
    assert told["replayed"] == [1, cut + 1]
    assert [(letter["sequence"], letter["type"].rpartition(":")[2]) for letter in told["refused"]] == [
        (strange, "not-replayed"),
        (cut, "letter-is-cut"),
    ]
    shown = (await gateway.http.get("/v1/dead-letters")).json()["items"]
    assert [letter["sequence"] for letter in shown] == [strange, cut]


@contextlib.asynccontextmanager
async def everything_dies_again(house: House) -> AsyncGenerator[None]:
    """Each event that comes is a letter in the same moment."""

    async def dies(message: Msg) -> None:
        await a_letter(house, message.subject, b"{}")

    heard = await house.client.subscribe("pressroom.event.>", cb=dies)
    try:
        yield
    finally:
        await heard.unsubscribe()


async def test_sending_all_ends_when_they_die_again(gateway: Gateway) -> None:
    await letters(gateway.house, 3)
    async with everything_dies_again(gateway.house), asyncio.timeout(20):
        told = (await gateway.http.post("/v1/dead-letters/replay")).json()
    assert told == {"replayed": [1, 2, 3], "refused": []}


async def test_a_list_shows_the_beginning_of_a_body_and_one_alone_all_of_it(gateway: Gateway) -> None:
    sequence = await a_letter(gateway.house, "pressroom.event.batch.cancelled.long", b"x" * 100_000)
    (listed,) = (await gateway.http.get("/v1/dead-letters")).json()["items"]
    assert listed["body"] == "x" * 4096
    assert len((await gateway.http.get(f"/v1/dead-letters/{sequence}")).json()["body"]) == 100_000
