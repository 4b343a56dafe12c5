"""OpenAI's Batch API against the sandbox: jobs are made once and found again, and their pictures come back by key."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import openai as sdk
import pytest

from pressroom.batch_poller import openai
from pressroom.batch_poller.openai import OpenAIBatches
from pressroom.batch_poller.openai_requests import request_line
from pressroom.batch_poller.provider_jobs import (
    InputForgotten,
    JobForgotten,
    ResultRow,
    VendorJob,
    VendorJobState,
    WantedJob,
    WantedRow,
)
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    NetworkFailed,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import OPENAI_KEY, VendorSandbox
from .vendor_jobs import a_row, ended

MODEL = "gpt-image-2"
JOB = WantedJob("job", MODEL)
OLDER_MODEL = "gpt-image-1.5"
PNG = b"\x89PNG\r\n\x1a\n"
CREATE = "POST .*/batches$"
ASK = "GET .*/batches/"
CONTENT = "GET .*/content"


def settings_of(vendors: VendorSandbox, **more: object) -> BatchPollerSettings:
    values = {"openai_url": f"{vendors.url}/openai", "openai_api_key": OPENAI_KEY, **more}
    return BatchPollerSettings.model_validate(values)


@pytest.fixture
async def batches(vendors: VendorSandbox) -> AsyncIterator[OpenAIBatches]:
    client = OpenAIBatches(settings_of(vendors))
    yield client
    await client.aclose()


@pytest.fixture
async def referee(vendors: VendorSandbox) -> AsyncIterator[sdk.AsyncOpenAI]:
    """The vendor's SDK, at the same sandbox."""
    async with sdk.AsyncOpenAI(api_key=OPENAI_KEY, base_url=f"{vendors.url}/openai/v1", max_retries=0) as client:
        yield client


async def a_job(batches: OpenAIBatches, rows: list[WantedRow], display_name: str = "pressroom-job") -> VendorJob:
    wanted = WantedJob(display_name, MODEL)
    return await batches.create(wanted, await batches.upload(wanted, rows))


async def results_of(batches: OpenAIBatches, rows: list[WantedRow]) -> dict[str | None, ResultRow]:
    job = await ended(batches, (await a_job(batches, rows)).name)
    return {row.key: row async for row in batches.results(job)}


async def test_every_row_comes_back_as_a_picture_under_its_key(batches: OpenAIBatches) -> None:
    keys = [f"image-{number}" for number in range(5)]

    rows = await results_of(batches, [a_row(key) for key in keys])

    assert sorted(rows, key=str) == keys
    assert all(row.data is not None and row.data.startswith(PNG) and row.error is None for row in rows.values())
    assert {row.media_type for row in rows.values()} == {"image/png"}


async def test_a_job_tells_how_it_stands(batches: OpenAIBatches) -> None:
    made = await a_job(batches, [a_row("one"), a_row("two", "[sandbox:error]")], "the-name")
    job = await ended(batches, made.name)

    assert made.state is VendorJobState.PENDING
    assert (job.state, job.raw_state) == (VendorJobState.SUCCEEDED, "completed")
    assert (job.display_name, job.model) == ("the-name", MODEL)
    assert (job.request_count, job.succeeded_count, job.failed_count) == (2, 1, 1)
    assert job.created_at is not None
    assert job.has_results
    assert not made.has_results


async def test_the_vendors_own_sdk_reads_the_job_that_was_made(
    batches: OpenAIBatches, referee: sdk.AsyncOpenAI
) -> None:
    made = await a_job(batches, [a_row("one")], "the-name")

    read = await referee.batches.retrieve(made.name)

    assert (read.endpoint, read.completion_window, read.metadata) == (
        "/v1/images/generations",
        "24h",
        {"display_name": "the-name"},
    )
    file = await referee.files.retrieve(read.input_file_id)
    assert (file.filename, file.purpose) == ("the-name.jsonl", "batch")
    assert file.expires_at is not None


async def test_rows_may_come_from_an_asynchronous_source(batches: OpenAIBatches) -> None:
    async def source() -> AsyncIterator[WantedRow]:
        for key in ("one", "two"):
            yield a_row(key)

    job = await batches.create(JOB, await batches.upload(JOB, source()))

    assert (await ended(batches, job.name)).request_count == 2


