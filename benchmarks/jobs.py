"""`./run bench jobs [--jobs 2000]`: many provider jobs in flight at the sandbox's Gemini, followed by one batch-poller.

The clock runs COMPRESSED times as fast: the poller's intervals, its pace and the jobs' own time are divided by it. A
job is late when it was collected longer after its end at the provider than the interval at which a job of its age is
looked at, and a tenth more. Status calls are the sandbox's GETs of a job or of the list. CPU time is that of the
poller's process from its start to the last image, with submitting and finishing; its peak memory all that it ever held.
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
from pathlib import Path

from pressroom.batch_poller.schedule import AGE_SHARE
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.runtime.admission import Admission

from .bench_house import MAX_IMAGES, SIDE_PX, BenchHouse, bench_house
from .table import Table

JOBS = 2000
COMPRESSED = 15.0
POLL_INITIAL_S, POLL_MAX_S, DUE_INTERVAL_S, REQUESTS_PER_SECOND = 30.0, 600.0, 0.5, 5.0
JOB_S = 2700.0
"""Long enough that the last job is submitted before the first one ends."""
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


async def measure(jobs: int = JOBS) -> Table:
    job_s, initial_s, max_s = (seconds / COMPRESSED for seconds in (JOB_S, POLL_INITIAL_S, POLL_MAX_S))
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as folder, sandbox(Path(folder), job_s) as url:
        settings = {
            "GEMINI_URL": url,
            "GEMINI_API_KEY": KEY,
            "POLL_INITIAL_S": str(initial_s),
            "POLL_MAX_S": str(max_s),
            "DUE_INTERVAL_S": str(max(0.05, DUE_INTERVAL_S / COMPRESSED)),
            "PROVIDER_REQUESTS_PER_SECOND": str(REQUESTS_PER_SECOND * COMPRESSED),
            "PROVIDER_JOB_MAX_IMAGES": "1",
            "JOBS_AT_ONCE": "16",
        }
        calls, began = RequestLog(Path(folder)), time.perf_counter()
        async with bench_house() as house, poller_process(house, settings) as poller:
            for first in range(0, jobs, MAX_IMAGES):
                await request_batch(house, min(MAX_IMAGES, jobs - first))
            most_in_flight = 0
            while await house.database.provider_jobs.raw.count_documents({"state": "succeeded"}) < jobs:
                poller.check()
                # By its id, as a job whose date moves on would be counted twice in the order of dates.
                in_flight = await house.database.provider_jobs.raw.count_documents({"state": "submitted"}, hint="_id_")
                most_in_flight = max(most_in_flight, in_flight)
                await asyncio.to_thread(calls.read)
                await asyncio.sleep(0.5)
            calls.read()
            seconds, cpu_s, peak_mb = time.perf_counter() - began, poller.cpu_s, poller.peak_mb
            found = await house.database.provider_jobs.find({})
    waits_s = [(job.updated_at - (job.submitted_at or job.updated_at)).total_seconds() - job_s for job in found]
    allowed_s = min(max(job_s * AGE_SHARE, initial_s), max_s) * LATE_SHARE
    late = sum(wait > allowed_s for wait in waits_s)
    each = (calls.status_calls + calls.list_calls) / jobs
    return Table(
        title=f"jobs: {jobs} provider jobs, {most_in_flight} of them in flight at once, {COMPRESSED:.0f} times as fast",
        columns=("", "status calls per job", "CPU seconds", "peak MB", "late", "longest wait, s"),
        rows=[
            ("batch-poller", f"{each:.2f}", f"{cpu_s:.1f}", f"{peak_mb:.0f}", str(late), f"{max(waits_s):.1f}"),
        ],
        note=f"{calls.list_calls} pages of the list and {calls.status_calls} single questions in {seconds:.0f} s; a "
        f"job may wait {allowed_s:.1f} s after its end. Goals: none late, under {GOAL_MB:.0f} MB.",
        metrics={
            "status_calls_per_job": round(each, 3),
            "cpu_s": round(cpu_s, 1),
            "peak_mb": round(peak_mb, 1),
            "late": late,
            "most_in_flight": most_in_flight,
            "longest_wait_s": round(max(waits_s), 2),
            "allowed_wait_s": round(allowed_s, 2),
            "seconds": round(seconds, 1),
        },
    )
