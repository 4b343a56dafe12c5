"""What Gemini and OpenAI tell of their batches: signed, of now, heard once, and never more than a hint."""

import base64
import json
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import jwt
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import ValidationError
from standardwebhooks import Webhook

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.gateway.settings import GatewaySettings
from pressroom.runtime.settings import Settings
from pressroom.runtime.webhook_urls import webhook_url
from pressroom.state.documents import ProviderJobDocument

from ..house import House
from .serving import TOKEN, Gateway, problem_of, serving

PUBLIC = "https://press.example"
ADDRESSES: dict[str, Any] = {"public_url": PUBLIC, "webhook_secret": "a-secret-for-tests-only"}
SECRETS = {
    "gemini": "whsec_" + base64.b64encode(b"what only Gemini and we know").decode(),
    "openai": "whsec_" + base64.b64encode(b"what only OpenAI and we know").decode(),
}
NOBODYS = "whsec_" + base64.b64encode(b"what somebody else knows....").decode()
LATER = datetime(2100, 1, 1, tzinfo=UTC)
GEMINI, OPENAI = "batch-1-job-0", "batch-2-job-0"
VENDOR_NAMES = {GEMINI: "batches/b1", OPENAI: "batch_b1"}
VENDORS = pytest.mark.parametrize("vendor", ["gemini", "openai"])


@pytest.fixture
async def told(house: House) -> AsyncIterator[Gateway]:
    """A gateway that vendors may call, and a job at each of them that is to be looked at much later."""
    await house.database.provider_jobs.insert_missing([submitted(GEMINI), submitted(OPENAI)])
    secrets = {f"{vendor}_webhook_secret": secret for vendor, secret in SECRETS.items()}
    async with serving(house, **ADDRESSES, **secrets) as running:
        del running.http.headers["Authorization"]
        yield running


def submitted(job_id: str, **fields: Any) -> ProviderJobDocument:
    provider = ProviderName.GEMINI if job_id == GEMINI else ProviderName.OPENAI
    document: dict[str, Any] = {
        "_id": job_id,
        "created_at": LATER,
        "updated_at": LATER,
        "state": ProviderJobState.SUBMITTED,
        "batch_id": job_id.removesuffix("-job-0"),
        "provider": provider,
        "image_count": 1,
        "vendor_name": VENDOR_NAMES[job_id],
        "next_poll_at": LATER,
    }
    return ProviderJobDocument.model_validate({**document, **fields})


def job_of(vendor: str) -> str:
    return GEMINI if vendor == "gemini" else OPENAI


async def next_look(gateway: Gateway, job_id: str) -> datetime:
    job = await gateway.house.database.provider_jobs.get(job_id)
    assert job is not None
    return job.next_poll_at


def address_of(job_id: str, vendor: str = "gemini") -> str:
    url = webhook_url(Settings.model_validate(ADDRESSES), vendor, job_id)
    assert url is not None
    return url.removeprefix(PUBLIC)


def body_of(vendor: str, kind: str | None = None, job: str | None = None) -> bytes:
    """As each documents it."""
    if vendor == "gemini":
        data = {"id": job or "b1", "output_file_uri": "files/out"}
        kind = kind or "batch.succeeded"
        return json.dumps({"type": kind, "version": "v1", "timestamp": "2026-11-01T00:00:00Z", "data": data}).encode()
    data, kind = {"id": job or "batch_b1"}, kind or "batch.completed"
    return json.dumps({"id": "evt_1", "object": "event", "created_at": 1, "type": kind, "data": data}).encode()


def signed(
    body: bytes, secret: str, message_id: str = "msg_1", at: datetime | None = None, **headers: str
) -> dict[str, str]:
    """The headers of a message, signed by the reference implementation of Standard Webhooks."""
    said_at = at or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(said_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, said_at, body.decode()),
        **headers,
    }


