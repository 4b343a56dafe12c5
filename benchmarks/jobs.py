"""`./run bench jobs [--jobs 2000]`: many provider jobs in flight at the sandbox's Gemini, followed by one batch-poller.

The clock runs COMPRESSED times as fast: the poller's intervals, its pace and the jobs' own time are divided by it. What
a machine computes is not: to submit a job and to collect its picture takes as long as ever, which at this pace counts
COMPRESSED times as much. So the jobs are asked for as in the world, one batch after another, and end as they began; the
last is submitted before the first ends. If all ended in one moment, a small machine would take minutes to collect 2,000
pictures; it may in the world, where a job of this age may wait for five, and not here, where it may wait for 20 s.

A job is late when it was collected, its picture finished and its books closed, longer after its end at the provider
than the interval at which a job of its age is looked at, and a tenth more; `noticed_late`: when the poller knew of its
end no sooner than that. Status calls are the sandbox's GETs of a job or of the list. CPU time is that of the poller's
process from its start to the last image, with submitting and finishing; its peak memory all that it ever held.
"""

import argparse
import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.schedule import AGE_SHARE
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.runtime.admission import Admission
from pressroom.runtime.tasks import end

from .bench_house import MAX_IMAGES, SIDE_PX, BenchHouse, bench_house
from .table import Table

JOBS = 2000
COMPRESSED = 15.0
POLL_INITIAL_S, POLL_MAX_S, DUE_INTERVAL_S, REQUESTS_PER_SECOND = 30.0, 600.0, 0.5, 5.0
JOB_S = 2700.0
PORTIONS, ASKED_SHARE = 20, 0.85
"""At least so many batches are asked for within this share of a job's time, so that the first has not ended by then."""
LATE_SHARE = 1.1
GOAL_MB = 200.0
KEY = "sandbox-gemini-key"

_LIST = re.compile(r'"method":\s*"GET".*"path":\s*"/v1beta/batches[?"]')
_STATUS = re.compile(r'"method":\s*"GET".*"path":\s*"/v1beta/batches/')


