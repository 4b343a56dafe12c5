"""JSON Schemas of every event and job, for users in other languages."""

from typing import Any

from .events import EVENT_TYPES
from .jobs import JOB_TYPES

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def message_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each message's body, by type name."""
    return {
        model.type_name(): {
            "$schema": JSON_SCHEMA_DIALECT,
            "$id": f"urn:{model.type_name().replace('.', ':')}",
            **model.model_json_schema(mode="validation"),
        }
        for model in (*EVENT_TYPES, *JOB_TYPES)
    }
