"""`pressroom admin-requests`: files of requests, the lines of the older scripts, and their result files."""

import json
from pathlib import Path
from typing import Any

import httpx

from .conftest import Instance, pressroom
from .lossy_way import losing

FOX: dict[str, Any] = {"prompt": "a fox", "providers": ["studio"], "size": "64x64", "guidance": 7}
POST: dict[str, Any] = {"title": "Your Blog Post Title", "content": "Your blog post content..."}


def a_file(folder: Path, name: str, requests: object) -> str:
    path = folder / name
    path.write_text(json.dumps(requests))
    return str(path)


def batches_of(instance: Instance) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {instance.facts.token}"}
    url = f"{instance.facts.url}/v1/batches"
    return httpx.get(url, params={"limit": 100}, headers=headers, trust_env=False, timeout=20).json()["items"]


def saved(folder: Path, beginning: str) -> dict[str, Any]:
    (path,) = folder.glob(f"{beginning}-*.json")
    return json.loads(path.read_text())


def test_images_of_a_file_are_made_told_and_saved(instance: Instance, tmp_path: Path) -> None:
    file = a_file(tmp_path, "mine.json", [FOX, FOX | {"providers": ["midjourney"]}])

    ended = instance.run("admin-requests", "images", file, "--delay", "0", "--out", str(tmp_path / "out"))

    assert ended.returncode == 1, ended.stderr
    results = saved(tmp_path / "out", "batch-image-results")
    (made,), (failed,) = results["results"], results["errors"]
    assert (made["index"], failed["index"], failed["statusCode"]) == (1, 2, 400)
    lines = ended.stdout.splitlines()
    assert lines[:7] == [
        "🖼️ Generating image 1/2:",
        "   Prompt: a fox",
        "   Provider: studio",
        "   Size: 64x64",
        "   Guidance: 7",
        f"   ✅ Success - ID: {made['id']}",
        f"   📊 Duration: {made['duration']}ms",
    ]
    assert "   ⏳ Waiting 0ms before next request..." in lines
    assert "✅ Successful: 1/2 (50.0%)" in lines
    assert "❌ Failed: 1/2" in lines


def test_without_words_both_files_are_worked_off_and_combined(instance: Instance, tmp_path: Path) -> None:
    a_file(tmp_path, "image-requests.json", [FOX])
    a_file(tmp_path, "blog-requests.json", [POST, POST])
    words = ("admin-requests", "--delay", "0", "--idempotency-key", "one", "--data", str(instance.path))

    first, again = (pressroom(*words, "--out", str(tmp_path / out), folder=tmp_path) for out in ("first", "again"))

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "   ✅ Total successful: 3" in first.stdout.splitlines()
    assert "   📊 Overall success rate: 100.0%" in first.stdout.splitlines()
    for kind in ("batch-image-results", "batch-blog-results"):
        ids = [[item["id"] for item in saved(tmp_path / out, kind)["results"]] for out in ("first", "again")]
        assert ids[0] == ids[1]
    combined = saved(tmp_path / "first", "combined-batch-results")
    assert combined["summary"] == {"successful": 3, "failed": 0, "successRate": 100.0}
    assert combined["blog"]["results"] == saved(tmp_path / "first", "batch-blog-results")["results"]


def test_a_command_whose_connection_breaks_keeps_what_it_had_and_goes_on_under_its_key(
    instance: Instance, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "three.json", [FOX, FOX, FOX])
    words = ("admin-requests", "images", file, "--delay", "0")
    before = len(batches_of(instance))
    with losing(instance.facts.url, 2) as url:
        way = {"PRESSROOM_URL": url, "PRESSROOM_API_TOKEN": instance.facts.token}
        broken = pressroom(*words, "--out", str(tmp_path / "broken"), environment=way)

    assert broken.returncode == 1
    assert "1 of 3 requests were answered" in broken.stderr
    assert "✅ Successful: 1/1 (100.0%)" in broken.stdout.splitlines()
    (kept,) = saved(tmp_path / "broken", "batch-image-results")["results"]
    key = broken.stderr.split("--idempotency-key ")[1].split()[0]
    assert broken.stderr.splitlines()[0] == f"Idempotency key: {key}"

    after = instance.run(*words, "--out", str(tmp_path / "after"), "--idempotency-key", key)

    assert after.returncode == 0, after.stderr
    assert saved(tmp_path / "after", "batch-image-results")["results"][0]["id"] == kept["id"]
    assert len(batches_of(instance)) == before + 3


def test_the_combined_results_are_written_also_when_the_connection_breaks(instance: Instance, tmp_path: Path) -> None:
    a_file(tmp_path, "image-requests.json", [FOX])
    a_file(tmp_path, "blog-requests.json", [POST, POST])
    with losing(instance.facts.url, 1) as url:
        way = {"PRESSROOM_URL": url, "PRESSROOM_API_TOKEN": instance.facts.token}
        broken = pressroom("admin-requests", "--delay", "0", folder=tmp_path, environment=way)
    assert broken.returncode == 1
    assert "--idempotency-key" in broken.stderr
    assert saved(tmp_path, "combined-batch-results")["summary"] == {"successful": 0, "failed": 0, "successRate": 0.0}


def test_a_file_that_is_no_list_of_requests_is_refused(instance: Instance, tmp_path: Path) -> None:
    ended = instance.run("admin-requests", "blogs", a_file(tmp_path, "wrong.json", {"title": "x"}))
    assert ended.returncode == 1
    assert "wrong.json is no list of requests" in ended.stderr
