"""Every setting as Markdown, from the classes that read them. The same on every machine: no default names a place."""

import json
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.gateway.settings import GatewaySettings
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.publisher.settings import PublisherSettings
from pressroom.runtime.settings import PREFIX, Settings

OWN_SETTINGS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "image-worker": ImageWorkerSettings,
    "batch-poller": BatchPollerSettings,
    "publisher": PublisherSettings,
}

DEFAULT_OF_THE_MACHINE = {"blob_url": "`pressroom/blobs` in the XDG data home"}
"""Defaults that depend on where they are asked for."""

RULES = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "`{}`",
}
KINDS: dict[Any, str] = {
    bool: "true or false",
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    SecretStr: "secret",
}

HEAD = """# Settings

Environment variables, read once when a service starts. A wrong one ends the start with its name. Lists and objects are
JSON. `up` fills in addresses, ports and the token, and the keys of stand-ins; what is set in its environment wins."""


def settings_page() -> str:
    """The page: what every service reads, then what each adds, or takes with another default."""
    parts = [HEAD, "## Every service", _table(Settings.model_fields)]
    for service, model in OWN_SETTINGS.items():
        parts += [f"## {service}", _table(_own_fields(model))]
    return "\n\n".join(parts) + "\n"


def _own_fields(model: type[Settings]) -> dict[str, FieldInfo]:
    shared = Settings.model_fields
    return {
        name: field
        for name, field in model.model_fields.items()
        if name not in shared or _default(name, field) != _default(name, shared[name])
    }


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = ["| setting | default | allowed | what it is |", "|---|---|---|---|"]
    for name, field in fields.items():
        shared = Settings.model_fields.get(name)
        description = field.description or (shared.description if shared else None) or ""
        cells = (f"`{PREFIX}{name.upper()}`", _default(name, field), _allowed(field), description)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def _default(name: str, field: FieldInfo) -> str:
    if name in DEFAULT_OF_THE_MACHINE:
        return DEFAULT_OF_THE_MACHINE[name]
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    plain = to_jsonable_python(_without_defaults(value))
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_defaults(inner) for key, inner in value.items()}
    return value.model_dump(exclude_defaults=True) if isinstance(value, BaseModel) else value


def _allowed(field: FieldInfo) -> str:
    rules = [
        words.format(getattr(rule, attribute))
        for rule in field.metadata
        for attribute, words in RULES.items()
        if getattr(rule, attribute, None) is not None
    ]
    return ", ".join([_kind(field.annotation), *rules])


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    inner = [part for part in get_args(annotation) if part is not NoneType]
    if NoneType in get_args(annotation):
        return _kind(inner[0])
    if get_origin(annotation) is tuple:
        return "JSON list"
    return KINDS.get(annotation, "JSON object")