async def test_a_refused_row_says_why_and_the_others_are_made(batches: OpenAIBatches) -> None:
    fates = ("moderated", "unsafe-image", "error")

    rows = await results_of(batches, [*(a_row(fate, f"[sandbox:{fate}]") for fate in fates), a_row("good")])

    kinds = {key: row.error.kind for key, row in rows.items() if row.error}
    assert kinds == {
        "moderated": ErrorKind.MODERATION,
        "unsafe-image": ErrorKind.MODERATION,
        "error": ErrorKind.API_ERROR,
    }
    assert rows["good"].data is not None


async def test_a_job_of_refused_rows_only_has_results_too(batches: OpenAIBatches) -> None:
    job = await ended(batches, (await a_job(batches, [a_row("one", "[sandbox:moderated]")])).name)

    assert job.results_file is None
    assert job.has_results
    assert [row.key async for row in batches.results(job)] == ["one"]


async def test_a_job_whose_answer_was_cut_off_is_found_instead_of_made_again(
    batches: OpenAIBatches, vendors: VendorSandbox
) -> None:
    input_file = await batches.upload(WantedJob("pressroom-job-1", MODEL), [a_row("one")])
    vendors.fault("openai", "cut_after_effect", CREATE)

    with pytest.raises(NetworkFailed):
        await batches.create(WantedJob("pressroom-job-1", MODEL), input_file)
    found = await batches.find("pressroom-job-1")

    assert found is not None
    assert (await ended(batches, found.name)).state is VendorJobState.SUCCEEDED
    assert vendors.stats("openai")["batches"] == 1


async def test_a_job_is_looked_for_on_every_page(batches: OpenAIBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "_PAGE_SIZE", 2)
    made = [await a_job(batches, [a_row("one")], f"job-{number}") for number in range(5)]

    oldest = await batches.find("job-0")

    assert oldest is not None
    assert oldest.name == made[0].name
    assert await batches.find("job-5") is None


async def test_batches_that_somebody_else_made_are_passed_over(
    batches: OpenAIBatches, referee: sdk.AsyncOpenAI
) -> None:
    rows = await referee.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    for metadata in (None, {"other": "words"}):
        await referee.batches.create(
            input_file_id=rows.id, endpoint="/v1/images/edits", completion_window="24h", metadata=metadata
        )

    assert await batches.find("pressroom-job") is None


async def test_many_rows_go_from_the_disk_and_arrive_whole(
    batches: OpenAIBatches, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "_SPOOL_BYTES", 10_000)
    rows = [a_row(f"image-{number}", "a" * 1000) for number in range(500)]

    await batches.upload(WantedJob("many", MODEL), rows)

    stored = vendors.items("openai", "files")[0]
    assert stored["bytes"] == sum(
        len(request_line(WantedJob("many", MODEL), row, settings_of(vendors))) for row in rows
    )


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect"])
async def test_an_upload_that_broke_off_is_begun_anew(
    batches: OpenAIBatches, vendors: VendorSandbox, kind: str
) -> None:
    vendors.fault("openai", kind, "POST .*/files")

    with pytest.raises(NetworkFailed):
        await batches.upload(JOB, [a_row("one")])
    job = await a_job(batches, [a_row("one")], "job")

    assert (await ended(batches, job.name)).request_count == 1


async def test_a_job_without_rows_is_refused_before_anything_is_sent(
    batches: OpenAIBatches, vendors: VendorSandbox
) -> None:
    with pytest.raises(InvalidRequest, match="without rows"):
        await batches.upload(JOB, [])

    assert vendors.lines("openai") == []


@pytest.mark.parametrize(("limit", "says"), [("INPUT_MAX_BYTES", "bytes of rows"), ("INPUT_MAX_ROWS", "2 rows")])
async def test_more_than_a_batch_takes_is_refused_before_anything_is_sent(
    batches: OpenAIBatches, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch, limit: str, says: str
) -> None:
    monkeypatch.setattr(openai, limit, 1)

    with pytest.raises(InvalidRequest, match=f"{says}.*PRESSROOM_PROVIDER_JOB_MAX_IMAGES"):
        await batches.upload(JOB, [a_row("one"), a_row("two")])

    assert vendors.lines("openai") == []


