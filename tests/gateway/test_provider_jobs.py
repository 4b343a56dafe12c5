"""`/v1/provider-jobs`: what a person sees of a provider's job, and what is asked of the poller through it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.vocabulary import ErrorKind, ImageState, ProviderJobState
from pressroom.state.documents import ProviderJobDocument

from ..house import running
from .serving import Gateway, problem_of

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


async def stored(gateway: Gateway, job_id: str, **fields: Any) -> ProviderJobDocument:
    """A job as the poller leaves it."""
    values: dict[str, Any] = {
        "state": ProviderJobState.SUBMITTED,
        "batch_id": job_id.rpartition("-job-")[0],
        "provider": "gemini",
        "image_count": 2,
        "last_index": 2,
        "created_at": NOW,
        "updated_at": NOW,
        "next_poll_at": NOW,
    }
    job = ProviderJobDocument(_id=job_id, **{**values, **fields})
    assert await gateway.house.database.provider_jobs.insert(job)
    return job


async def shown(gateway: Gateway, job_id: str) -> dict[str, Any]:
    answer = await gateway.http.get(f"/v1/provider-jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ids(gateway: Gateway, **query: str) -> list[str]:
    answer = await gateway.http.get("/v1/provider-jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["items"]]


@pytest.mark.parametrize(
    ("state", "is_running", "said"),
    [
        (ProviderJobState.PLANNED, False, "submitted"),
        (ProviderJobState.SUBMITTING, False, "submitted"),
        (ProviderJobState.SUBMITTED, False, "pending"),
        (ProviderJobState.SUBMITTED, True, "running"),
        (ProviderJobState.COLLECTING, False, "collecting"),
        (ProviderJobState.SUCCEEDED, False, "succeeded"),
        (ProviderJobState.FAILED, False, "failed"),
        (ProviderJobState.CANCELLED, False, "cancelled"),
        (ProviderJobState.EXPIRED, False, "expired"),
    ],
)
async def test_a_job_stands_as_people_say_and_is_found_by_it(
    gateway: Gateway, state: ProviderJobState, is_running: bool, said: str
) -> None:
    await stored(gateway, "a-job-0", state=state, is_running=is_running, vendor_state="ITS_OWN_WORD")
    job = await shown(gateway, "a-job-0")
    assert (job["state"], job["vendor_state"]) == (said, "ITS_OWN_WORD")
    assert await ids(gateway, state=said) == ["a-job-0"]
    assert await ids(gateway, state="failed" if said != "failed" else "running") == []


async def test_a_job_tells_its_files_its_counts_and_its_cost(gateway: Gateway) -> None:
    batch = await gateway.planned(count=2)
    await gateway.house.database.images.change(f"{batch.id}-0000", {"estimated_cost_microusd": 19_500})
    await stored(
        gateway,
        f"{batch.id}-job-0",
        state=ProviderJobState.SUCCEEDED,
        vendor_name="batches/123",
        input_file="files/in",
        results_file="files/out",
        succeeded=1,
        failed=1,
        cost_microusd=19_500,
    )
    job = await shown(gateway, f"{batch.id}-job-0")
    assert (job["vendor_name"], job["input_file"], job["output_file"]) == ("batches/123", "files/in", "files/out")
    assert (job["requested"], job["succeeded"], job["failed"]) == (2, 1, 1)
    assert (job["estimated_cost_usd"], job["cost_usd"]) == ("0.039", "0.0195")
    assert f"/v1/batches/{batch.id}/retry" in job["recommendation"]


async def test_a_job_that_its_provider_refuses_says_what_to_do(gateway: Gateway) -> None:
    error = ErrorReport(kind=ErrorKind.AUTH, message="set PRESSROOM_GEMINI_API_KEY", recoverable=False)
    await stored(gateway, "a-job-0", error=error)
    job = await shown(gateway, "a-job-0")
    assert job["error"]["message"] == "set PRESSROOM_GEMINI_API_KEY"
    assert "goes on by itself" in job["recommendation"]


async def test_what_is_recommended_can_be_done(gateway: Gateway) -> None:
    lost = ErrorReport(kind=ErrorKind.VALIDATION, message="ask for these images again", recoverable=True)
    await stored(gateway, "a-job-0", state="failed", failed=2, error=lost, text_kind="plain")
    recommended = (await shown(gateway, "a-job-0"))["recommendation"]
    assert (
        recommended == "To make what failed again, POST /v1/batches/a/retry, in mode 'batch', the only one for texts."
    )
    no_key = ErrorReport(kind=ErrorKind.AUTH, message="not deleted: set PRESSROOM_GEMINI_API_KEY", recoverable=False)
    await stored(gateway, "b-job-0", state="succeeded", error=no_key)
    assert (await shown(gateway, "b-job-0"))["recommendation"].endswith("then ask for its deletion again.")


async def test_jobs_are_listed_newest_first_in_parts(gateway: Gateway) -> None:
    for number in range(5):
        await stored(gateway, f"batch{number}-job-0", created_at=NOW + timedelta(seconds=number))
    first = (await gateway.http.get("/v1/provider-jobs", params={"limit": 3})).json()
    second = (await gateway.http.get("/v1/provider-jobs", params={"cursor": first["next_cursor"]})).json()
    listed = [job["id"] for job in (*first["items"], *second["items"])]
    assert listed == [f"batch{number}-job-0" for number in reversed(range(5))]
    assert second["next_cursor"] is None


async def test_jobs_are_found_by_batch_and_by_provider(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0")
    await stored(gateway, "b-job-0", provider="openai")
    assert await ids(gateway, batch="a") == ["a-job-0"]
    assert await ids(gateway, provider="openai") == ["b-job-0"]


async def test_somebody_elses_job_is_not_there(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0", owner="somebody-else")
    assert await ids(gateway) == []
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        answer = await gateway.http.request(method, f"/v1/provider-jobs/a-job-0{path}")
        problem_of(answer, 404, "not-found")


async def test_a_job_from_before_jobs_had_an_owner_is_listed(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0")
    await gateway.house.database.provider_jobs.raw.update_one({"_id": "a-job-0"}, {"$unset": {"owner": 1}})
    assert await ids(gateway) == ["a-job-0"]


async def test_the_results_of_a_job_are_its_own_images(gateway: Gateway) -> None:
    batch = await gateway.planned(count=4)
    await stored(gateway, f"{batch.id}-job-1", first_index=1, last_index=4)
    await stored(gateway, f"{batch.id}-job-2", image_ids=(f"{batch.id}-0003",))
    path = f"/v1/provider-jobs/{batch.id}-job-1/results"
    first = (await gateway.http.get(path, params={"limit": 2})).json()
    second = (await gateway.http.get(path, params={"cursor": first["next_cursor"]})).json()
    assert [image["index"] for image in (*first["items"], *second["items"])] == [1, 2, 3]
    only = (await gateway.http.get(f"/v1/provider-jobs/{batch.id}-job-2/results")).json()
    assert [image["index"] for image in only["items"]] == [3]


async def test_who_prefers_to_wait_is_answered_at_the_jobs_end(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0", state=ProviderJobState.COLLECTING)
    asking = asyncio.create_task(
        gateway.http.get("/v1/provider-jobs/a-job-0", headers={"Prefer": "respond-async, wait=15"})
    )
    await asyncio.sleep(0.3)
    assert not asking.done()
    await gateway.house.database.provider_jobs.transition("a-job-0", ProviderJobState.SUCCEEDED)
    answer = await asking
    assert answer.json()["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=15"


@pytest.mark.parametrize("prefer", ["wait=0", "wait=never", "handling=lenient"])
async def test_who_prefers_nothing_that_can_be_had_is_answered_at_once(gateway: Gateway, prefer: str) -> None:
    await stored(gateway, "a-job-0")
    answer = await gateway.http.get("/v1/provider-jobs/a-job-0", headers={"Prefer": prefer})
    assert answer.json()["state"] == "pending"


async def test_a_job_is_cancelled_alone(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0")
    await stored(gateway, "a-job-1", first_index=2, last_index=4)
    answer = await gateway.http.post("/v1/provider-jobs/a-job-1/cancel")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    assert not (await shown(gateway, "a-job-0"))["cancel_requested"]


async def test_a_job_that_is_over_cannot_be_cancelled(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0", state=ProviderJobState.FAILED)
    problem_of(await gateway.http.post("/v1/provider-jobs/a-job-0/cancel"), 409, "provider-job-over")


async def test_a_job_is_deleted_only_at_its_end(gateway: Gateway) -> None:
    await stored(gateway, "a-job-0")
    problem_of(await gateway.http.delete("/v1/provider-jobs/a-job-0"), 409, "provider-job-not-over")
    await gateway.house.database.provider_jobs.change("a-job-0", {"state": str(ProviderJobState.CANCELLED)})
    answer = await gateway.http.delete("/v1/provider-jobs/a-job-0")
    assert (answer.status_code, answer.json()["delete_requested"]) == (202, True)


async def test_a_job_is_asked_for_like_a_batch(gateway: Gateway) -> None:
    values: dict[str, Any] = {
        **gateway.house.values,
        "gemini_url": "http://127.0.0.1:9",
        "gemini_api_key": "none",
    }
    settings = BatchPollerSettings(**values)
    async with running(build(settings)):
        body = {"provider": "gemini", "prompt": "a quiet harbour", "count": 2, "width": 64, "height": 64}
        answer = await gateway.http.post("/v1/provider-jobs", json=body)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert (batch["request"]["mode"], batch["provider_jobs"]) == ("batch", [f"{batch['id']}-job-0"])


async def test_a_job_of_another_mode_is_refused(gateway: Gateway) -> None:
    body = {"provider": "gemini", "prompt": "a quiet harbour", "mode": "realtime"}
    problem = problem_of(await gateway.http.post("/v1/provider-jobs", json=body), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == ["mode"]


async def test_what_is_collected_counts_before_the_end(gateway: Gateway) -> None:
    batch = await gateway.planned(count=2)
    await gateway.house.database.images.change(f"{batch.id}-0001", {"state": str(ImageState.GENERATED)})
    await stored(gateway, f"{batch.id}-job-0", state=ProviderJobState.COLLECTING)
    assert (await shown(gateway, f"{batch.id}-job-0"))["succeeded"] == 1
