"""RunPod's own SDK as the referee of the stand-in."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable

import pytest
import runpod
from runpod.endpoint.runner import Job

from .comfy import graph
from .images import size_of
from .process import DEADLINE_S, Sandbox, wait_for


@pytest.fixture
def endpoint_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., runpod.Endpoint]:
    def endpoint(sandbox: Sandbox, name: str = "sandbox-endpoint", key: str = "sandbox-runpod-key") -> runpod.Endpoint:
        monkeypatch.setattr(runpod, "endpoint_url_base", f"{sandbox.url}/runpod/v2")
        return runpod.Endpoint(name, api_key=key)

    return endpoint


EndpointOf = Callable[..., runpod.Endpoint]


def ended(job: Job) -> str:
    """The status in which a job ends; the SDK's own waiting takes whole seconds."""
    return wait_for(lambda: job.status() not in ("IN_QUEUE", "IN_PROGRESS") and job.status(), "the job to end")


def test_run_status_and_output(sandbox: Sandbox, endpoint_of: EndpointOf) -> None:
    job = endpoint_of(sandbox).run({"input": {"workflow": graph(width=512, height=1024)}})
    assert ended(job) == "COMPLETED"
    [image] = job.output(timeout=DEADLINE_S)["images"]
    assert (image["filename"], image["type"]) == ("fox_00001_.png", "base64")
    assert size_of(base64.b64decode(image["data"])) == (64, 128)


def test_run_sync_waits_for_the_pictures(sandbox: Sandbox, endpoint_of: EndpointOf) -> None:
    output = endpoint_of(sandbox).run_sync({"input": {"workflow": graph(batch_size=2)}}, timeout=DEADLINE_S)
    assert len(output["images"]) == 2
    assert sandbox.stats()["runpod"]["images"] == 2


def test_cancel(start_sandbox: Callable[..., Sandbox], endpoint_of: EndpointOf) -> None:
    sandbox = start_sandbox(runpod_seconds=30)
    job = endpoint_of(sandbox).run({"input": {"workflow": graph()}})
    assert job.cancel(timeout=DEADLINE_S)["status"] == "CANCELLED"
    assert job.status() == "CANCELLED"
    assert sandbox.stats()["runpod"]["images"] == 0


def test_health_and_purging_the_queue(start_sandbox: Callable[..., Sandbox], endpoint_of: EndpointOf) -> None:
    endpoint = endpoint_of(start_sandbox(runpod_seconds=90))
    jobs = [endpoint.run({"input": {"workflow": graph(seed=seed)}}) for seed in range(2)]
    health = endpoint.health(timeout=DEADLINE_S)
    assert (health["jobs"]["inQueue"], health["workers"]["idle"]) == (2, 1)
    assert endpoint.purge_queue(timeout=DEADLINE_S)["removed"] == 2
    with pytest.raises(Exception, match="404"):
        jobs[0].status()


def test_a_bad_key_and_a_wrong_endpoint(sandbox: Sandbox, endpoint_of: EndpointOf) -> None:
    with pytest.raises(RuntimeError, match="401"):
        endpoint_of(sandbox, key="wrong").health(timeout=DEADLINE_S)
    with pytest.raises(Exception, match="404"):
        endpoint_of(sandbox, name=f"gone-{uuid.uuid4()}").health(timeout=DEADLINE_S)


def test_a_failed_job_has_its_error_in_the_output(sandbox: Sandbox, endpoint_of: EndpointOf) -> None:
    job = endpoint_of(sandbox).run({"input": {"workflow": graph(model="gone.safetensors")}})
    assert ended(job) == "FAILED"
    assert "value_not_in_list" in job.output()["error"]
