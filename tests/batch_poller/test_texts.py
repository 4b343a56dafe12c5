"""Texts in batches: asked for, written by a provider's job, held to their shape, stored and told."""

import asyncio
import json
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini_requests import request_line as gemini_line
from pressroom.batch_poller.openai_requests import request_line as openai_line
from pressroom.batch_poller.provider_jobs import WantedJob, WantedRow
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.events import TextFailed, TextGenerated
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.texts import BlogPost, ImagePrompts, ProductListing
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, Mode, ProviderJobState, TextKind
from pressroom.runtime.admission import refusals
from pressroom.runtime.retries import CannotRetry, Retries
from pressroom.runtime.settings import Settings
from pressroom.state.documents import BatchDocument, ImageDocument

from ..house import House, running
from ..vendor_sandbox import OPENAI_KEY, VendorSandbox
from .test_following_jobs import Interrupted, job_of, settings_of

SHAPES = {
    TextKind.IMAGE_PROMPTS: ImagePrompts,
    TextKind.PRODUCT_LISTING: ProductListing,
    TextKind.BLOG_POST: BlogPost,
}
PROVIDERS = ["gemini", "openai"]


def settings(house: House, vendors: VendorSandbox) -> BatchPollerSettings:
    return settings_of(house, vendors, openai_url=f"{vendors.url}/openai", openai_api_key=OPENAI_KEY)


async def asked(house: House, **fields: Any) -> BatchDocument:
    return await house.request(
        **{"mode": "batch", "provider": "gemini", "text_kind": "product_listing", "prompt": "a fox poster", **fields}
    )


async def written(house: House, vendors: VendorSandbox, **fields: Any) -> list[ImageDocument]:
    async with running(build(settings(house, vendors))):
        return await house.completed((await asked(house, **fields)).id)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", SHAPES)
async def test_a_kind_with_fields_comes_back_in_its_shape(
    house: House, vendors: VendorSandbox, provider: str, kind: TextKind
) -> None:
    texts = await written(house, vendors, provider=provider, text_kind=kind, count=2)

    assert [text.state for text in texts] == [ImageState.GENERATED] * 2
    for text in texts:
        assert text.text is not None
        SHAPES[kind].model_validate_json(text.text)
        assert text.file is None
        assert text.cost_microusd > 0
    told = [event.data for event in await house.events() if isinstance(event.data, TextGenerated)]
    assert sorted((event.text_id, event.text) for event in told) == [(text.id, text.text) for text in texts]
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_plain_text_is_stored_as_it_comes_and_the_prompt_goes_out_as_it_is(
    house: House, vendors: VendorSandbox, provider: str
) -> None:
    (text,) = await written(
        house, vendors, provider=provider, text_kind="plain", prompt="Say hello", instructions="In English."
    )

    assert text.text == "This is the sandbox's answer, no model's. You asked: Say hello"
    assert text.sent_prompt == "Say hello"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("marker", "kind", "said", "is_paid"),
    [
        ("moderated", ErrorKind.MODERATION, "refused", False),
        ("cut-off", ErrorKind.API_ERROR, "in the middle", True),
        ("misshapen", ErrorKind.API_ERROR, "no product_listing", True),
        ("error", ErrorKind.API_ERROR, "failed at this row", False),
    ],
)
async def test_a_text_that_cannot_be_used_fails_alone_with_its_reason_and_its_cost(
    house: House, vendors: VendorSandbox, provider: str, marker: str, kind: ErrorKind, said: str, *, is_paid: bool
) -> None:
    prompts = ["a fox", f"a hare [sandbox:{marker}]"]
    good, bad = await written(
        house, vendors, provider=provider, prompt=None, images=[{"prompt": prompt} for prompt in prompts]
    )

    assert (good.state, bad.state) == (ImageState.GENERATED, ImageState.FAILED)
    assert bad.error is not None
    assert bad.error.kind is kind
    assert said in bad.error.message
    if is_paid:
        assert bad.cost_microusd > 0
    (told,) = [event.data for event in await house.events() if isinstance(event.data, TextFailed)]
    assert (told.text_id, told.error, told.cost_microusd) == (bad.id, bad.error, bad.cost_microusd)
    assert (await house.audit()).drifts == ()


