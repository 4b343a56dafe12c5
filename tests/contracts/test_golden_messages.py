"""What was once written can be read for ever: a golden body of every event and job version, kept as it was.

A golden file is never changed. A field that a version gains later has a default, and goes to the end of its golden.
`least.json` has of each version only what it required when it was made.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pressroom.contracts.cloudevents import body_of
from pressroom.contracts.events import EVENT_TYPES
from pressroom.contracts.jobs import JOB_TYPES
from pressroom.contracts.schemas import message_schemas

GOLDEN = Path(__file__).parent / "golden"
MODELS: dict[str, type[BaseModel]] = {model.type_name(): model for model in (*EVENT_TYPES, *JOB_TYPES)}
LEAST: dict[str, dict[str, Any]] = json.loads((GOLDEN / "least.json").read_text())

every_message = pytest.mark.parametrize("name", MODELS)


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def with_a_field_more(value: Any) -> Any:
    """The same, with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {**{key: with_a_field_more(inner) for key, inner in value.items()}, "from_the_future": {"x": [1]}}
    if isinstance(value, list):
        return [with_a_field_more(inner) for inner in value]
    return value


def test_every_version_has_its_golden_and_no_golden_is_without_a_version() -> None:
    kept = {path.stem for path in GOLDEN.glob("pressroom.*.json")}
    assert kept == set(MODELS) == set(LEAST)


@every_message
def test_a_golden_body_is_read_and_written_without_a_difference(name: str) -> None:
    read = MODELS[name].model_validate_json(golden(name))
    assert json.loads(body_of(read)) == json.loads(golden(name))


@every_message
def test_a_body_survives_the_way_there_and_back(name: str) -> None:
    read = MODELS[name].model_validate_json(golden(name))
    assert MODELS[name].model_validate_json(body_of(read)) == read


@every_message
def test_a_field_from_a_newer_writer_is_ignored_at_every_depth(name: str) -> None:
    newer = json.dumps(with_a_field_more(json.loads(golden(name))))
    assert MODELS[name].model_validate_json(newer) == MODELS[name].model_validate_json(golden(name))


@every_message
def test_no_version_begins_to_require_what_it_did_not(name: str) -> None:
    MODELS[name].model_validate(LEAST[name])


@every_message
def test_a_message_cannot_be_changed_once_it_is_read(name: str) -> None:
    read = MODELS[name].model_validate_json(golden(name))
    with pytest.raises(ValueError, match="frozen"):
        setattr(read, next(iter(type(read).model_fields)), "another")


@every_message
def test_each_version_has_a_schema_that_names_it_and_all_its_fields(name: str) -> None:
    schema = message_schemas()[name]
    assert schema["$id"] == f"urn:{name.replace('.', ':')}"
    assert set(schema["properties"]) == set(json.loads(golden(name)))
    assert set(schema.get("required", ())) <= set(LEAST[name])
