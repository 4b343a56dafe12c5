"""Rubbish of any size is answered and put away; it never holds up what comes behind it."""

import json
from typing import Any

from pressroom.contracts.events import BatchRejected, BatchRequested
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter
from pressroom.runtime.dead_letters import CUT_FROM

from ..house import House, ReadyProvider, eventually


async def send(house: House, batch_id: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    said = {"ce-type": BatchRequested.type_name()} | (headers or {})
    subject = event_filter(BatchRequested, batch_id)
    await house.js.publish(subject, body, stream=EVENTS_STREAM, headers=said, timeout=10)


async def test_a_message_as_large_as_the_server_takes_is_buried_as_far_as_it_fits(house: House) -> None:
    body = b"x" * (house.client.max_payload - 300)
    async with house.worker(ReadyProvider()):
        await send(house, "large", body)
        good = await house.request()
        await house.completed(good.id)
        (letter,) = await eventually(house.dead)
    assert letter.headers[CUT_FROM] == str(len(body))
    assert len(letter.data) > 0.99 * len(body)


async def test_headers_that_leave_no_room_for_the_reason_are_left_out(house: House) -> None:
    async with house.worker(ReadyProvider()):
        await send(house, "wordy", b"x", headers={"words": "y" * (64 * 1024 - 300)})
        (letter,) = await eventually(house.dead)
    assert letter.data == b"x"
    assert "words" not in letter.headers


async def test_of_very_many_reasons_the_first_are_told(house: House) -> None:
    wrong: dict[str, Any] = {"prompt": "", "seed": -1}
    body = {"batch_id": "many", "request": {"provider": "studio", "images": [wrong] * 9000}}
    async with house.worker(ReadyProvider()):
        await send(house, "many", json.dumps(body).encode())
        await eventually(house.dead)
    (event,) = await house.events(event_filter(BatchRejected, "many"))
    assert isinstance(event.data, BatchRejected)
    assert event.data.reasons[0].field == "request.images.0.prompt"
    assert event.data.reasons[-1].message.endswith("more things are wrong")
    assert len(event.data.reasons) < 100