async def test_the_model_is_the_one_for_texts(house: House, vendors: VendorSandbox) -> None:
    async with running(build(settings(house, vendors))):
        batch = await asked(house)
        await house.completed(batch.id)
        job = await job_of(house, batch)

    assert (job.model, job.state) == ("gemini-3.8-flash", ProviderJobState.SUCCEEDED)


@pytest.mark.parametrize("kind", SHAPES)
def test_both_vendors_are_told_the_task_and_the_shape_and_the_batch_has_the_last_word(kind: TextKind) -> None:
    job = WantedJob("job", "a-model", text_kind=kind, instructions="In Portuguese.")
    row = WantedRow("k", "a fox", 1024, 1024)

    at_gemini = json.loads(gemini_line(job, row))["request"]
    at_openai = json.loads(openai_line(job, row, BatchPollerSettings()))

    told = at_gemini["systemInstruction"]["parts"][0]["text"]
    assert told.endswith("\n\nIn Portuguese.")
    assert at_openai["body"]["instructions"] == told
    schema = at_gemini["generationConfig"]["responseJsonSchema"]
    assert at_openai["body"]["text"]["format"]["schema"] == schema
    assert set(schema["required"]) == set(SHAPES[kind].model_fields) == set(schema["properties"])
    assert at_openai["url"] == "/v1/responses"
    assert at_openai["body"]["store"] is False


async def test_a_poller_that_dies_between_two_texts_is_followed_by_one_that_writes_each_once(
    house: House, vendors: VendorSandbox
) -> None:
    doomed = Interrupted(settings(house, vendors), "result 1")
    async with running(build(settings(house, vendors), doomed)):
        batch = await asked(house, count=3)
        async with asyncio.timeout(20):
            await doomed.reached.wait()
    async with running(build(settings(house, vendors))):
        texts = await house.completed(batch.id)

    assert [text.state for text in texts] == [ImageState.GENERATED] * 3
    told = [event.data.text_id for event in await house.events() if isinstance(event.data, TextGenerated)]
    assert sorted(told) == [text.id for text in texts]
    assert vendors.stats("gemini")["batches"] == 1
    assert (await house.audit()).drifts == ()


async def test_what_failed_is_written_again_as_a_job_and_never_in_a_lane(house: House, vendors: VendorSandbox) -> None:
    prompts = ["a fox", "a hare [sandbox:cut-off]"]
    async with running(build(settings(house, vendors))):
        batch = await asked(house, prompt=None, images=[{"prompt": prompt} for prompt in prompts])
        await house.completed(batch.id)
        completed = await house.database.batches.get(batch.id)
        assert completed is not None
        retries = Retries(house.database, house.outbox, settings(house, vendors))
        with pytest.raises(CannotRetry, match="texts are made in mode 'batch'"):
            await retries.retry(completed, Mode.REALTIME, None)

        opened = await retries.retry(completed, Mode.BATCH, None)
        assert opened.state is BatchState.ACCEPTED
        _, again = await house.completed(batch.id)
        job = await house.database.provider_jobs.get(f"{batch.id}-job-1")

    assert job is not None
    assert (job.text_kind, job.image_ids) == (TextKind.PRODUCT_LISTING, (again.id,))
    assert len(again.tries) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, []),
        ({"mode": "auto"}, []),
        ({"mode": "realtime"}, ["mode: 'gemini': texts are made in mode 'batch' only; ask for that"]),
        (
            {"input_images": [f"{'0' * 64}.png"] * 15},
            ["input_images: 'gemini': 15 reference pictures; it takes 14"],
        ),
    ],
)
def test_texts_are_refused_where_nobody_writes_them(fields: dict[str, Any], said: list[str]) -> None:
    wanted = {"provider": "gemini", "mode": "batch", "text_kind": "plain", "prompt": "x", **fields}
    reasons = refusals(BatchRequest.model_validate(wanted), Settings(), None)
    assert [f"{reason.field}: {reason.message}" for reason in reasons] == said