async def says(gateway: Gateway, vendor: str, body: bytes | None = None, **how: Any) -> httpx.Response:
    """What the gateway answers to a vendor at its project's address."""
    body = body_of(vendor) if body is None else body
    headers = signed(body, how.pop("secret", SECRETS[vendor]), **how)
    return await gateway.http.post(f"/webhooks/{vendor}", content=body, headers=headers)


@pytest.mark.parametrize(
    ("vendor", "kind", "job"),
    [
        ("gemini", "batch.succeeded", "b1"),
        ("gemini", "batch.failed", "batches/b1"),
        ("gemini", "batch.expired", "b1"),
        ("gemini", "batch.cancelled", "b1"),
        ("openai", "batch.completed", "batch_b1"),
        ("openai", "batch.failed", "batch_b1"),
        ("openai", "batch.expired", "batch_b1"),
        ("openai", "batch.cancelled", "batch_b1"),
    ],
)
async def test_a_batch_that_a_vendor_says_has_ended_is_looked_at_now(
    told: Gateway, vendor: str, kind: str, job: str
) -> None:
    answer = await says(told, vendor, body_of(vendor, kind, job))
    assert (answer.status_code, answer.content) == (200, b"")
    assert await next_look(told, job_of(vendor)) <= datetime.now(UTC)
    other = OPENAI if vendor == "gemini" else GEMINI
    assert await next_look(told, other) == LATER


async def test_what_openais_own_sdk_believes_is_believed(told: Gateway) -> None:
    body = body_of("openai")
    headers = signed(body, SECRETS["openai"])
    event = openai.OpenAI(api_key="none").webhooks.unwrap(body, headers, secret=SECRETS["openai"])
    assert event.type == "batch.completed"
    assert (await told.http.post("/webhooks/openai", content=body, headers=headers)).status_code == 200
    assert await next_look(told, OPENAI) != LATER


async def test_one_right_signature_among_old_ones_is_enough(told: Gateway) -> None:
    body = body_of("openai")
    headers = signed(body, SECRETS["openai"])
    wrong = signed(body, NOBODYS)["webhook-signature"]
    headers["webhook-signature"] = f"{wrong} v1a,c2lnbmVk {headers['webhook-signature']}"
    assert (await told.http.post("/webhooks/openai", content=body, headers=headers)).status_code == 200
    assert await next_look(told, OPENAI) != LATER


@VENDORS
async def test_what_is_signed_wrongly_or_long_ago_changes_nothing(told: Gateway, vendor: str) -> None:
    old, coming = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-6, 6))
    other = "openai" if vendor == "gemini" else "gemini"
    wrong: list[dict[str, Any]] = [
        {"secret": NOBODYS},
        {"secret": SECRETS[other]},
        {"at": old},
        {"at": coming},
        {"webhook-signature": "v1,"},
        {"webhook-signature": ""},
        {"webhook-signature": b"v1,\xc3\xa9"},
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-id": "m" * 5000},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 5000},
    ]
    for how in wrong:
        answer = await says(told, vendor, **how)
        assert problem_of(answer, 404, "not-found")["detail"] == "There is nothing here."
    changed = await told.http.post(
        f"/webhooks/{vendor}", content=body_of(vendor) + b" ", headers=signed(body_of(vendor), SECRETS[vendor])
    )
    problem_of(changed, 404, "not-found")
    problem_of(await told.http.post(f"/webhooks/{vendor}", content=body_of(vendor)), 404, "not-found")
    assert await next_look(told, job_of(vendor)) == LATER