async def test_a_job_of_another_model_asks_for_it_in_every_row(
    batches: OpenAIBatches, referee: sdk.AsyncOpenAI
) -> None:
    older = WantedJob("job", OLDER_MODEL)
    input_file = await batches.upload(older, [a_row("one"), a_row("two", "a hare\nin the rain")])

    job = await ended(batches, (await batches.create(older, input_file)).name)

    assert job.model == OLDER_MODEL
    assert len([row async for row in batches.results(job) if row.data is not None]) == 2
    sent = (await referee.files.content((await referee.batches.retrieve(job.name)).input_file_id)).text
    bodies = [json.loads(line)["body"] for line in sent.splitlines()]
    assert [(body["model"], body["size"]) for body in bodies] == [(OLDER_MODEL, "1024x1536")] * 2
    assert bodies[1]["prompt"] == "a hare\nin the rain"


async def test_a_dead_model_names_the_setting_and_makes_nothing(vendors: VendorSandbox) -> None:
    client = OpenAIBatches(settings_of(vendors, openai_model="gpt-image-of-last-year"))
    input_file = await client.upload(JOB, [a_row("one")])

    with pytest.raises(ModelGone, match="set PRESSROOM_OPENAI_MODEL"):
        await client.create(WantedJob("job", "gpt-image-of-last-year"), input_file)

    assert await client.find("job") is None
    await client.aclose()


async def test_a_dead_model_that_the_batch_named_is_the_batchs_to_change(batches: OpenAIBatches) -> None:
    input_file = await batches.upload(JOB, [a_row("one")])

    with pytest.raises(ModelGone, match="the batch's own model"):
        await batches.create(WantedJob("job", "gpt-image-of-last-year"), input_file)


async def test_a_batch_that_failed_over_its_model_names_the_setting(
    batches: OpenAIBatches, referee: sdk.AsyncOpenAI
) -> None:
    line = request_line(WantedJob("job", "gpt-image-of-last-year"), a_row("one"), BatchPollerSettings())
    rows = await referee.files.create(file=("a.jsonl", line), purpose="batch")
    made = await referee.batches.create(
        input_file_id=rows.id, endpoint="/v1/images/generations", completion_window="24h"
    )

    job = await ended(batches, made.id)

    assert job.state is VendorJobState.FAILED
    assert job.error is not None
    assert "PRESSROOM_OPENAI_MODEL" in job.error
    assert "line 1" in job.error


async def test_an_input_file_that_is_gone_is_told_apart_from_a_dead_model(
    batches: OpenAIBatches, vendors: VendorSandbox
) -> None:
    with pytest.raises(InputForgotten, match="upload the rows again"):
        await batches.create(JOB, "file-gone")

    assert "batches" not in vendors.stats("openai")


async def test_an_input_file_that_was_deleted_is_told_too(batches: OpenAIBatches, referee: sdk.AsyncOpenAI) -> None:
    input_file = await batches.upload(JOB, [a_row("one")])
    await referee.files.delete(input_file)

    with pytest.raises(InputForgotten, match="upload the rows again"):
        await batches.create(JOB, input_file)


async def test_a_wrong_key_names_the_setting_and_is_not_told(vendors: VendorSandbox) -> None:
    client = OpenAIBatches(settings_of(vendors, openai_api_key="not-the-key"))

    with pytest.raises(AuthFailed, match="PRESSROOM_OPENAI_API_KEY") as caught:
        await client.find("job")

    assert "not-the-key" not in str(caught.value)
    await client.aclose()


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_nothing_is_sent(vendors: VendorSandbox, key: str | None) -> None:
    client = OpenAIBatches(settings_of(vendors, openai_api_key=key))

    with pytest.raises(AuthFailed, match="PRESSROOM_OPENAI_API_KEY"):
        await client.upload(JOB, [a_row("one")])

    assert vendors.lines("openai") == []
    await client.aclose()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("429", RateLimited),
        ("500", ApiFailed),
        ("503", ApiFailed),
        ("504", TimedOut),
        ("html", ApiFailed),
        ("html_200", ApiFailed),
        ("bad_json", ApiFailed),
        ("truncate", NetworkFailed),
        ("cut_before", NetworkFailed),
    ],
)
async def test_every_way_to_fail_has_its_kind(
    batches: OpenAIBatches, vendors: VendorSandbox, kind: str, error: type[WorkError]
) -> None:
    job = await a_job(batches, [a_row("one")])
    vendors.fault("openai", kind, ASK)

    with pytest.raises(error):
        await batches.status(job.name)

    assert (await ended(batches, job.name)).state is VendorJobState.SUCCEEDED


