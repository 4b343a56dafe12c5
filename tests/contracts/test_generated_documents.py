"""The generated documents: the same bytes every time, whole, and missed when they are out of date."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pressroom.contracts.events import EVENT_TYPES
from pressroom.contracts.jobs import JOB_TYPES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("asyncapi.yaml", "openapi.yaml")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the scripts and the documents alone."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "schemas", tmp_path / "docs" / "schemas")
    shutil.copy(ROOT / "docs" / "asyncapi.yaml", tmp_path / "docs")
    return tmp_path


def generate(folder: Path, *words: str, seed: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "scripts" / "generate_docs.py"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
    )


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def found(document: Any, reference: str) -> Any:
    place = document
    for part in reference.removeprefix("#/").split("/"):
        place = place[part]
    return place


def test_the_same_code_gives_the_same_bytes_whatever_the_order_of_sets(copy: Path) -> None:
    shutil.rmtree(copy / "docs")
    generate(copy, seed=1)
    assert generate(copy, "--check", seed=2).returncode == 0


def test_a_check_names_what_is_out_of_date_and_what_to_type(copy: Path) -> None:
    (copy / "docs" / "openapi.yaml").write_text("old")
    (copy / "docs" / "schemas" / "pressroom.job.publish.v1.json").unlink()
    (copy / "docs" / "schemas" / "pressroom.job.forgotten.v1.json").write_text("{}")
    checked = generate(copy, "--check")
    assert checked.returncode == 1
    *named, last = checked.stderr.splitlines()
    assert set(named) >= {
        "docs/openapi.yaml is out of date",
        "docs/schemas/pressroom.job.publish.v1.json is out of date",
        "docs/schemas/pressroom.job.forgotten.v1.json is generated no more",
    }
    assert last == "Type: .venv/bin/python scripts/generate_docs.py"
    assert (copy / "docs" / "openapi.yaml").read_text() == "old"


def test_the_states_are_drawn_into_the_marked_part_and_nothing_else_is_touched(copy: Path) -> None:
    page = copy / "ARCHITECTURE.md"
    page.write_text("# Before\n\n<!-- states:begin -->\nold\n<!-- states:end -->\n\n# After\n")
    generate(copy)
    written = page.read_text()
    assert written.startswith("# Before\n\n<!-- states:begin -->\n\n### Batch\n\n```mermaid\nstateDiagram-v2\n")
    assert written.endswith("```\n\n<!-- states:end -->\n\n# After\n")
    assert "    generating --> finishing\n" in written
    assert "old" not in written
    assert not (copy / "docs" / "states.md").exists()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_everything_that_a_document_refers_to_is_in_it(name: str) -> None:
    document = yaml.safe_load((ROOT / "docs" / name).read_text())
    pointed_at = set(references(document))
    assert pointed_at
    assert all(found(document, reference) is not None for reference in pointed_at)


def test_the_asyncapi_document_has_every_event_and_job_with_its_headers() -> None:
    document = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    names = [model.__name__ for model in (*EVENT_TYPES, *JOB_TYPES)]
    assert list(document["channels"]) == list(document["components"]["messages"]) == names
    for model in (*EVENT_TYPES, *JOB_TYPES):
        message = document["components"]["messages"][model.__name__]
        assert message["headers"]["allOf"][1]["properties"]["ce-type"] == {"const": model.type_name()}
        address = document["channels"][model.__name__]["address"]
        parameters = document["channels"][model.__name__]["parameters"]
        assert {part.strip("{}") for part in address.split(".") if part.startswith("{")} == set(parameters)


def test_what_may_be_sent_from_outside_is_said() -> None:
    operations = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())["operations"]
    received = [name for name, operation in operations.items() if operation["action"] == "receive"]
    assert received == [
        "receiveBatchRequested",
        "receiveBatchCancelRequested",
        "receiveBatchRetryRequested",
        "receiveProviderJobCancelRequested",
        "receiveProviderJobDeleteRequested",
    ]