@VENDORS
async def test_a_message_that_is_replayed_changes_nothing(told: Gateway, vendor: str) -> None:
    assert (await says(told, vendor)).status_code == 200
    await told.house.database.provider_jobs.change(job_of(vendor), {"next_poll_at": LATER})
    assert (await says(told, vendor)).status_code == 200
    assert await next_look(told, job_of(vendor)) == LATER
    assert (await says(told, vendor, message_id="msg_2")).status_code == 200
    assert await next_look(told, job_of(vendor)) != LATER


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("gemini", body_of("gemini", "video.generated")),
        ("gemini", body_of("gemini", job="b2")),
        ("gemini", body_of("gemini", "batch.failed", "$")),
        ("openai", body_of("openai", "response.completed")),
        ("openai", body_of("openai", job="batch_b2")),
        ("openai", body_of("openai", job="../batch_b1")),
        ("gemini", b"rubbish"),
        ("openai", b"[" * 50_000),
        ("openai", b'{"type": "batch.completed", "data": {"id": {"$gt": ""}}}'),
    ],
)
async def test_what_is_signed_and_of_other_things_is_heard_and_left(told: Gateway, vendor: str, body: bytes) -> None:
    assert (await says(told, vendor, body)).status_code == 200
    assert [await next_look(told, job_id) for job_id in (GEMINI, OPENAI)] == [LATER, LATER]


@VENDORS
async def test_a_job_that_has_no_name_yet_is_to_be_told_of_again(told: Gateway, vendor: str) -> None:
    jobs, job_id = told.house.database.provider_jobs, job_of(vendor)
    await jobs.change(job_id, {"state": str(ProviderJobState.SUBMITTING), "vendor_name": None})
    answer = await says(told, vendor)
    problem_of(answer, 503, "not-now")
    assert answer.headers["retry-after"] == "2"
    await jobs.change(job_id, {"state": str(ProviderJobState.SUBMITTED), "vendor_name": VENDOR_NAMES[job_id]})
    assert (await says(told, vendor)).status_code == 200
    assert await next_look(told, job_id) != LATER


@VENDORS
async def test_a_job_that_has_ended_stays_as_it_is(told: Gateway, vendor: str) -> None:
    jobs, job_id = told.house.database.provider_jobs, job_of(vendor)
    await jobs.change(job_id, {"state": str(ProviderJobState.SUCCEEDED)})
    before = await jobs.get(job_id)
    assert (await says(told, vendor)).status_code == 200
    assert await jobs.get(job_id) == before


@VENDORS
async def test_a_body_that_is_too_large_is_not_read(told: Gateway, vendor: str) -> None:
    body = body_of(vendor) + b" " * 100_000
    problem_of(await says(told, vendor, body), 413, "content-too-large")
    assert await next_look(told, job_of(vendor)) == LATER


@VENDORS
async def test_a_gateway_without_the_secret_hears_nothing(gateway: Gateway, vendor: str) -> None:
    problem_of(await says(gateway, vendor), 404, "not-found")


@VENDORS
@pytest.mark.parametrize("secret", ["whsec_", "whsec_no base64", ""])
def test_a_secret_that_is_none_is_refused(vendor: str, secret: str) -> None:
    with pytest.raises(ValidationError, match=f"{vendor}_webhook_secret"):
        GatewaySettings.model_validate({"api_token": TOKEN, f"{vendor}_webhook_secret": secret})


def now_is(message_id: str = "msg_1", **headers: str) -> dict[str, str]:
    """The headers of a message at a job's own address, where our signature in it is looked at."""
    return {"webhook-id": message_id, "webhook-timestamp": str(int(time.time())), **headers}


@pytest.mark.parametrize("body", [body_of("gemini"), b"", b"rubbish", b'{"type": "batch.running"}'])
async def test_a_jobs_own_address_says_which_job_whatever_the_body_says(told: Gateway, body: bytes) -> None:
    answer = await told.http.post(address_of(GEMINI), content=body, headers=now_is())
    assert (answer.status_code, answer.content) == (200, b"")
    assert await next_look(told, GEMINI) <= datetime.now(UTC)
    await told.house.database.provider_jobs.change(GEMINI, {"next_poll_at": LATER})
    assert (await told.http.post(address_of(GEMINI), content=body, headers=now_is())).status_code == 200
    assert await next_look(told, GEMINI) == LATER


