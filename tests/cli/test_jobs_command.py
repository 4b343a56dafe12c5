"""`pressroom jobs` and `pressroom retry`: a job from its making to its deletion, and what failed made again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pressroom.cli.commands.jobs import readable
from pressroom.contracts.api import Text

from .conftest import Instance, wait_until

SMALL = ("--profile", "none", "--width", "256", "--height", "320")


def told(instance: Instance, *words: str, code: int = 0) -> Any:
    done = instance.run(*words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def requested(tmp_path: Path, *prompts: str) -> str:
    """A file with a request of one image of each prompt."""
    file = tmp_path / "request.json"
    images = [{"prompt": prompt} for prompt in prompts]
    body = {"provider": "gemini", "images": images, "profile": "none", "width": 256, "height": 320}
    file.write_text(json.dumps(body))
    return str(file)


@pytest.mark.timeout(180)
def test_a_job_is_made_awaited_listed_taken_home_and_deleted(instance: Instance, tmp_path: Path) -> None:
    batch = told(instance, "jobs", "create", "a paper crane", "--count", "2", *SMALL)
    (job,) = batch["provider_jobs"]
    ended = told(instance, "jobs", "wait", job)
    assert (ended["state"], ended["succeeded"], ended["vendor_name"][:8]) == ("succeeded", 2, "batches/")
    assert [one["id"] for one in told(instance, "jobs", "list", "--batch", batch["id"])] == [job]
    assert job in instance.run("jobs").stdout
    images = told(instance, "jobs", "results", job, "--out", str(tmp_path / "out"))
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == [image["id"] for image in images]
    assert told(instance, "jobs", "delete", job)["delete_requested"]
    wait_until(lambda: told(instance, "jobs", "show", job)["deleted_at"] is not None)
    assert "deleted at gemini" in instance.run("jobs", "show", job).stdout


@pytest.mark.timeout(180)
def test_texts_are_asked_for_shown_and_taken_home(instance: Instance, tmp_path: Path) -> None:
    words = ("jobs", "create", "a fox poster", "--text", "product_listing", "--instructions", "In English.")
    (job,) = told(instance, *words, "--count", "2")["provider_jobs"]
    ended = told(instance, "jobs", "wait", job)
    assert (ended["succeeded"], ended["model"]) == (2, "gemini-3.8-flash")
    texts = told(instance, "jobs", "results", job, "--out", str(tmp_path / "out"))
    assert [set(text["fields"]) for text in texts] == [{"title", "description", "tags"}] * 2
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{text['id']}.json" for text in texts]
    assert json.loads(files[0].read_text()) == texts[0]["fields"]
    assert '"title": "title: a fox poster"' in instance.run("jobs", "results", job).stdout


def test_what_a_model_wrote_cannot_steer_the_terminal() -> None:
    now = datetime.now(UTC)
    text = Text.model_validate(
        {
            "id": "a-0000",
            "batch_id": "a",
            "index": 0,
            "kind": "plain",
            "state": "generated",
            "provider": "gemini",
            "prompt": "x",
            "cost_usd": "0",
            "text": "a \x1b]0;title\x07\x9b2J fox\nin the rain",
            "created_at": now,
            "updated_at": now,
        }
    )
    assert readable(text) == "    a  ]0;title  2J fox\n    in the rain"


@pytest.mark.timeout(180)
def test_what_failed_in_a_job_is_told_and_made_again_by_another(instance: Instance, tmp_path: Path) -> None:
    file = requested(tmp_path, "a fox", "a hare [sandbox:error]")
    (job,) = told(instance, "jobs", "create", "--file", file)["provider_jobs"]
    ended = told(instance, "jobs", "wait", job, code=1)
    assert (ended["state"], ended["succeeded"], ended["failed"]) == ("succeeded", 1, 1)
    assert "retry" in ended["recommendation"]
    assert "[sandbox:error]" not in instance.run("jobs", "results", job).stdout.splitlines()[1]
    again = told(instance, "retry", ended["batch_id"], "--provider", "studio", "--wait")
    assert (again["state"], again["progress"]["ready"], again["progress"]["failed"]) == ("completed", 2, 0)
    assert instance.run("retry", ended["batch_id"]).returncode == 1


def test_a_job_that_is_over_is_not_cancelled(instance: Instance) -> None:
    (job,) = told(instance, "jobs", "create", "a lighthouse", *SMALL)["provider_jobs"]
    told(instance, "jobs", "wait", job)
    refused = instance.run("jobs", "cancel", job)
    assert refused.returncode == 1
    assert "nothing left to cancel" in refused.stderr


def test_a_job_that_does_not_exist_is_named(instance: Instance) -> None:
    refused = instance.run("jobs", "show", "no-such-job")
    assert refused.returncode == 1
    assert "no-such-job" in refused.stderr
