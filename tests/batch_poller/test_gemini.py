"""Gemini's Batch API against the sandbox: jobs are made once and found again, and their pictures come back by key."""

from collections.abc import AsyncIterator

import pytest

from pressroom.batch_poller import gemini
from pressroom.batch_poller.gemini import GeminiBatches
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
    NetworkFailed,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import GEMINI_KEY, VendorSandbox
from .vendor_jobs import a_row, ended

MODEL = "gemini-nano-banana-2.1"
JOB = WantedJob("job", MODEL)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def batches(vendors: VendorSandbox) -> AsyncIterator[GeminiBatches]:
    client = GeminiBatches(BatchPollerSettings(gemini_url=vendors.url, gemini_api_key=GEMINI_KEY))
    yield client
    await client.aclose()


async def a_job(batches: GeminiBatches, rows: list[WantedRow], display_name: str = "pressroom-job") -> VendorJob:
    wanted = WantedJob(display_name, MODEL)
    return await batches.create(wanted, await batches.upload(wanted, rows))


async def results_of(batches: GeminiBatches, rows: list[WantedRow]) -> dict[str | None, ResultRow]:
    job = await ended(batches, (await a_job(batches, rows)).name)
    return {row.key: row async for row in batches.results(job)}


async def test_every_row_comes_back_as_a_picture_under_its_key(batches: GeminiBatches) -> None:
    keys = [f"image-{number}" for number in range(5)]

    rows = await results_of(batches, [a_row(key) for key in keys])

    assert list(rows) == keys
    assert all(row.data is not None and row.data.startswith(PNG) and row.error is None for row in rows.values())
    assert {row.media_type for row in rows.values()} == {"image/png"}


async def test_a_job_tells_how_it_stands(batches: GeminiBatches) -> None:
    made = await a_job(batches, [a_row("one"), a_row("two", "[sandbox:error]")], "the-name")
    job = await ended(batches, made.name)

    assert made.state is VendorJobState.PENDING
    assert (job.state, job.raw_state) == (VendorJobState.SUCCEEDED, "BATCH_STATE_SUCCEEDED")
    assert (job.display_name, job.model) == ("the-name", MODEL)
    assert (job.request_count, job.succeeded_count, job.failed_count) == (2, 1, 1)
    assert job.created_at is not None
    assert job.has_results


async def test_rows_may_come_from_an_asynchronous_source(batches: GeminiBatches) -> None:
    async def source() -> AsyncIterator[WantedRow]:
        for key in ("one", "two"):
            yield a_row(key)

    job = await batches.create(JOB, await batches.upload(JOB, source()))

    assert (await ended(batches, job.name)).request_count == 2


async def test_a_refused_row_says_why_and_the_others_are_made(batches: GeminiBatches) -> None:
    fates = ("moderated", "unsafe-image", "no-image", "text-only", "error")

    rows = await results_of(batches, [*(a_row(fate, f"[sandbox:{fate}]") for fate in fates), a_row("good")])

    kinds = {key: row.error.kind for key, row in rows.items() if row.error}
    assert kinds == {
        "moderated": ErrorKind.MODERATION,
        "unsafe-image": ErrorKind.MODERATION,
        "no-image": ErrorKind.API_ERROR,
        "text-only": ErrorKind.API_ERROR,
        "error": ErrorKind.API_ERROR,
    }
    assert rows["good"].data is not None
    assert rows["text-only"].text is not None


async def test_a_job_whose_answer_was_cut_off_is_found_instead_of_made_again(
    batches: GeminiBatches, vendors: VendorSandbox
) -> None:
    input_file = await batches.upload(WantedJob("pressroom-job-1", MODEL), [a_row("one")])
    vendors.fault("gemini", "cut_after_effect", "batchGenerateContent")

    with pytest.raises(NetworkFailed):
        await batches.create(WantedJob("pressroom-job-1", MODEL), input_file)
    found = await batches.find("pressroom-job-1")

    assert found is not None
    assert (await ended(batches, found.name)).state is VendorJobState.SUCCEEDED
    assert vendors.stats("gemini")["batches"] == 1


async def test_a_job_is_looked_for_on_every_page(batches: GeminiBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini, "_PAGE_SIZE", 2)
    input_file = await batches.upload(WantedJob("rows", MODEL), [a_row("one")])
    made = [await batches.create(WantedJob(f"job-{number}", MODEL), input_file) for number in range(5)]

    oldest = await batches.find("job-0")

    assert oldest is not None
    assert oldest.name == made[0].name
    assert await batches.find("job-5") is None


async def test_rows_that_need_several_chunks_arrive_whole(batches: GeminiBatches, vendors: VendorSandbox) -> None:
    rows = [a_row(f"image-{number}", "a" * 4000) for number in range(4500)]

    await batches.upload(WantedJob("many", MODEL), rows)

    stored = vendors.items("gemini", "files")[0]
    assert int(str(stored["sizeBytes"])) > 2 * gemini.UPLOAD_CHUNK_BYTES
    uploads = [line for line in vendors.lines("gemini") if line == "POST /upload/v1beta/files"]
    assert len(uploads) == 1 + 3  # the start, then three chunks


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect"])
async def test_an_upload_that_broke_off_is_begun_anew(
    batches: GeminiBatches, vendors: VendorSandbox, kind: str
) -> None:
    vendors.fault("gemini", kind, "upload_id=")

    with pytest.raises(NetworkFailed):
        await batches.upload(JOB, [a_row("one")])
    job = await a_job(batches, [a_row("one")], "job")

    assert (await ended(batches, job.name)).request_count == 1


