"""CloudEvents in binary mode: what is written is read, and what is not ours is told apart from what is broken."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from pressroom.contracts.cloudevents import UnreadableEvent, body_of, headers_for, read_event, timestamp
from pressroom.contracts.events import EVENT_TYPES, BatchCancelled, Event

from .test_golden_messages import golden

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("model", EVENT_TYPES)
def test_every_event_survives_its_headers_and_its_body(model: type[Event]) -> None:
    event = model.model_validate_json(golden(model.type_name()))
    headers = headers_for(model.type_name(), source="gateway", traceparent=TRACE)
    received = read_event(headers, body_of(event))
    assert received.data == event
    assert (received.id, received.type) == (headers["ce-id"], model.type_name())
    assert (received.source, received.time) == ("/pressroom/gateway", headers["ce-time"])


def test_the_headers_are_those_of_cloudevents_1_0_and_the_stream_s_own_id() -> None:
    headers = headers_for("pressroom.batch.cancelled.v1", source="gateway", event_id="evt_1", traceparent=TRACE)
    moment = datetime.fromisoformat(headers.pop("ce-time"))
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "evt_1",
        "ce-type": "pressroom.batch.cancelled.v1",
        "ce-source": "/pressroom/gateway",
        "content-type": "application/json",
        "Nats-Msg-Id": "evt_1",
        "traceparent": TRACE,
    }


def test_a_message_without_a_trace_says_nothing_of_one() -> None:
    assert "traceparent" not in headers_for("pressroom.batch.cancelled.v1", source="gateway")


def test_every_message_has_an_id_of_its_own() -> None:
    made = {headers_for("pressroom.batch.cancelled.v1", source="x")["ce-id"] for _ in range(1000)}
    assert len(made) == 1000


def test_times_are_told_in_utc_to_the_millisecond() -> None:
    noon_in_berlin = datetime(2026, 11, 20, 12, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(noon_in_berlin) == "2026-11-20T11:00:00.123Z"


@pytest.mark.parametrize("headers", [None, {}, {"ce-type": "pressroom.batch.cancelled.v99"}, {"Ce-Type": "x"}])
def test_a_message_of_no_known_type_says_which_types_are_known(headers: dict[str, str] | None) -> None:
    with pytest.raises(UnreadableEvent, match=r"unknown event type.*pressroom\.batch\.cancelled\.v1"):
        read_event(headers, b"{}")


@pytest.mark.parametrize("body", [b"", b"not JSON", b"\xff\xfe", b"[]", b"null", b"7", b"{}", b'{"batch_id": "a.b"}'])
def test_a_body_that_is_not_the_event_is_refused(body: bytes) -> None:
    headers = headers_for(BatchCancelled.type_name(), source="x")
    with pytest.raises(ValidationError):
        read_event(headers, body)


def test_a_message_with_only_its_type_is_still_read() -> None:
    received = read_event({"ce-type": BatchCancelled.type_name()}, json.dumps({"batch_id": "b"}).encode())
    assert received.data == BatchCancelled(batch_id="b")
    assert received.id == ""
