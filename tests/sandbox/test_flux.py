"""BFL's API for FLUX.2: tasks that end in every way, results that expire, and URLs that must not be trusted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .images import png, size_of
from .process import DEADLINE_S, Sandbox, wait_for
from .webhooks import mailbox

PRO = "/v1/flux-2-pro"


def flux(sandbox: Sandbox, key: str = "sandbox-flux-key") -> httpx.Client:
    return httpx.Client(base_url=f"{sandbox.url}/flux", headers={"x-key": key}, timeout=DEADLINE_S)


def create(http: httpx.Client, prompt: str = "a fox", **more: object) -> dict[str, Any]:
    reply = http.post(PRO, json={"prompt": prompt, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def ended(http: httpx.Client, url: str) -> dict[str, Any]:
    """The result, once it is not pending any more."""

    def look() -> dict[str, Any] | None:
        result = http.get(url).json()
        return None if result["status"] in ("Pending", "Task not found") else result

    return wait_for(look, "the task to end")


def test_a_task_is_pending_first(start_sandbox: Callable[..., Sandbox]) -> None:
    with flux(start_sandbox(flux_seconds=30)) as http:
        task = create(http)
        assert http.get(task["polling_url"]).json() == {
            "id": task["id"], "status": "Pending", "result": None, "progress": None, "details": None, "preview": None
        }  # fmt: skip


def test_a_task_ends_with_a_picture(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        task = create(http, width=1024, height=512, seed=7, output_format="png")
        assert task["cost"] > 0
        assert task["polling_url"].startswith(f"{sandbox.url}/flux/v1/get_result?id=")
        result = ended(http, task["polling_url"])["result"]
    assert (result["prompt"], result["seed"]) == ("a fox", 7)
    assert result["end_time"] - result["start_time"] == pytest.approx(result["duration"])
    picture = httpx.get(result["sample"])
    assert picture.headers["content-type"] == "image/png"
    assert size_of(picture.content) == (128, 64)
    stats = sandbox.stats()["flux"]
    assert (stats["jobs"], stats["images"], stats["jobs_made_twice"], stats["keys_leaked"]) == (1, 1, 0, 0)


def test_the_picture_is_a_jpeg_of_the_asked_ratio_unless_said_otherwise(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        sample = ended(http, create(http, width=64, height=96)["polling_url"])["result"]["sample"]
    assert httpx.get(sample).content.startswith(b"\xff\xd8")
    assert size_of(httpx.get(sample).content) == (64, 96)


def test_the_key_that_is_sent_to_the_host_of_the_pictures_is_counted_as_leaked(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        sample = ended(http, create(http)["polling_url"])["result"]["sample"]
        assert http.get(sample).status_code == 400
    assert sandbox.stats()["flux"]["keys_leaked"] == 1


def test_a_picture_needs_its_signature(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        sample = ended(http, create(http)["polling_url"])["result"]["sample"]
    assert httpx.get(sample[:-1] + ("0" if sample[-1] != "0" else "1")).status_code == 403


def test_a_picture_expires(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(flux_result_seconds=0, flux_seconds=0)
    with flux(sandbox) as http:
        sample = ended(http, create(http)["polling_url"])["result"]["sample"]
    assert httpx.get(sample).status_code == 403


@pytest.mark.parametrize(
    ("marker", "status"),
    [("moderated", "Request Moderated"), ("unsafe-image", "Content Moderated"), ("error", "Error")],
)
def test_a_prompt_chooses_its_own_end(sandbox: Sandbox, marker: str, status: str) -> None:
    with flux(sandbox) as http:
        result = ended(http, create(http, f"a fox [sandbox:{marker}]")["polling_url"])
    assert (result["status"], result["result"]) == (status, None)
    assert sandbox.stats()["flux"]["images"] == 0


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_bad_key_is_not_authenticated(sandbox: Sandbox, key: str) -> None:
    with flux(sandbox, key) as http:
        refused = http.post(PRO, json={"prompt": "a fox"})
    assert (refused.status_code, refused.json()) == (403, {"detail": "Not authenticated"})


def test_a_model_that_is_not_there_is_not_found(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        dead = http.post("/v1/flux-dev", json={"prompt": "a fox"})
        assert (dead.status_code, dead.json()) == (404, {"detail": "Not Found"})
        unknown = http.get("/v1/get_result?id=gone")
        assert (unknown.status_code, unknown.json()["status"]) == (404, "Task not found")


@pytest.mark.parametrize(
    ("wrong", "place", "kind"),
    [
        ({"prompt": None}, ["body", "prompt"], "string_type"),
        ({"width": 100}, ["body", "width"], "multiple_of"),
        ({"height": 48}, ["body", "height"], "greater_than_equal"),
        ({"width": 4096, "height": 2048}, ["body"], "value_error"),
        ({"safety_tolerance": 6}, ["body", "safety_tolerance"], "less_than_equal"),
        ({"output_format": "gif"}, ["body", "output_format"], "literal_error"),
        ({"input_image_2": "bm8="}, ["body", "input_image_2"], "value_error"),
    ],
)
def test_what_cannot_be_is_refused_as_fastapi_does(
    sandbox: Sandbox, wrong: dict[str, object], place: list[str], kind: str
) -> None:
    with flux(sandbox) as http:
        refused = http.post(PRO, json={"prompt": "a fox"} | wrong)
    assert refused.status_code == 422
    assert [(one["loc"], one["type"]) for one in refused.json()["detail"]] == [(place, kind)]
    assert sandbox.stats()["flux"]["jobs"] == 0


def test_only_flex_lets_its_sampler_be_set(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        assert http.post("/v1/flux-2-flex", json={"prompt": "x", "steps": 99}).status_code == 422
        assert http.post("/v1/flux-2-flex", json={"prompt": "x", "steps": 20, "guidance": 3}).status_code == 200


def test_pictures_may_be_given(sandbox: Sandbox) -> None:
    picture = base64.b64encode(png()).decode()
    with flux(sandbox) as http:
        assert ended(http, create(http, input_image=picture, input_image_8=picture)["polling_url"])["result"]


def test_the_same_prompt_and_seed_are_made_twice(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        for seed in (1, 1, 2):
            create(http, seed=seed)
    assert sandbox.stats()["flux"]["jobs_made_twice"] == 1


def test_more_tasks_than_24_at_once_are_too_many(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(flux_seconds=30)
    with flux(sandbox) as http:
        for seed in range(24):
            create(http, seed=seed)
        assert http.post(PRO, json={"prompt": "one more"}).status_code == 429
    assert sandbox.stats()["flux"]["jobs"] == 24


def test_an_empty_account_pays_for_nothing(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="flux", kind="no_credit", match="POST")
    with flux(sandbox) as http:
        refused = http.post(PRO, json={"prompt": "a fox"})
    assert refused.status_code == 402
    assert isinstance(refused.json()["detail"], str)
    assert sandbox.stats()["flux"]["jobs"] == 0


def test_urls_in_an_answer_may_point_into_the_clients_own_network(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="flux", kind="foreign_url", match="POST")
    with flux(sandbox) as http:
        assert create(http)["polling_url"].startswith("http://169.254.169.254/")
        honest = create(http, seed=2)["polling_url"]
        ended(http, honest)
        sandbox.fault(vendor="flux", kind="foreign_url", match="get_result")
        assert http.get(honest).json()["result"]["sample"].startswith("http://169.254.169.254/")


def test_a_webhook_is_signed_and_tried_again(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(webhook_retry_seconds=0.05)
    with mailbox(refusals=2) as box, flux(sandbox) as http:
        task = create(http, webhook_url=box.url, webhook_secret="hush")
        assert "polling_url" not in task
        wait_for(lambda: len(box.letters) == 3, "the third try")
        headers, raw = box.letters[-1]
        assert headers["x-bfl-signature"] == f"sha256={hmac.new(b'hush', raw, hashlib.sha256).hexdigest()}"
        told = json.loads(raw)
        assert (told["id"], told["status"]) == (task["id"], "Ready")
        assert httpx.get(told["result"]["sample"]).status_code == 200


def test_a_task_with_a_webhook_is_not_found_at_first(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(flux_unknown_seconds=1)
    with mailbox() as box, flux(sandbox) as http:
        statuses: list[str] = []
        task = create(http, webhook_url=box.url)

        def look() -> bool:
            statuses.append(http.get("/v1/get_result", params={"id": task["id"]}).json()["status"])
            return statuses[-1] == "Ready"

        wait_for(look, "the task to end")
    assert statuses[0] == "Task not found"


def test_faults_have_fastapis_shape(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="flux", kind="429_retry_after", match="POST", seconds=3)
    sandbox.fault(vendor="flux", kind="other_size", match="delivery")
    with flux(sandbox) as http:
        refused = http.post(PRO, json={"prompt": "a fox"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        assert isinstance(refused.json()["detail"], str)
        sample = ended(http, create(http)["polling_url"])["result"]["sample"]
    assert size_of(httpx.get(sample).content) == (96, 128)


def test_a_task_that_was_taken_in_without_an_answer_is_billed(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="flux", kind="cut_after_effect", match="POST")
    with flux(sandbox) as http:
        with pytest.raises(httpx.TransportError):
            create(http, seed=1)
        create(http, seed=1)
    stats = sandbox.stats()["flux"]
    assert (stats["jobs"], stats["jobs_made_twice"]) == (2, 1)


def test_killed_it_still_knows_its_tasks_and_owes_its_webhooks(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox(flux_seconds=1)
    with mailbox() as box:
        with flux(first) as http:
            polled = create(http)["id"]
            hooked = create(http, seed=2, webhook_url=box.url)["id"]
        first.kill()
        second = start_sandbox(flux_seconds=1)
        with flux(second) as http:
            assert httpx.get(ended(http, f"/v1/get_result?id={polled}")["result"]["sample"]).status_code == 200
        wait_for(lambda: box.letters, "the webhook")
    assert json.loads(box.letters[0][1])["id"] == hooked


def test_its_pictures_are_on_the_page(sandbox: Sandbox) -> None:
    with flux(sandbox) as http:
        task = create(http, "a fox for the page")
        ended(http, task["polling_url"])
    assert "a fox for the page" in httpx.get(f"{sandbox.url}/_sandbox/").text
    assert httpx.get(f"{sandbox.url}/_sandbox/flux/picture/{task['id']}").headers["content-type"] == "image/webp"
