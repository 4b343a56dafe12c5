"""RunPod over plain HTTP: the statuses, the limits, the webhooks, and what the SDK hides."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .comfy import graph
from .images import png, size_of
from .process import DEADLINE_S, Sandbox, wait_for
from .webhooks import mailbox


def serverless(sandbox: Sandbox, endpoint: str = "sandbox-endpoint", key: str = "sandbox-runpod-key") -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=f"{sandbox.url}/runpod/v2/{endpoint}", headers=headers, timeout=DEADLINE_S)


def work(prompt: str = "a fox", **more: Any) -> dict[str, Any]:
    return {"input": {"workflow": graph(prompt, **more)}}


def run(http: httpx.Client, body: dict[str, Any]) -> str:
    reply = http.post("/run", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["status"] == "IN_QUEUE"
    return reply.json()["id"]


def ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job, once it has ended."""

    def look() -> dict[str, Any] | None:
        job = http.get(f"/status/{job_id}").json()
        return None if job["status"] in ("IN_QUEUE", "IN_PROGRESS") else job

    return wait_for(look, "the job to end")


def test_a_job_waits_then_goes_on_then_is_completed(start_sandbox: Callable[..., Sandbox]) -> None:
    seen: list[str] = []
    with serverless(start_sandbox(runpod_seconds=2.4)) as http:
        job_id = run(http, work())

        def look() -> dict[str, Any] | None:
            job = http.get(f"/status/{job_id}").json()
            if job["status"] not in seen:
                seen.append(job["status"])
            return job if job["status"] == "COMPLETED" else None

        job = wait_for(look, "the job to end")
    assert seen == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert job["workerId"]
    assert (job["delayTime"], job["executionTime"]) == (800, 1600)
    assert size_of(base64.b64decode(job["output"]["images"][0]["data"])) == (128, 96)


def test_progress_may_be_told_once_more_after_the_end(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="runpod", kind="late_progress", match="GET .*/status/")
    with serverless(sandbox) as http:
        job_id = run(http, work())
        ended(http, job_id)
        late = [http.get(f"/status/{job_id}").json() for _ in range(2)]
    assert [job["status"] for job in late] == ["IN_PROGRESS", "COMPLETED"]
    assert "output" not in late[0]


def test_runsync_may_end_before_the_job_does(start_sandbox: Callable[..., Sandbox]) -> None:
    with serverless(start_sandbox(runpod_seconds=60)) as http:
        job = http.post("/runsync", params={"wait": 50}, json=work()).json()
    assert job["id"].startswith("sync-")
    assert job["status"] == "IN_QUEUE"


@pytest.mark.parametrize(
    ("path", "setting"), [("/run", "runpod_keep_seconds"), ("/runsync", "runpod_keep_sync_seconds")]
)
def test_results_are_kept_for_a_while_only(start_sandbox: Callable[..., Sandbox], path: str, setting: str) -> None:
    sandbox = start_sandbox(runpod_seconds=0, **{setting: 0})
    with serverless(sandbox) as http:
        gone = http.get(f"/status/{http.post(path, json=work()).json()['id']}")
    assert (gone.status_code, gone.json()) == (404, {"error": "request does not exist"})
    assert sandbox.stats()["runpod"]["jobs"] == 1


def test_a_policy_may_end_a_job_in_time(start_sandbox: Callable[..., Sandbox]) -> None:
    with serverless(start_sandbox(runpod_seconds=0.6)) as http:
        policies = (
            {"ttl": 50},
            {"executionTimeout": 50},
            {"executionTimeout": 60_000, "ttl": 60_000, "lowPriority": True},
        )
        jobs = [run(http, {**work(seed=seed), "policy": policy}) for seed, policy in enumerate(policies)]
        assert [ended(http, job_id)["status"] for job_id in jobs] == ["TIMED_OUT", "TIMED_OUT", "COMPLETED"]


@pytest.mark.parametrize(("marker", "status"), [("error", "FAILED"), ("oom", "FAILED"), ("worker-error", "COMPLETED")])
def test_a_workers_error_has_details(sandbox: Sandbox, marker: str, status: str) -> None:
    with serverless(sandbox) as http:
        job = ended(http, run(http, work(f"a fox [sandbox:{marker}]")))
    assert job["status"] == status
    assert job["output"]["error"] == "Job processing failed"
    assert "Node Type: KSampler" in job["output"]["details"][0]
    assert "images" not in job["output"]


def test_a_worker_may_succeed_without_pictures_or_with_warnings(sandbox: Sandbox) -> None:
    with serverless(sandbox) as http:
        empty = ended(http, run(http, work("[sandbox:no-image]")))["output"]
        warned = ended(http, run(http, work("[sandbox:warned]")))["output"]
    assert empty == {"images": [], "status": "success_no_images"}
    assert (len(warned["images"]), len(warned["errors"])) == (1, 1)


@pytest.mark.parametrize(
    ("job_input", "error"),
    [
        ({"prompt": "a fox"}, "Missing 'workflow' parameter"),
        ({"workflow": {}, "images": [{"name": "x"}]}, "'images' must be a list"),
        ({"workflow": {}, "images": [{"name": "x.png", "image": "bm8="}]}, "Failed to upload one or more input images"),
        ({"workflow": {}}, "Prompt has no outputs"),
    ],
)
def test_inputs_that_the_worker_cannot_use_fail_the_job(sandbox: Sandbox, job_input: object, error: str) -> None:
    with serverless(sandbox) as http:
        job = ended(http, run(http, {"input": job_input}))
    assert job["status"] == "FAILED"
    assert error in job["error"]