class PollerProcess:
    """A running batch-poller, seen from outside."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check(self) -> None:
        """Raises when it has ended, as nothing would be waited for then."""
        if self._process.poll() is not None:
            raise SystemExit(f"the batch-poller ended with {self._process.returncode}")


@asynccontextmanager
async def poller_process(house: BenchHouse, more: Mapping[str, str]) -> AsyncIterator[PollerProcess]:
    """The real service, once it takes requests."""
    settings = {
        "NATS_URL": house.settings.nats_url,
        "MONGO_URL": house.settings.mongo_url,
        "BLOB_URL": house.settings.blob_url,
        "MAX_IMAGES_PER_BATCH": str(MAX_IMAGES),
        "BATCH_POLLER_PORT": "0",
        "LOG_LEVEL": "warning",
        **more,
    }
    environment = {**os.environ, **{f"PRESSROOM_{name}": value for name, value in settings.items()}}
    process = await asyncio.to_thread(
        subprocess.Popen[bytes], [sys.executable, "-m", "pressroom.batch_poller"], env=environment
    )
    poller = PollerProcess(process)
    try:
        while not (await house.js.consumer_info("EVENTS", "batch-poller-batch-requested")).num_waiting:
            poller.check()
            await asyncio.sleep(0.05)
        yield poller
    finally:
        process.terminate()
        process.wait(20)


async def request_batch(house: BenchHouse, count: int, *, side_px: int = SIDE_PX) -> None:
    """Ask for a batch in batch mode as the gateway does."""
    request = BatchRequest(
        provider=ProviderName.GEMINI,
        mode=Mode.BATCH,
        prompt="ready",
        count=count,
        width=side_px,
        height=side_px,
        profile=NO_PROFILE,
    )
    admission = Admission(house.database, house.outbox, house.settings)
    admitted = await admission.store(new_id("batch"), "bench", request, announce=True)
    await house.outbox.publish(house.database.batches, admitted.batch)


async def images_made(house: BenchHouse) -> int:
    return await house.database.images.raw.count_documents({"state": "generated"})


@contextmanager
def sandbox(folder: Path, job_s: float) -> Iterator[str]:
    """The vendors' sandbox, whose jobs take `job_s`; its URL."""
    settings = {"PORT": "0", "PICTURE_PX": str(SIDE_PX), "BATCH_SECONDS": str(job_s)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pressroom.sandbox", "--data", str(folder)],
        env={**os.environ, **{f"PRESSROOM_SANDBOX_{name}": value for name, value in settings.items()}},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


class RequestLog:
    """How often the sandbox was asked what, read from its own log, which forgets old requests."""

    def __init__(self, folder: Path) -> None:
        self._database = folder / "sandbox.sqlite3"
        self._seen = 0
        self.status_calls = self.list_calls = 0

    def read(self) -> None:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as log:
            for number, body in log.execute("SELECT seq, body FROM requests WHERE seq > ?", (self._seen,)):
                self._seen = number
                self.list_calls += bool(_LIST.search(body))
                self.status_calls += bool(_STATUS.search(body))


def options(arguments: Sequence[str]) -> dict[str, object]:
    parser = argparse.ArgumentParser(prog="./run bench jobs")
    parser.add_argument("--jobs", type=int, default=JOBS)
    return vars(parser.parse_args(arguments))


@dataclass(frozen=True)
class Waits:
    """How long jobs waited after their end at the provider until they were noticed and until they were collected, and
    how long each was allowed to, in seconds."""

    noticed_s: list[float]
    collected_s: list[float]
    allowed_s: list[float]

    def late(self, waits_s: list[float]) -> int:
        return sum(wait > allowed for wait, allowed in zip(waits_s, self.allowed_s, strict=True))


async def ask_over_time(house: BenchHouse, jobs: int, seconds: float) -> None:
    """Ask for `jobs` images, each a job of its own, a portion at a time."""
    began, portions = time.perf_counter(), max(PORTIONS, -(-jobs // MAX_IMAGES))
    for portion in range(portions):
        await asyncio.sleep(began + seconds * portion / portions - time.perf_counter())
        if count := jobs * (portion + 1) // portions - jobs * portion // portions:
            await request_batch(house, count)


@asynccontextmanager
async def noticing(house: BenchHouse) -> AsyncIterator[dict[str, datetime]]:
    """When the poller wrote down of which job that it has ended, by its id."""
    noticed: dict[str, datetime] = {}
    begun = {"operationType": "update", "updateDescription.updatedFields.state": "collecting"}

    async def watch() -> None:
        async with house.database.provider_jobs.raw.watch([{"$match": begun}]) as changes:
            watching.set()
            async for change in changes:
                noticed[change["documentKey"]["_id"]] = change["wallTime"].replace(tzinfo=UTC)

    watching = asyncio.Event()
    task = asyncio.create_task(watch())
    try:
        await watching.wait()
        yield noticed
    finally:
        await end([task])


async def ends_at(settings: BatchPollerSettings) -> dict[str, datetime]:
    """When each job ended by the provider's own word, by its id."""
    provider = GeminiBatches(settings)
    found = {job.display_name: job.ended_at async for page in provider.pages() for job in page}
    await provider.aclose()
    return {job_id: at for job_id, at in found.items() if at is not None}


async def waits(house: BenchHouse, noticed: Mapping[str, datetime], ended: Mapping[str, datetime]) -> Waits:
    found = Waits([], [], [])
    for job in await house.database.provider_jobs.find({}):
        assert job.submitted_at is not None, "a job that succeeded was submitted"
        age_s = (ended[job.id] - job.submitted_at).total_seconds()
        interval_s = min(max(age_s * AGE_SHARE, POLL_INITIAL_S / COMPRESSED), POLL_MAX_S / COMPRESSED)
        found.noticed_s.append((noticed[job.id] - ended[job.id]).total_seconds())
        found.collected_s.append((job.updated_at - ended[job.id]).total_seconds())
        found.allowed_s.append(interval_s * LATE_SHARE)
    return found


async def measure(jobs: int = JOBS) -> Table:
    job_s = JOB_S / COMPRESSED
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as folder, sandbox(Path(folder), job_s) as url:
        settings = {
            "GEMINI_URL": url,
            "GEMINI_API_KEY": KEY,
            "POLL_INITIAL_S": str(POLL_INITIAL_S / COMPRESSED),
            "POLL_MAX_S": str(POLL_MAX_S / COMPRESSED),
            "DUE_INTERVAL_S": str(max(0.05, DUE_INTERVAL_S / COMPRESSED)),
            "PROVIDER_REQUESTS_PER_SECOND": str(REQUESTS_PER_SECOND * COMPRESSED),
            "PROVIDER_JOB_MAX_IMAGES": "1",
            "JOBS_AT_ONCE": "16",
        }
        calls, began = RequestLog(Path(folder)), time.perf_counter()
        async with bench_house() as house, noticing(house) as noticed, poller_process(house, settings) as poller:
            asking = asyncio.create_task(ask_over_time(house, jobs, job_s * ASKED_SHARE))
            most_in_flight = 0
            while await house.database.provider_jobs.raw.count_documents({"state": "succeeded"}) < jobs:
                poller.check()
                if asking.done():
                    asking.result()
                # By its id, as a job whose date moves on would be counted twice in the order of dates.
                in_flight = await house.database.provider_jobs.raw.count_documents({"state": "submitted"}, hint="_id_")
                most_in_flight = max(most_in_flight, in_flight)
                await asyncio.to_thread(calls.read)
                await asyncio.sleep(0.5)
            calls.read()
            seconds, cpu_s, peak_mb = time.perf_counter() - began, poller.cpu_s, poller.peak_mb
            ended = await ends_at(BatchPollerSettings(gemini_url=url, gemini_api_key=SecretStr(KEY)))
            found = await waits(house, noticed, ended)
    late, noticed_late = found.late(found.collected_s), found.late(found.noticed_s)
    each = (calls.status_calls + calls.list_calls) / jobs
    return Table(
        title=f"jobs: {jobs} provider jobs, {most_in_flight} of them in flight at once, {COMPRESSED:.0f} times as fast",
        columns=("status calls per job", "CPU seconds", "peak MB", "late", "noticed late", "longest wait, s"),
        rows=[
            (
                f"{each:.2f}",
                f"{cpu_s:.1f}",
                f"{peak_mb:.0f}",
                str(late),
                str(noticed_late),
                f"{max(found.collected_s):.1f}",
            ),
        ],
        note=f"{calls.list_calls} pages of the list and {calls.status_calls} single questions in {seconds:.0f} s; a "
        f"job may wait {min(found.allowed_s):.1f} s after its end, and was noticed after {max(found.noticed_s):.1f} s "
        f"at the latest. Goals: none late, under {GOAL_MB:.0f} MB.",
        metrics={
            "status_calls_per_job": round(each, 3),
            "cpu_s": round(cpu_s, 1),
            "peak_mb": round(peak_mb, 1),
            "late": late,
            "noticed_late": noticed_late,
            "most_in_flight": most_in_flight,
            "longest_wait_s": round(max(found.collected_s), 2),
            "longest_notice_s": round(max(found.noticed_s), 2),
            "allowed_wait_s": round(min(found.allowed_s), 2),
            "seconds": round(seconds, 1),
        },
    )
