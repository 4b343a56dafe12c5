"""What RunPod tells: only at an address that we gave away, only of a job that an image waits for, and told twice it
changes nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from nats.aio.msg import Msg
from pydantic import ValidationError

from pressroom.contracts.vocabulary import ImageState
from pressroom.runtime.settings import Settings, load
from pressroom.runtime.webhook_urls import ALL_HINTS, hinted, is_ours, webhook_url
from pressroom.state.documents import RemoteJob

from ..house import House, eventually
from .serving import Gateway, problem_of, serving

SECRET = "a-secret-for-tests-only"
WITH_WEBHOOKS: dict[str, Any] = {"public_url": "https://press.example/", "webhook_secret": SECRET}
SETTINGS = Settings.model_validate(WITH_WEBHOOKS)
TOLD = {"id": "job-1-u1", "status": "COMPLETED"}


@pytest.fixture
async def public(house: House) -> AsyncIterator[Gateway]:
    """A gateway that vendors may call, as a vendor calls it: without a token."""
    async with serving(house, **WITH_WEBHOOKS) as running:
        del running.http.headers["Authorization"]
        yield running


@pytest.fixture
async def hints(house: House) -> list[tuple[str, str]]:
    """Vendor and key of what the workers are told."""
    heard: list[tuple[str, str]] = []

    async def hear(message: Msg) -> None:
        heard.append(hinted(message.subject))

    await house.client.subscribe(ALL_HINTS, cb=hear)
    await house.client.flush()
    return heard


def path_of(key: str, vendor: str = "runpod") -> str:
    url = webhook_url(SETTINGS, vendor, key)
    assert url is not None
    return url.removeprefix("https://press.example")


async def waiting_image(gateway: Gateway, provider: str = "runpod", **fields: Any) -> tuple[str, str]:
    """An image whose job was asked for, and our key for the job."""
    image_id, key = await gateway.image(ImageState.GENERATING), str(uuid.uuid4())
    job = {"provider": provider, "key": key, "began_at": datetime.now(UTC), **fields}
    await gateway.house.database.images.change(image_id, {"remote": job})
    return image_id, key


async def job_of(gateway: Gateway, image_id: str) -> RemoteJob:
    remote = (await gateway.house.image(image_id)).remote
    assert remote is not None
    return remote


async def when_hinted(hints: list[tuple[str, str]], *expected: tuple[str, str]) -> None:
    async def look() -> bool:
        return len(hints) >= len(expected)

    await eventually(look)
    assert hints == list(expected)


async def test_the_vendors_name_of_a_job_is_noted_and_the_workers_are_told(
    public: Gateway, hints: list[tuple[str, str]]
) -> None:
    image_id, key = await waiting_image(public)
    answer = await public.http.post(path_of(key), json=TOLD)
    assert (answer.status_code, answer.content) == (200, b"")
    remote = await job_of(public, image_id)
    assert (remote.vendor_id, remote.key, remote.ref) == ("job-1-u1", key, None)
    await when_hinted(hints, ("runpod", key))


async def test_an_image_that_a_worker_holds_is_told_of_too_and_stays_its(public: Gateway) -> None:
    image_id, key = await waiting_image(public)
    lease = {"token": "theirs", "worker": "somebody", "expires_at": datetime.now(UTC)}
    await public.house.database.images.change(image_id, {"lease": lease})
    assert (await public.http.post(path_of(key), json=TOLD)).status_code == 200
    image = await public.house.image(image_id)
    assert image.lease is not None
    assert image.lease.token == "theirs"
    assert (await public.house.database.images.change(image_id, {"progress": 0.5}, token="theirs")) is not None


async def test_told_three_times_it_is_noted_once(public: Gateway, hints: list[tuple[str, str]]) -> None:
    image_id, key = await waiting_image(public)
    answers = await asyncio.gather(*(public.http.post(path_of(key), json=TOLD) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    before = await public.house.image(image_id)
    assert (await public.http.post(path_of(key), json={**TOLD, "id": "another"})).status_code == 200
    assert await public.house.image(image_id) == before
    await when_hinted(hints, *[("runpod", key)] * 4)


async def test_a_large_output_is_not_too_much(public: Gateway) -> None:
    image_id, key = await waiting_image(public)
    output = {"images": [{"filename": "a.png", "type": "base64", "data": "A" * 4_000_000}]}
    assert (await public.http.post(path_of(key), json={**TOLD, "output": output})).status_code == 200
    assert (await job_of(public, image_id)).vendor_id == "job-1-u1"


async def test_forged_addresses_are_told_nothing_and_change_nothing(
    public: Gateway, hints: list[tuple[str, str]]
) -> None:
    image_id, key = await waiting_image(public)
    right = path_of(key)
    of_another_job = path_of(str(uuid.uuid4())).rpartition("/")[2]
    forged = [
        f"/webhooks/runpod/{key}/{of_another_job}",
        f"/webhooks/runpod/{key}/{path_of(key, 'flux').rpartition('/')[2]}",
        f"/webhooks/runpod/{key}/{'0' * 64}",
        f"/webhooks/runpod/{key}/%C3%A9%FF",
        right[:-1],
        right.upper().replace("/WEBHOOKS/RUNPOD", "/webhooks/runpod").replace(key.upper(), key),
    ]
    unknown = await public.http.post(path_of(str(uuid.uuid4())), json=TOLD)
    said = {problem_of(unknown, 404, "not-found")["detail"]}
    for path in forged:
        for body in (b'{"id":"job-1-u1","status":"COMPLETED"}', b"rubbish"):
            said.add(problem_of(await public.http.post(path, content=body), 404, "not-found")["detail"])
    assert said == {"There is nothing here."}
    assert (await job_of(public, image_id)).vendor_id is None
    await public.house.client.flush()
    assert hints == []


async def test_a_job_of_another_provider_is_not_runpods(public: Gateway) -> None:
    image_id, key = await waiting_image(public, provider="flux")
    problem_of(await public.http.post(path_of(key), json=TOLD), 404, "not-found")
    assert (await job_of(public, image_id)).vendor_id is None


async def test_an_image_that_is_finished_is_not_touched(public: Gateway, hints: list[tuple[str, str]]) -> None:
    image_id, key = await waiting_image(public)
    await public.house.database.images.change(image_id, {"state": "generated", "remote": None})
    before = await public.house.image(image_id)
    problem_of(await public.http.post(path_of(key), json=TOLD), 404, "not-found")
    assert await public.house.image(image_id) == before
    assert hints == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b"\xff\xfe",
        b'{"id": "job-1"',
        b'{"id": "job-1"}',
        b'{"status": "COMPLETED"}',
        b'{"id": "", "status": "COMPLETED"}',
        b'{"id": 7, "status": "COMPLETED"}',
        b'{"id": "../../cancel/another", "status": "COMPLETED"}',
        b'{"id": "a b", "status": "COMPLETED"}',
        b'{"id": "job-1\\n", "status": "COMPLETED"}',
        b'{"id": "' + b"a" * 129 + b'", "status": "COMPLETED"}',
        b'{"id": "job-1", "status": null}',
        b'{"id": "job-1", "status": {"$gt": ""}}',
        b'{"id": {"$gt": ""}, "status": "COMPLETED"}',
        b"[" * 100_000,
    ],
)
async def test_rubbish_at_the_right_address_changes_nothing(public: Gateway, body: bytes) -> None:
    image_id, key = await waiting_image(public)
    problem = problem_of(await public.http.post(path_of(key), content=body), 422, "invalid-request")
    assert problem["errors"]
    assert (await job_of(public, image_id)).vendor_id is None


async def test_a_key_that_is_no_uuid_is_refused(public: Gateway) -> None:
    for key in ("job", "$where", str(uuid.uuid4()).upper()):
        problem_of(await public.http.post(path_of(key), json=TOLD), 422, "invalid-request")


async def test_a_body_without_end_is_not_read(house: House) -> None:
    async with serving(house, **WITH_WEBHOOKS, max_upload_bytes=100_000) as gateway:
        _, key = await waiting_image(gateway)
        answer = await gateway.http.post(path_of(key), json={**TOLD, "output": "A" * 100_000})
    problem_of(answer, 413, "content-too-large")


async def test_a_gateway_without_a_secret_knows_no_address(edge: httpx.AsyncClient) -> None:
    problem_of(await edge.post(path_of(str(uuid.uuid4())), json=TOLD), 404, "not-found")


def test_an_address_is_made_of_the_public_url_whatever_its_end() -> None:
    key = str(uuid.uuid4())
    for base in ("https://press.example", "https://press.example/", "http://127.0.0.1:8080", "https://a.example/press"):
        settings = Settings.model_validate({**WITH_WEBHOOKS, "public_url": base})
        url = webhook_url(settings, "runpod", key)
        assert url is not None
        start, _, signature = url.rpartition("/")
        assert start == f"{base.rstrip('/')}/webhooks/runpod/{key}"
        assert is_ours(settings, "runpod", key, signature)
    assert webhook_url(Settings(), "runpod", key) is None


def test_another_secret_signs_otherwise() -> None:
    key = str(uuid.uuid4())
    signature = path_of(key).rpartition("/")[2]
    another = Settings.model_validate({**WITH_WEBHOOKS, "webhook_secret": "another-secret-for-tests"})
    assert is_ours(SETTINGS, "runpod", key, signature)
    assert not is_ours(another, "runpod", key, signature)
    assert not is_ours(Settings(), "runpod", key, signature)


@pytest.mark.parametrize("secret", [None, "short"])
def test_a_public_url_without_a_secret_ends_the_start_with_its_name(
    secret: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESSROOM_PUBLIC_URL", "https://press.example")
    if secret is not None:
        monkeypatch.setenv("PRESSROOM_WEBHOOK_SECRET", secret)
    with pytest.raises(SystemExit):
        load(Settings)
    said = capsys.readouterr().err
    assert said.startswith("PRESSROOM_WEBHOOK_SECRET: ")
    assert "16" in said


@pytest.mark.parametrize("url", ["press.example", "ftp://press.example", "https://", "https://a.example/?x=1", ""])
def test_a_public_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="public_url"):
        Settings.model_validate({**WITH_WEBHOOKS, "public_url": url})