async def test_a_job_without_rows_is_refused_before_anything_is_sent(
    batches: GeminiBatches, vendors: VendorSandbox
) -> None:
    with pytest.raises(InvalidRequest, match="without rows"):
        await batches.upload(JOB, [])

    assert vendors.lines("gemini") == []


async def test_a_dead_model_names_the_setting(batches: GeminiBatches) -> None:
    input_file = await batches.upload(JOB, [a_row("one")])

    with pytest.raises(InvalidRequest, match="PRESSROOM_GEMINI_MODEL"):
        await batches.create(WantedJob("job", "gemini-of-last-year"), input_file)


async def test_an_input_file_that_is_gone_is_told_apart_from_a_dead_model(batches: GeminiBatches) -> None:
    with pytest.raises(InputForgotten, match="upload the rows again"):
        await batches.create(JOB, "files/gone")


async def test_a_wrong_key_names_the_setting_and_is_not_told(vendors: VendorSandbox) -> None:
    client = GeminiBatches(BatchPollerSettings(gemini_url=vendors.url, gemini_api_key="not-the-key"))

    with pytest.raises(AuthFailed, match="PRESSROOM_GEMINI_API_KEY") as caught:
        await client.find("job")

    assert "not-the-key" not in str(caught.value)
    await client.aclose()


async def test_without_a_key_nothing_is_sent(vendors: VendorSandbox) -> None:
    client = GeminiBatches(BatchPollerSettings(gemini_url=vendors.url))

    with pytest.raises(AuthFailed, match="PRESSROOM_GEMINI_API_KEY"):
        await client.upload(JOB, [a_row("one")])

    assert vendors.lines("gemini") == []
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
    batches: GeminiBatches, vendors: VendorSandbox, kind: str, error: type[WorkError]
) -> None:
    job = await a_job(batches, [a_row("one")])
    vendors.fault("gemini", kind, "GET /v1beta/batches/")

    with pytest.raises(error):
        await batches.status(job.name)

    assert (await ended(batches, job.name)).state is VendorJobState.SUCCEEDED


async def test_the_time_that_gemini_asks_to_wait_is_told(batches: GeminiBatches, vendors: VendorSandbox) -> None:
    vendors.fault("gemini", "429_retry_after", "batchGenerateContent", seconds=34)
    input_file = await batches.upload(JOB, [a_row("one")])

    with pytest.raises(RateLimited) as caught:
        await batches.create(JOB, input_file)

    assert caught.value.retry_after_s == 34


@pytest.mark.parametrize(("kind", "state"), [("expire", VendorJobState.EXPIRED), ("fail", VendorJobState.FAILED)])
async def test_a_job_that_ended_badly_says_so(
    batches: GeminiBatches, vendors: VendorSandbox, kind: str, state: VendorJobState
) -> None:
    made = await a_job(batches, [a_row("one")])
    vendors.fault("gemini", kind, "GET /v1beta/batches/")

    job = await batches.status(made.name)

    assert job.state is state
    assert job.error is not None
    assert [row async for row in batches.results(job)] == []


async def test_a_forgotten_job_has_an_error_of_its_own(batches: GeminiBatches) -> None:
    job = await a_job(batches, [a_row("one")])

    await batches.delete(job.name)
    await batches.delete(job.name)

    with pytest.raises(JobForgotten):
        await batches.status(job.name)


async def test_cancelling_is_no_error_however_often_and_late(batches: GeminiBatches) -> None:
    running = await a_job(batches, [a_row(f"image-{number}") for number in range(50)])
    await batches.cancel(running.name)
    await batches.cancel(running.name)
    await batches.cancel("batches/never")

    assert (await batches.status(running.name)).state is VendorJobState.CANCELLED


async def test_a_download_that_broke_off_is_read_again_from_the_beginning(
    batches: GeminiBatches, vendors: VendorSandbox
) -> None:
    job = await ended(batches, (await a_job(batches, [a_row(f"image-{number}") for number in range(20)])).name)
    vendors.fault("gemini", "truncate", ":download")

    with pytest.raises(NetworkFailed):
        _ = [row async for row in batches.results(job)]

    assert len([row async for row in batches.results(job)]) == 20


@pytest.mark.parametrize("kind", ["html", "html_200", "500"])
async def test_a_download_that_is_no_result_file_gives_no_rows(
    batches: GeminiBatches, vendors: VendorSandbox, kind: str
) -> None:
    job = await ended(batches, (await a_job(batches, [a_row("one")])).name)
    vendors.fault("gemini", kind, ":download")

    with pytest.raises(ApiFailed):
        _ = [row async for row in batches.results(job)]


async def test_results_that_are_gone_are_told_as_such(batches: GeminiBatches, vendors: VendorSandbox) -> None:
    job = await ended(batches, (await a_job(batches, [a_row("one")])).name)
    vendors.fault("gemini", "forget", ":download")

    with pytest.raises(JobForgotten):
        _ = [row async for row in batches.results(job)]
