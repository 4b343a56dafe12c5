"""`pressroom case-images`: a case by its name, a batch file, what is missing, statistics, and the files about them."""

import json
from pathlib import Path
from typing import Any

import httpx

from .conftest import Instance, pressroom
from .lossy_way import losing

CASE: dict[str, Any] = {
    "kind": "case",
    "title": "The Missing Page",
    "parts": [
        {"name": "suspect-1", "role": "suspect", "fields": {"description": "a tall man"}},
        {"name": "scene", "role": "scene", "fields": {"description": "a library"}},
    ],
}


def keep(instance: Instance, name: str, case: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {instance.facts.token}"}
    url = f"{instance.facts.url}/v1/subjects/{name}"
    httpx.put(url, json=case, headers=headers, trust_env=False, timeout=20).raise_for_status()


def saved(folder: Path, ending: str) -> dict[str, Any]:
    (path,) = folder.glob(f"*-{ending}.json")
    return json.loads(path.read_text())


def test_a_case_is_made_followed_and_counted(instance: Instance, tmp_path: Path) -> None:
    keep(instance, "cli-1", CASE)
    out = ("--out", str(tmp_path))

    estimate = instance.run("case-images", "make", "--case-id", "cli-1", "--estimate-only")
    made = instance.run("case-images", "make", "--case-id", "cli-1", "--delay", "0", *out)
    listed = instance.run("case-images", "stats", "--from", "2026-01-01")
    lacking = instance.run("case-images", "missing", "--case-id", "cli-1")

    assert json.loads(estimate.stdout)["imageCount"] == 2
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert lines[0] == "[0/2] 0%"
    assert "[2/2] 100%" in lines
    assert lines[-1] == "COMPLETE: 2/2 successful"
    progress = saved(tmp_path, "progress")
    assert [one["type"] for one in progress["completed"]] == ["suspect", "scene"]
    assert saved(tmp_path, "report")["failures"] == []
    head, *rows = listed.stdout.splitlines()
    assert head == "batch_id,date,total,successful,failed,time,cost"
    assert any(row.startswith(f"{progress['batchId']},") for row in rows)
    assert lacking.stdout == "Nothing is missing.\n"


def test_what_is_missing_is_told_exported_and_made_and_what_fails_ends_with_1(
    instance: Instance, tmp_path: Path
) -> None:
    refused = {"name": "suspect-2", "role": "suspect", "fields": {"description": "[sandbox:moderated]"}}
    keep(instance, "cli-2", CASE | {"parts": [*CASE["parts"], refused]})
    file = tmp_path / "images-to-generate.json"
    scene = {"type": "scene", "caseId": "cli-2", "retries": 3}
    file.write_text(json.dumps({"images": [scene], "options": {"delay": 0}}))

    first = instance.run("case-images", "make", str(file), "--out", str(tmp_path / "file"))
    export = tmp_path / "missing.json"
    words = ("case-images", "missing", "--case-id", "cli-2", "--fix", "--export", str(export))
    fixed = instance.run(*words, "--out", str(tmp_path / "fix"))
    again = instance.run("case-images", "resume", saved(tmp_path / "fix", "report")["batchId"], "--out", str(tmp_path))

    assert first.returncode == 0, first.stderr
    assert json.loads(export.read_text())[0]["missing"] == [
        {"type": "suspect", "suspectId": "suspect-1"},
        {"type": "suspect", "suspectId": "suspect-2"},
    ]
    assert fixed.stdout.splitlines()[0] == "cli-2: suspect-1, suspect-2"
    assert (fixed.returncode, again.returncode) == (1, 1)
    (failure,) = saved(tmp_path / "fix", "report")["failures"]
    assert (failure["suspectId"], failure["recoverable"]) == ("suspect-2", False)


def test_a_case_whose_answer_got_lost_is_followed_under_the_key_that_was_told(
    instance: Instance, tmp_path: Path
) -> None:
    keep(instance, "cli-3", CASE)
    words = ("case-images", "make", "--case-id", "cli-3", "--delay", "0", "--out", str(tmp_path))
    with losing(instance.facts.url, 1) as url:
        way = {"PRESSROOM_URL": url, "PRESSROOM_API_TOKEN": instance.facts.token}
        broken = pressroom(*words, environment=way)
    assert broken.returncode == 1
    key = broken.stderr.split("--idempotency-key ")[1].split()[0]

    again = instance.run(*words, "--idempotency-key", key)

    assert again.returncode == 0, again.stderr
    headers = {"Authorization": f"Bearer {instance.facts.token}"}
    url = f"{instance.facts.url}/v1/batches"
    made = httpx.get(url, params={"subject": "cli-3"}, headers=headers, trust_env=False, timeout=20).json()["items"]
    assert [batch["id"] for batch in made] == [saved(tmp_path, "progress")["batchId"]]


def test_a_case_that_is_not_there_is_named(instance: Instance) -> None:
    ended = instance.run("case-images", "make", "--case-id", "nobodys")
    assert ended.returncode == 1
    assert "Case not found: nobodys" in ended.stderr
    assert "Say which" in instance.run("case-images", "make").stderr