async def test_the_time_that_openai_asks_to_wait_is_told(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    vendors.fault("openai", "429_retry_after", CREATE, seconds=34)
    input_file = await batches.upload(JOB, [a_row("one")])

    with pytest.raises(RateLimited) as caught:
        await batches.create(JOB, input_file)

    assert caught.value.retry_after_s == 34


async def test_a_job_that_expired_delivers_what_it_has(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    vendors.fault("openai", "expire", CREATE)
    job = await ended(batches, (await a_job(batches, [a_row(f"image-{number}") for number in range(4)])).name)

    rows = {row.key: row async for row in batches.results(job)}

    assert job.state is VendorJobState.EXPIRED
    assert sum(row.data is not None for row in rows.values()) == 2
    assert {row.error.kind for row in rows.values() if row.error} == {ErrorKind.TIMEOUT}
    assert len(rows) == 4


async def test_a_job_that_was_cancelled_half_way_delivers_what_it_has(batches: OpenAIBatches) -> None:
    made = await a_job(batches, [a_row(f"image-{number}") for number in range(1000)])
    deadline = time.monotonic() + 20
    while not (job := await batches.status(made.name)).succeeded_count:
        assert time.monotonic() < deadline, f"{made.name} is still {job.raw_state}"
        await asyncio.sleep(0.01)

    await batches.cancel(made.name)
    job = await ended(batches, made.name)

    rows = [row async for row in batches.results(job)]
    assert job.state is VendorJobState.CANCELLED
    assert 0 < len(rows) < 1000
    assert all(row.data is not None for row in rows)


async def test_a_job_that_failed_says_so(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    vendors.fault("openai", "fail", CREATE)

    job = await a_job(batches, [a_row("one")])

    assert job.state is VendorJobState.FAILED
    assert job.error is not None
    assert [row async for row in batches.results(job)] == []


async def test_a_forgotten_job_has_an_error_of_its_own(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    job = await a_job(batches, [a_row("one")])
    vendors.fault("openai", "forget", ASK)

    with pytest.raises(JobForgotten):
        await batches.status(job.name)


async def test_deleting_a_job_leaves_none_of_its_files(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    rows = [a_row("one"), a_row("two", "[sandbox:moderated]")]
    job = await ended(batches, (await a_job(batches, rows)).name)
    assert len(vendors.items("openai", "files")) == 3

    for _ in range(2):
        await batches.delete(job.name)
    await batches.delete("batch_never")

    assert vendors.items("openai", "files") == []
    with pytest.raises(JobForgotten):
        _ = [row async for row in batches.results(job)]


async def test_cancelling_is_no_error_however_often_and_late(batches: OpenAIBatches) -> None:
    running = await a_job(batches, [a_row(f"image-{number}") for number in range(1000)])
    await batches.cancel(running.name)
    await batches.cancel(running.name)
    await batches.cancel("batch_never")
    job = await ended(batches, running.name)
    await batches.cancel(running.name)

    assert job.state is VendorJobState.CANCELLED


@pytest.mark.parametrize("kind", ["truncate", "cut_before"])
async def test_a_download_that_broke_off_is_read_again_from_the_beginning(
    batches: OpenAIBatches, vendors: VendorSandbox, kind: str
) -> None:
    job = await ended(batches, (await a_job(batches, [a_row(f"image-{number}") for number in range(20)])).name)
    vendors.fault("openai", kind, CONTENT)

    with pytest.raises(NetworkFailed):
        _ = [row async for row in batches.results(job)]

    assert len([row async for row in batches.results(job)]) == 20


@pytest.mark.parametrize("kind", ["html", "html_200", "500"])
async def test_a_download_that_is_no_result_file_gives_no_rows(
    batches: OpenAIBatches, vendors: VendorSandbox, kind: str
) -> None:
    job = await ended(batches, (await a_job(batches, [a_row("one")])).name)
    vendors.fault("openai", kind, CONTENT)

    with pytest.raises(ApiFailed):
        _ = [row async for row in batches.results(job)]


async def test_results_that_are_gone_are_told_as_such(batches: OpenAIBatches, vendors: VendorSandbox) -> None:
    job = await ended(batches, (await a_job(batches, [a_row("one")])).name)
    vendors.fault("openai", "forget", CONTENT)

    with pytest.raises(JobForgotten):
        _ = [row async for row in batches.results(job)]
