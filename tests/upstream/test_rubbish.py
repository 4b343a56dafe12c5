"""What is no request, by event: answered with reasons where there is an id, kept in DEAD, and no hindrance."""

import json
from typing import Any

import pytest

from pressroom.contracts.cloudevents import headers_for
from pressroom.contracts.events import BatchCompleted
from pressroom.contracts.subjects import event_filter

from .sender import GOOD, REQUEST, REQUESTED, Upstream

NO_JSON = [
    b"",
    b"not JSON",
    b'{"batch_id": "b1", ',
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'"b1"',
    b"[" * 100_000,
    b"x" * 1_000_000,
]


def a_body(batch_id: Any = "b1", **fields: Any) -> dict[str, Any]:
    return {"batch_id": batch_id, "request": REQUEST | fields}


async def test_what_is_not_json_is_answered_by_its_subject_and_kept(upstream: Upstream) -> None:
    for number, body in enumerate(NO_JSON):
        await upstream.send(f"b{number}", body)
    await upstream.goes_on()
    letters = await upstream.dead_letters(len(NO_JSON))
    assert [letter.data or b"" for letter in letters] == NO_JSON
    for number in range(len(NO_JSON)):
        (rejected,) = await upstream.rejections(f"b{number}")
        assert rejected.reasons
        assert not rejected.conflict


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"provider": "dalle"}, "request.provider"),
        ({"width": 63}, "request.width"),
        ({"seed": 2**32}, "request.seed"),
        ({"prompt": "x" * 4001}, "request.prompt"),
        ({"prompt": None}, "request"),
        ({"count": 26}, "count"),
        ({"provider": "gemini"}, "provider"),
        ({"provider": "flux", "mode": "auto", "text_kind": "plain"}, "provider"),
    ],
)
async def test_a_wrong_request_is_answered_with_its_field(
    upstream: Upstream, fields: dict[str, Any], field: str
) -> None:
    await upstream.ask("b1", **fields)
    await upstream.goes_on()
    (letter,) = await upstream.dead_letters(1)
    (rejected,) = await upstream.rejections("b1")
    assert [reason.field for reason in rejected.reasons] == [field]
    assert letter.headers is not None
    assert letter.headers["Pressroom-Subject"] == "pressroom.event.batch.requested.b1"
    assert letter.headers["Pressroom-Error-Kind"] == "validation"
    assert letter.headers["ce-type"] == REQUESTED
    assert field in letter.headers["Pressroom-Reason"]
    assert (await upstream.audit()).drifts == ()


@pytest.mark.parametrize("body", [{}, {"batch_id": "b1"}, {"request": REQUEST}, {"batch_id": 7, "request": REQUEST}])
async def test_a_wrong_shape_is_answered_by_the_id_or_the_subject(upstream: Upstream, body: dict[str, Any]) -> None:
    await upstream.send("b1", body)
    await upstream.goes_on()
    await upstream.dead_letters(1)
    (rejected,) = await upstream.rejections("b1")
    assert rejected.reasons


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ce-type": "pressroom.batch.requested.v99"},
        {"ce-type": "com.example.order"},
        {"ce-type": "pressroom.batch.completed.v1"},
    ],
)
async def test_a_message_that_is_no_request_by_its_headers_is_refused(
    upstream: Upstream, headers: dict[str, str]
) -> None:
    await upstream.send("b1", a_body(), headers=headers)
    await upstream.goes_on()
    await upstream.dead_letters(1)
    assert len(await upstream.rejections("b1")) == 1
    assert await upstream.house.database.batches.get("b1") is None


async def test_a_subject_that_names_another_batch_is_refused(upstream: Upstream) -> None:
    await upstream.send("b2", a_body("b1"))
    await upstream.goes_on()
    (letter,) = await upstream.dead_letters(1)
    (rejected,) = await upstream.rejections("b1")
    assert "pressroom.event.batch.requested.b1" in rejected.reasons[0].message
    assert letter.headers is not None
    assert letter.headers["Pressroom-Subject"] == "pressroom.event.batch.requested.b2"
    assert [await upstream.house.database.batches.get(name) for name in ("b1", "b2")] == [None, None]


async def test_an_id_that_is_no_subject_token_is_answered_by_the_subject(upstream: Upstream) -> None:
    await upstream.send("b1", a_body("orders.2026"))
    await upstream.goes_on()
    await upstream.dead_letters(1)
    (rejected,) = await upstream.rejections("b1")
    assert [reason.field for reason in rejected.reasons] == ["batch_id"]


async def test_where_there_is_no_id_at_all_there_is_still_a_dead_letter(upstream: Upstream) -> None:
    await upstream.send("-", b"not JSON")
    await upstream.goes_on()
    await upstream.dead_letters(1)
    assert await upstream.rejections("*") == []


async def test_an_id_with_another_body_is_a_conflict_and_the_first_batch_goes_on(upstream: Upstream) -> None:
    await upstream.ask("b1")
    await upstream.ask("b1", prompt="a loud harbour")
    await upstream.goes_on()
    (letter,) = await upstream.dead_letters(1)
    (rejected,) = await upstream.rejections("b1")
    assert rejected.conflict
    assert rejected.reasons[0].field == "batch_id"
    assert b"a loud harbour" in (letter.data or b"")
    (image,) = await upstream.house.completed("b1")
    assert image.prompt == "a quiet harbour"
    assert len(await upstream.house.events(event_filter(BatchCompleted, "b1"))) == 1
    assert (await upstream.audit()).drifts == ()


@pytest.mark.parametrize("ce_id", [None, "always-the-same"])
async def test_each_conflict_is_answered_also_when_the_events_have_no_ids_of_their_own(
    upstream: Upstream, ce_id: str | None
) -> None:
    headers = {"ce-type": REQUESTED} | ({"ce-id": ce_id} if ce_id else {})
    for name in ("b1", "b2"):
        await upstream.ask(name, headers=headers)
        await upstream.ask(name, headers=headers, prompt="a loud harbour")
    await upstream.goes_on()
    await upstream.dead_letters(2)
    assert [len(await upstream.rejections(name)) for name in ("b1", "b2")] == [1, 1]


async def test_the_same_request_again_is_the_same_batch_and_no_rubbish(upstream: Upstream) -> None:
    await upstream.ask("b1")
    await upstream.house.completed("b1")
    await upstream.ask("b1", count=1, steps=30)
    await upstream.goes_on()
    assert await upstream.house.dead() == []
    assert await upstream.story("b1") == ["requested", "accepted", "generated", "completed", "requested"]


async def test_fields_that_nobody_knows_are_no_rubbish(upstream: Upstream) -> None:
    body = a_body(colour="red") | {"tenant": "x"}
    await upstream.send("b1", json.dumps(body).encode(), headers=headers_for(REQUESTED, source="upstream"))
    await upstream.house.completed("b1")
    assert await upstream.house.dead() == []


async def test_a_heap_of_rubbish_between_good_ones_loses_none_of_them(upstream: Upstream) -> None:
    for number in range(10):
        await upstream.ask(f"good-{number}")
        await upstream.send(f"bad-{number}", b"not JSON")
    for number in range(10):
        await upstream.house.completed(f"good-{number}")
    await upstream.dead_letters(10)
    assert len(await upstream.rejections("*")) == 10
    assert await upstream.rejections(GOOD) == []
