"""What the stand-ins of Gemini and OpenAI tell of a batch's end, and to whom; read by the vendors' own SDKs where they
read such things."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import openai
import pytest
from google import genai
from google.genai import errors, types

from .process import Sandbox, wait_for
from .test_gemini_sdk import MODEL, upload_rows
from .test_gemini_sdk import client as gemini_client
from .test_openai_batches import a_row, create
from .test_openai_sdk import client as openai_client
from .webhooks import Mailbox, mailbox

OF_BATCHES: Any = ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as opened:
        yield opened


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with openai_client(sandbox) as opened:
        yield opened


def first_letter(box: Mailbox) -> tuple[dict[str, str], dict[str, Any]]:
    wait_for(lambda: box.letters, "the webhook")
    headers, body = box.letters[0]
    return headers, json.loads(body)


@pytest.fixture
def google(sandbox: Sandbox) -> genai.Client:
    return gemini_client(sandbox)


def gemini_job(google: genai.Client, *uris: str, **more: Any) -> str:
    """Its name at the vendor."""
    config = types.CreateBatchJobConfig(webhook_config=types.WebhookConfig(uris=list(uris), **more))
    name = google.batches.create(model=MODEL, src=upload_rows(google, ["a fox"]), config=config).name
    assert name is not None
    return name


def claims_of(sandbox: Sandbox, signature: str, audience: str) -> dict[str, Any]:
    key = jwt.PyJWKClient(f"{sandbox.url}/.well-known/jwks.json").get_signing_key_from_jwt(signature)
    return jwt.decode(signature, key, algorithms=["RS256"], audience=audience)


def test_gemini_tells_every_address_of_a_job_that_it_has_succeeded_and_signs_it(
    sandbox: Sandbox, google: genai.Client, box: Mailbox
) -> None:
    with mailbox() as other:
        name = gemini_job(google, box.url, other.url, user_metadata={"group": "nightly"})
        headers, told = first_letter(box)
        first_letter(other)
    assert told["type"] == "batch.succeeded"
    assert f"batches/{told['data']['id']}" == name
    assert told["data"]["output_file_uri"].startswith("files/")
    assert told["user_metadata"] == {"group": "nightly"}
    assert headers["webhook-id"]
    assert int(headers["webhook-timestamp"]) > 0
    assert claims_of(sandbox, headers["webhook-signature"], box.url)["type"] == "batch.succeeded"


@pytest.mark.parametrize(("fault", "event"), [("fail", "batch.failed"), ("expire", "batch.expired")])
def test_gemini_tells_how_a_job_ended(
    sandbox: Sandbox, google: genai.Client, box: Mailbox, fault: str, event: str
) -> None:
    sandbox.fault(vendor="gemini", kind=fault, match="POST .*batchGenerateContent")
    gemini_job(google, box.url)
    assert first_letter(box)[1]["type"] == event


def test_gemini_tells_nothing_of_a_job_that_was_cancelled(google: genai.Client, box: Mailbox) -> None:
    cancelled = gemini_job(google, box.url)
    google.batches.cancel(name=cancelled)
    another = gemini_job(google, box.url)
    assert f"batches/{first_letter(box)[1]['data']['id']}" == another
    assert len(box.letters) == 1


def test_gemini_refuses_an_address_that_is_none(google: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="webhook_config"):
        gemini_job(google, "press.example")


def test_openai_tells_an_endpoint_of_the_project_what_its_own_sdk_believes(sdk: openai.OpenAI, box: Mailbox) -> None:
    endpoint = sdk.webhooks.create(event_types=OF_BATCHES, name="ours", url=box.url)
    batch = create(sdk, a_row("k1"))
    headers, _ = first_letter(box)
    event = sdk.webhooks.unwrap(box.letters[0][1], headers, secret=endpoint.signing_secret)
    assert event.type == "batch.completed"
    assert event.data.id == batch.id


@pytest.mark.parametrize(("fault", "kind"), [("fail", "batch.failed"), ("expire", "batch.expired")])
def test_openai_tells_how_a_batch_ended(
    sandbox: Sandbox, sdk: openai.OpenAI, box: Mailbox, fault: str, kind: str
) -> None:
    sdk.webhooks.create(event_types=OF_BATCHES, name="ours", url=box.url)
    sandbox.fault(vendor="openai", kind=fault, match="POST .*/batches")
    create(sdk, a_row("k1"), a_row("k2"))
    assert first_letter(box)[1]["type"] == kind


def test_openai_tells_of_a_batch_that_was_cancelled(sdk: openai.OpenAI, box: Mailbox) -> None:
    sdk.webhooks.create(event_types=OF_BATCHES, name="ours", url=box.url)
    sdk.batches.cancel(create(sdk, a_row("k1")).id)
    assert first_letter(box)[1]["type"] == "batch.cancelled"


def test_openai_tells_an_endpoint_only_what_it_asked_for_and_none_that_is_gone(
    sdk: openai.OpenAI, box: Mailbox
) -> None:
    with mailbox() as picky, mailbox() as gone:
        sdk.webhooks.create(event_types=["batch.failed"], name="picky", url=picky.url)
        sdk.webhooks.delete(sdk.webhooks.create(event_types=OF_BATCHES, name="gone", url=gone.url).id)
        last = sdk.webhooks.create(event_types=OF_BATCHES, name="last", url="http://127.0.0.1:9/nobody")
        sdk.webhooks.update(last.id, url=box.url)
        create(sdk, a_row("k1"))
        first_letter(box)
        assert (picky.letters, gone.letters) == ([], [])


def test_the_secret_of_an_endpoint_is_told_once(sdk: openai.OpenAI) -> None:
    made = sdk.webhooks.create(event_types=OF_BATCHES, name="ours", url="https://press.example/webhooks/openai")
    found = sdk.webhooks.retrieve(made.id)
    assert (found.url, found.event_types) == (made.url, made.event_types)
    assert [endpoint.id for endpoint in sdk.webhooks.list()] == [made.id]
    assert made.signing_secret not in found.model_dump_json()
    with pytest.raises(openai.BadRequestError, match=r"response\.completed"):
        sdk.webhooks.create(event_types=["response.completed"], name="other", url="https://press.example")
    sdk.webhooks.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        sdk.webhooks.retrieve(made.id)


def test_a_webhook_that_is_refused_is_sent_again_under_the_same_id(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(batch_seconds=0.1, webhook_retry_seconds=0.01)
    with mailbox(refusals=4) as box:
        google = gemini_client(sandbox)
        gemini_job(google, box.url)
        wait_for(lambda: len(box.letters) == 5, "the fifth try")
    assert len({headers["webhook-id"] for headers, _ in box.letters}) == 1


def test_killed_it_still_owes_its_webhooks(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox(batch_seconds=1)
    with mailbox() as of_gemini, mailbox() as of_openai:
        google = gemini_client(first)
        gemini_job(google, of_gemini.url)
        with openai_client(first) as sdk:
            sdk.webhooks.create(event_types=OF_BATCHES, name="ours", url=of_openai.url)
            create(sdk, a_row("k1"))
        first.kill()
        second = start_sandbox(batch_seconds=1)
        headers, _ = first_letter(of_gemini)
        assert claims_of(second, headers["webhook-signature"], of_gemini.url)
        first_letter(of_openai)


def test_nobody_who_did_not_ask_is_told(sandbox: Sandbox, sdk: openai.OpenAI, google: genai.Client) -> None:
    google.batches.create(model=MODEL, src=upload_rows(google, ["a fox"]))
    create(sdk, a_row("k1"))
    assert httpx.get(f"{sandbox.url}/.well-known/jwks.json").json()["keys"][0]["kty"] == "RSA"
    assert sandbox.stats()["gemini"]["batches"] == 1