def test_pictures_may_be_given(sandbox: Sandbox) -> None:
    over = work()
    over["input"]["images"] = [{"name": "in.png", "image": f"data:image/png;base64,{base64.b64encode(png()).decode()}"}]
    over["input"]["workflow"]["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["4", 2]}}
    over["input"]["workflow"]["10"] = {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
    with serverless(sandbox) as http:
        [image] = ended(http, run(http, over))["output"]["images"]
    assert size_of(base64.b64decode(image["data"])) == (64, 48)


def test_pictures_may_be_left_in_a_bucket_that_needs_no_key(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(runpod_output="s3_url", runpod_seconds=0)
    with serverless(sandbox) as http:
        [image] = ended(http, run(http, work()))["output"]["images"]
        assert image["type"] == "s3_url"
        assert http.get(image["data"]).status_code == 400
    assert size_of(httpx.get(image["data"]).content) == (128, 96)
    assert httpx.get(image["data"][:-4]).status_code == 403
    stats = sandbox.stats()["runpod"]
    assert (stats["downloads"], stats["keys_leaked"]) == (1, 1)


def test_requests_that_cannot_be_are_refused(sandbox: Sandbox) -> None:
    with serverless(sandbox) as http:
        assert http.post("/run", json={"input": {}}).status_code == 400
        assert http.post("/run", content=b"{").status_code == 400
        assert http.post("/run", json={**work(), "policy": {"ttl": -1}}).status_code == 400
        assert http.get("/status/gone").json() == {"error": "request does not exist"}
    with serverless(sandbox, key="wrong") as stranger:
        assert stranger.post("/run", json=work()).status_code == 401
    with serverless(sandbox, endpoint="other") as lost:
        assert lost.post("/run", json=work()).status_code == 404
    assert sandbox.stats()["runpod"]["jobs"] == 0


@pytest.mark.parametrize(("path", "mib"), [("/run", 10), ("/runsync", 20)])
def test_payloads_have_a_limit(sandbox: Sandbox, path: str, mib: int) -> None:
    with serverless(sandbox) as http:
        refused = http.post(path, json={"input": {"workflow": {}, "note": "x" * mib * 1024 * 1024}})
    assert (refused.status_code, refused.json()["error"]) == (400, f"body: exceeded max body size of {mib}MiB")


def test_a_webhook_is_told_the_end_and_tried_twice_more(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(webhook_retry_seconds=0.05)
    with mailbox(refusals=3) as box, serverless(sandbox) as http:
        job_id = run(http, {**work(), "webhook": box.url})
        elsewhere = run(http, {**work(seed=2), "webhook": "http://192.0.2.1/hook"})
        wait_for(lambda: len(box.letters) == 3, "the third try")
        told = json.loads(box.letters[0][1])
        assert (told["id"], told["status"]) == (job_id, "COMPLETED")
        assert told["output"]["images"]
        assert ended(http, elsewhere)["status"] == "COMPLETED"


def test_the_same_input_is_made_twice(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="runpod", kind="cut_after_effect", match="POST .*/run")
    with serverless(sandbox) as http:
        with pytest.raises(httpx.TransportError):
            run(http, work())
        run(http, work())
        run(http, work(seed=2))
    stats = sandbox.stats()["runpod"]
    assert (stats["jobs"], stats["jobs_made_twice"]) == (3, 1)


def test_faults_have_runpods_shape(sandbox: Sandbox) -> None:
    for kind in ("429_retry_after", "fail", "expire", "huge_picture"):
        match = "GET .*/status/" if kind == "huge_picture" else "POST .*/run"
        sandbox.fault(vendor="runpod", kind=kind, match=match, times=-1 if kind == "huge_picture" else 1)
    with serverless(sandbox) as http:
        refused = http.post("/run", json=work())
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]
        assert ended(http, run(http, work(seed=1)))["status"] == "FAILED"
        assert ended(http, run(http, work(seed=2)))["status"] == "TIMED_OUT"
        [image] = ended(http, run(http, work(seed=3)))["output"]["images"]
    assert size_of(base64.b64decode(image["data"])) == (60_000, 60_000)


def test_killed_it_still_knows_its_jobs_and_owes_its_webhooks(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox(runpod_seconds=1)
    with mailbox() as box:
        with serverless(first) as http:
            job_id = run(http, {**work(), "webhook": box.url})
        first.kill()
        second = start_sandbox(runpod_seconds=1)
        with serverless(second) as http:
            assert ended(http, job_id)["status"] == "COMPLETED"
        wait_for(lambda: box.letters, "the webhook")
    assert second.stats()["runpod"]["jobs"] == 1


def test_its_pictures_are_on_the_page(sandbox: Sandbox) -> None:
    with serverless(sandbox) as http:
        job_id = run(http, work("a fox for the page"))
        ended(http, job_id)
    assert "a fox for the page" in httpx.get(f"{sandbox.url}/_sandbox/").text
    assert httpx.get(f"{sandbox.url}/_sandbox/runpod/picture/{job_id}").headers["content-type"] == "image/webp"