async def test_an_address_that_we_did_not_give_away_and_an_old_message_change_nothing(told: Gateway) -> None:
    right = address_of(GEMINI)
    of_another = address_of("batch-3-job-0")
    refused: list[tuple[str, dict[str, str]]] = [
        (of_another, now_is()),
        (f"/webhooks/gemini/{GEMINI}/{of_another.rpartition('/')[2]}", now_is()),
        (f"/webhooks/gemini/{GEMINI}/{address_of(GEMINI, 'runpod').rpartition('/')[2]}", now_is()),
        (f"/webhooks/gemini/{GEMINI}/%C3%A9%FF", now_is()),
        (right[:-1], now_is()),
        (address_of(OPENAI), now_is()),
        (right, {}),
        (right, now_is(message_id="")),
        (right, {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time()) - 301)}),
        (right, {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time()) + 360)}),
    ]
    for path, headers in refused:
        answer = await told.http.post(path, content=body_of("gemini"), headers=headers)
        assert problem_of(answer, 404, "not-found")["detail"] == "There is nothing here."
    assert [await next_look(told, job_id) for job_id in (GEMINI, OPENAI)] == [LATER, LATER]


async def test_a_name_that_is_no_jobs_is_refused(told: Gateway) -> None:
    for job_id in ("$where", "-job", "a" * 200):
        problem_of(await told.http.post(address_of(job_id), headers=now_is()), 422, "invalid-request")


async def test_at_its_own_address_a_job_that_is_being_submitted_is_to_be_told_of_again(told: Gateway) -> None:
    jobs = told.house.database.provider_jobs
    await jobs.change(GEMINI, {"state": str(ProviderJobState.SUBMITTING), "vendor_name": None})
    problem_of(await told.http.post(address_of(GEMINI), headers=now_is()), 503, "not-now")
    assert await next_look(told, GEMINI) == LATER


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, ANOTHER_KEY = new_key(), new_key()


@contextmanager
def published_keys() -> Generator[str]:
    """The URL of a JWKS with `KEY` as `k1`."""
    document = {"keys": [{**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1", "use": "sig"}]}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token(key: rsa.RSAPrivateKey = KEY, kid: str = "k1", lives_s: int = 300) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + lives_s, "aud": "x"}, key, algorithm="RS256", headers={"kid": kid})


async def test_where_geminis_keys_are_known_its_own_signature_is_looked_at_too(house: House) -> None:
    await house.database.provider_jobs.insert(submitted(GEMINI))
    forged = jwt.encode({}, "k" * 32, algorithm="HS256", headers={"kid": "k1"})
    with published_keys() as url:
        async with serving(house, **ADDRESSES, gemini_webhook_jwks_url=url) as gateway:
            for signature in (
                "",
                "v1,c2lnbmVk",
                "a.b.c",
                token(ANOTHER_KEY),
                token(kid="k2"),
                token(lives_s=-600),
                forged,
                "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.e30.",  # the algorithm "none"
                token() + "x" * 10_000,
            ):
                answer = await gateway.http.post(address_of(GEMINI), headers=now_is(**{"webhook-signature": signature}))
                problem_of(answer, 404, "not-found")
            assert await next_look(gateway, GEMINI) == LATER
            answer = await gateway.http.post(address_of(GEMINI), headers=now_is(**{"webhook-signature": token()}))
            assert answer.status_code == 200
            assert await next_look(gateway, GEMINI) != LATER


async def test_while_geminis_keys_cannot_be_had_it_is_to_tell_again(house: House) -> None:
    await house.database.provider_jobs.insert(submitted(GEMINI))
    nowhere = "http://127.0.0.1:9/jwks.json"
    async with serving(house, **ADDRESSES, gemini_webhook_jwks_url=nowhere) as gateway:
        headers = now_is(**{"webhook-signature": token()})
        answer = await gateway.http.post(address_of(GEMINI), headers=headers)
        problem_of(answer, 503, "not-now")
        assert answer.headers["retry-after"] == "2"
        assert await next_look(gateway, GEMINI) == LATER
