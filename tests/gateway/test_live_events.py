"""Server-sent events: nothing is lost and nothing is repeated, whoever goes away in between."""

import time

import httpx
import pytest

from pressroom.cli.servers import NatsServer
from pressroom.contracts.events import BatchAccepted, BatchCancelled, BatchRequested

from ..house import House
from .event_stream import EventStream, Frame, listening
from .serving import Gateway, fields_named_in, problem_of, serving


async def is_listening(stream: EventStream) -> None:
    """Once the stream has told that it is alive, its place in the events is taken."""
    while (await stream.frame()).comment != "alive":
        pass


def types_of(frames: list[Frame]) -> list[str]:
    return [frame.event for frame in frames]


async def test_a_batch_tells_its_story_from_the_beginning(gateway: Gateway) -> None:
    batch = await gateway.planned()
    await gateway.batch()
    async with listening(gateway, f"/v1/batches/{batch.id}/events") as stream:
        told = await stream.events(2)
        await gateway.http.post(f"/v1/batches/{batch.id}/cancel")
        told.append(await stream.event())
    assert types_of(told) == [kind.type_name() for kind in (BatchRequested, BatchAccepted, BatchCancelled)]
    assert [frame.data["data"]["batch_id"] for frame in told] == [batch.id] * 3


async def test_an_event_comes_with_its_attributes(gateway: Gateway) -> None:
    batch = await gateway.batch()
    async with listening(gateway, f"/v1/batches/{batch['id']}/events") as stream:
        frame = await stream.event()
    (stored,) = await gateway.house.events()
    assert frame.data == {
        "id": stored.id,
        "type": stored.type,
        "source": "/pressroom/gateway",
        "time": stored.time,
        "data": stored.data.model_dump(mode="json"),
    }


async def test_everything_is_told_from_now_on(gateway: Gateway) -> None:
    await gateway.batch()
    async with listening(gateway, "/v1/events") as stream:
        await is_listening(stream)
        made = [(await gateway.batch())["id"] for _ in range(3)]
        told = await stream.events(3)
    assert [frame.data["data"]["batch_id"] for frame in told] == made


async def test_an_event_is_heard_as_soon_as_it_happens(house: House) -> None:
    async with serving(house, live_heartbeat_s=10) as gateway:
        batch = await gateway.planned()
        async with listening(gateway, f"/v1/batches/{batch.id}/events") as stream:
            await stream.events(2)
            began = time.monotonic()
            await gateway.http.post(f"/v1/batches/{batch.id}/cancel")
            await stream.event()
            took_s = time.monotonic() - began
    assert took_s < 4


@pytest.mark.parametrize("asked", ["header", "query"])
async def test_a_listener_goes_on_after_the_last_event_that_it_saw(gateway: Gateway, asked: str) -> None:
    made = [(await gateway.batch())["id"] for _ in range(4)]
    async with listening(gateway, "/v1/events?after=0") as stream:
        seen = await stream.events(2)
    last = str(seen[-1].id)
    path, headers = ("/v1/events", {"Last-Event-ID": last}) if asked == "header" else (f"/v1/events?after={last}", {})
    async with listening(gateway, path, **headers) as stream:
        rest = await stream.events(2)
    assert [frame.data["data"]["batch_id"] for frame in (*seen, *rest)] == made


async def test_a_batch_s_listener_goes_on_too(gateway: Gateway) -> None:
    batch = await gateway.planned()
    path = f"/v1/batches/{batch.id}/events"
    async with listening(gateway, path) as stream:
        first = await stream.event()
    async with listening(gateway, path, **{"Last-Event-ID": str(first.id)}) as stream:
        second = await stream.event()
    assert types_of([first, second]) == [BatchRequested.type_name(), BatchAccepted.type_name()]


async def test_a_silent_stream_says_that_it_is_alive(gateway: Gateway) -> None:
    async with listening(gateway, "/v1/events") as stream:
        comments = [(await stream.frame()).comment for _ in range(3)]
    assert comments == ["connected", "alive", "alive"]


async def test_a_message_that_is_no_event_is_shown_as_one_that_cannot_be_read(gateway: Gateway) -> None:
    batch = await gateway.batch()
    subject = f"pressroom.event.batch.requested.{batch['id']}"
    await gateway.house.js.publish(subject, b"not JSON", stream="EVENTS")
    async with listening(gateway, f"/v1/batches/{batch['id']}/events") as stream:
        told = await stream.events(2)
    assert types_of(told) == [BatchRequested.type_name(), "unreadable"]
    assert told[1].data == {"subject": subject}


@pytest.mark.parametrize("place", ["-1", "x", "1.5"])
async def test_a_place_that_is_no_place_is_refused_by_name(edge: httpx.AsyncClient, place: str) -> None:
    by_header = await edge.get("/v1/events", headers={"Last-Event-ID": place})
    assert fields_named_in(problem_of(by_header, 422, "invalid-request")) == ["last-event-id"]
    by_query = await edge.get("/v1/events", params={"after": place})
    assert fields_named_in(problem_of(by_query, 422, "invalid-request")) == ["after"]


async def test_a_killed_nats_server_costs_a_listener_nothing(nats_server: NatsServer, own_house: House) -> None:
    async with serving(own_house) as gateway, listening(gateway, "/v1/events?after=0") as stream:
        before = [(await gateway.batch())["id"] for _ in range(3)]
        told = await stream.events(3)
        nats_server.kill()
        while_away = (await gateway.batch())["id"]
        nats_server.start()
        told.append(await stream.event())
        after = (await gateway.batch())["id"]
        told.append(await stream.event())
    assert [frame.data["data"]["batch_id"] for frame in told] == [*before, while_away, after]
    assert [frame.id for frame in told] == sorted({frame.id for frame in told})


async def test_a_listener_that_left_before_the_kill_resumes_after_it(nats_server: NatsServer, own_house: House) -> None:
    async with serving(own_house) as gateway:
        made = [(await gateway.batch())["id"] for _ in range(2)]
        async with listening(gateway, "/v1/events?after=0") as stream:
            first = await stream.event()
        nats_server.kill()
        nats_server.start()
        async with listening(gateway, "/v1/events", **{"Last-Event-ID": str(first.id)}) as stream:
            second = await stream.event()
    assert [frame.data["data"]["batch_id"] for frame in (first, second)] == made
