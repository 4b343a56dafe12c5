"""`POST /v1/batches`: what is taken is taken once and will be made, what is refused says why."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pressroom.contracts.events import BatchRequested
from pressroom.contracts.subjects import story_filter
from pressroom.contracts.vocabulary import BatchState
from pressroom.runtime.admission import Admission

from ..house import House
from .serving import BODY, MAX_BODY_BYTES, Gateway, fields_named_in, problem_of, serving


async def test_a_batch_is_answered_at_once_with_its_place(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/batches", json=BODY | {"count": 3, "seed": 7})
    batch = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    assert (batch["state"], batch["owner"]) == ("requested", "default")
    assert batch["progress"] == {"requested": 3, "ready": 0, "failed": 0, "cancelled": 0, "by_state": {}, "deleted": 0}
    assert batch["request"]["seed"] == 7
    found = await gateway.http.get(answer.headers["location"])
    assert found.json() == batch


async def test_the_services_are_told_of_it_in_the_same_breath(gateway: Gateway) -> None:
    batch = await gateway.batch(title="Harbours")
    (told,) = await gateway.house.events(story_filter(batch["id"]))
    assert isinstance(told.data, BatchRequested)
    assert told.source == "/pressroom/gateway"
    assert told.data.request.model_dump(mode="json") == batch["request"]
    stored = await gateway.house.database.batches.get(batch["id"])
    assert stored is not None
    assert stored.outbox == ()


async def test_two_requests_without_a_key_are_two_batches(gateway: Gateway) -> None:
    assert (await gateway.batch())["id"] != (await gateway.batch())["id"]


async def test_the_same_key_and_body_is_the_same_batch(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await gateway.http.post("/v1/batches", json=BODY, headers=key)
    spelled_otherwise = {"count": 1, **BODY, "guidance": 2}
    again = await gateway.http.post("/v1/batches", json=spelled_otherwise, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await gateway.house.events()) == 1


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await gateway.http.post("/v1/batches", json=BODY, headers=key)
    other = await gateway.http.post("/v1/batches", json=BODY | {"count": 2}, headers=key)
    problem = problem_of(other, 409, "idempotency-key-reused")
    assert "order-1" in problem["detail"]
    listed = (await gateway.http.get("/v1/batches")).json()["items"]
    assert [batch["id"] for batch in listed] == [first.json()["id"]]


async def test_twenty_at_once_under_one_key_are_one_batch(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "order-1"}
    answers = await asyncio.gather(*(gateway.http.post("/v1/batches", json=BODY, headers=key) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {202: 20}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(await gateway.house.events()) == 1


async def test_of_twenty_bodies_at_once_under_one_key_one_is_taken(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "order-1"}
    answers = await asyncio.gather(
        *(gateway.http.post("/v1/batches", json=BODY | {"count": n}, headers=key) for n in range(1, 21))
    )
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 19}


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9".encode()])
async def test_a_key_that_no_header_should_carry_is_refused_by_name(edge: httpx.AsyncClient, key: str | bytes) -> None:
    answer = await edge.post("/v1/batches", json=BODY, headers={"Idempotency-Key": key})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["idempotency-key"]


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"prompt": "x" * 4001}, "prompt", "4000"),
        ({"prompt": " "}, "prompt", "at least 1"),
        ({"count": 0}, "count", "1"),
        ({"count": 26}, "count", "25"),
        ({"prompt": None, "images": [{"prompt": "x"}] * 26}, "images", "25"),
        ({"prompt": None, "images": [{"prompt": "x"}] * 10_001}, "images", "10000"),
        ({"prompt": None, "images": [{"prompt": "x"}, {"prompt": "x", "seed": -1}]}, "images.1.seed", "0"),
        ({"width": 63}, "width", "64"),
        ({"height": 8193}, "height", "8192"),
        ({"steps": 151}, "steps", "150"),
        ({"guidance": 30.5}, "guidance", "30"),
        ({"seed": 2**32}, "seed", "4294967295"),
        ({"provider": "dalle"}, "provider", "'studio', 'comfyui'"),
        ({"profile": "No Profile"}, "profile", "pattern"),
        ({"profile": "banner"}, "profile", "t-shirt"),
        ({"mode": "batch"}, "provider", "gemini"),
        ({"auto_publish": [{"platform": "etsy", "product_type": "mug"}]}, "auto_publish.0.platform", "'printify'"),
        ({"heigth": 2000}, "heigth", "not permitted"),
    ],
)
async def test_a_wrong_field_is_named_with_its_limit(
    edge: httpx.AsyncClient, fields: dict[str, Any], field: str, limit: str
) -> None:
    answer = await edge.post("/v1/batches", json=BODY | fields)
    problem = problem_of(answer, 422, "invalid-request")
    assert fields_named_in(problem) == [field]
    assert limit in problem["errors"][0]["message"]
    assert field in problem["detail"]


async def test_everything_that_is_wrong_is_told_at_once(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/v1/batches", json=BODY | {"width": 1, "steps": 0, "colour": "red"})
    assert set(fields_named_in(problem_of(answer, 422, "invalid-request"))) == {"width", "steps", "colour"}


async def test_what_does_not_go_together_is_told_in_words(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/v1/batches", json=BODY | {"images": [{"prompt": "x"}]})
    problem = problem_of(answer, 422, "invalid-request")
    assert "either 'prompt' (with 'count') or 'images'" in problem["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"not JSON", b"[]", b'"x"', b"null", b"\xff\xfe\x00", b"[" * 20_000])
async def test_a_body_that_is_no_object_is_refused(edge: httpx.AsyncClient, body: bytes) -> None:
    answer = await edge.post("/v1/batches", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    problem_of(answer, answer.status_code, "invalid-request" if answer.status_code == 422 else "bad-request")


async def test_a_refused_request_leaves_nothing_behind(gateway: Gateway) -> None:
    await gateway.http.post("/v1/batches", json=BODY | {"count": 26}, headers={"Idempotency-Key": "order-1"})
    assert (await gateway.http.get("/v1/batches")).json()["items"] == []
    taken = await gateway.http.post("/v1/batches", json=BODY, headers={"Idempotency-Key": "order-1"})
    assert taken.status_code == 202


async def test_a_body_past_the_limit_is_not_read(gateway: Gateway) -> None:
    too_large = await gateway.http.post("/v1/batches", json=BODY | {"prompt": "x" * 2 * MAX_BODY_BYTES})
    assert str(MAX_BODY_BYTES) in problem_of(too_large, 413, "content-too-large")["detail"]
    fits = await gateway.http.post("/v1/batches", json=BODY | {"prompt": "x" * 4000})
    assert fits.status_code == 202


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit_too(gateway: Gateway) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(2 * MAX_BODY_BYTES // 1024):
            yield b" " * 1024

    answer = await gateway.http.post("/v1/batches", content=long(), headers={"Content-Type": "application/json"})
    problem_of(answer, 413, "content-too-large")


async def test_who_leaves_the_mode_open_is_told_which_way_it_goes_and_what_that_saves(gateway: Gateway) -> None:
    many = await gateway.batch(provider="gemini", mode="auto", count=10, model="gemini-nano-banana-2.1")
    assert many["request"]["mode"] == "batch"
    assert many["mode_choice"]["asked"] == "auto"
    assert many["mode_choice"]["saves_microusd"] == 10 * 16_800
    one = await gateway.batch(provider="studio", mode="auto")
    assert one["request"]["mode"] == "realtime"
    assert "no" in one["mode_choice"]["reason"]
    plain = await gateway.batch(provider="studio")
    assert plain["mode_choice"] is None


async def test_the_same_open_request_again_is_the_same_batch(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "open-mode"}
    body = BODY | {"provider": "studio", "mode": "auto"}
    first = (await gateway.http.post("/v1/batches", json=body, headers=headers)).json()
    again = await gateway.http.post("/v1/batches", json=body, headers=headers)
    assert again.json()["id"] == first["id"]
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_what_was_taken_under_a_key_is_answered_though_its_lane_is_closed_by_now(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = await gateway.http.post("/v1/batches", json=BODY, headers=key)
    await gateway.house.database.lanes.change("studio", {"state": "closed", "reason": "no key"})
    again = await gateway.http.post("/v1/batches", json=BODY, headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = await gateway.http.post("/v1/batches", json=BODY | {"count": 2}, headers=key)
    problem_of(other, 409, "idempotency-key-reused")
    problem_of(await gateway.http.post("/v1/batches", json=BODY), 422, "invalid-request")


async def test_what_a_lane_can_do_is_believed_for_a_moment_and_the_plan_has_the_last_word(house: House) -> None:
    async with serving(house, lanes_cache_s=60) as gateway:
        await gateway.batch()
        await house.database.lanes.change("studio", {"state": "closed", "reason": "no key"})
        batch = await gateway.batch()
    async with serving(house) as gateway:
        problem_of(await gateway.http.post("/v1/batches", json=BODY), 422, "invalid-request")
        stored = await house.database.batches.get(batch["id"])
        assert stored is not None
        planned = await Admission(house.database, house.outbox, house.settings).plan(stored)
    assert planned is not None
    assert (planned.state, planned.reasons[0].field) == (BatchState.REJECTED, "provider")


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        ('{"provider": }', "application/json", "it is no JSON: Expecting value at character 13"),
        ("", "application/json", "Field required"),
        ('{"provider": "studio"}', None, "send it as JSON, with 'Content-Type: application/json'"),
        ('{"provider": "studio"}', "text/plain", "send it as JSON, with 'Content-Type: application/json'"),
        # As curl says of what it is given by -d alone.
        ("{}", "application/x-www-form-urlencoded", "send it as JSON, with 'Content-Type: application/json'"),
    ],
)
async def test_a_body_that_is_no_json_is_told_so(
    edge: httpx.AsyncClient, body: str, media_type: str | None, message: str
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    problem = problem_of(await edge.post("/v1/batches", content=body, headers=headers), 422, "invalid-request")
    assert problem["errors"] == [{"field": "body", "message": message}]
