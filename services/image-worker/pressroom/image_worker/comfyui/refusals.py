"""What a server says of a graph that it does not take, in words; and whose fault a model is that it does not have."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import httpx
from pydantic import JsonValue, ValidationError

from pressroom.runtime.errors import InvalidRequest, ModelGone, WorkError

from ..workflows import MODEL_INPUTS
from .settings import MODEL_SETTING, URLS_SETTING
from .wire import Refusal

VIEW = "/view"
_NOT_IN_LIST = "value_not_in_list"
_NAMES_SHOWN = 20


class NotThere(InvalidRequest):
    """The file that was asked for is gone."""


class NotComfyUI(InvalidRequest):
    """404 to what every ComfyUI answers: the address is wrong, for whatever is asked there."""

    closes_lane = True


class GraphRefused(InvalidRequest):
    """The graph was refused, so nothing of it was queued."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal


class NamedBy(Enum):
    """Who named a model, with what mends it."""

    BATCH = f"it is the batch's own model; name another, or leave it to {MODEL_SETTING}"
    SETTING = f"set {MODEL_SETTING} to one that it has"
    DEFAULT_WORKFLOW = f"it is the workflow {{workflow!r}} that names it; set {MODEL_SETTING}, or change the template"
    OTHER_WORKFLOW = "it is the workflow {workflow!r} that names it; name a model in the batch, or change the template"


@dataclass(frozen=True)
class MissingModel:
    """A model that a server does not have: what was asked for, by which input of which node, and what it has, where it
    said so."""

    model: str
    class_type: str
    input_name: str
    choices: tuple[str, ...]


def read_refusal(response: httpx.Response) -> WorkError | None:
    """The `ErrorReader` of ComfyUI."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        return _not_found(response.request.url)
    if response.status_code != HTTPStatus.BAD_REQUEST:
        return None
    try:
        refusal = Refusal.model_validate_json(response.content)
    except ValidationError:
        return None
    said = "; ".join(_faults(refusal))
    return GraphRefused(f"ComfyUI does not take the workflow: {said}", refusal) if said else None


def missing_model(refusal: Refusal, model: str | None) -> MissingModel | None:
    """The model that a graph was refused for; `model` is the one that was asked for, in whatever node."""
    for faults in refusal.node_errors.values():
        for fault in faults.errors:
            name, asked = fault.extra_info.get("input_name"), fault.extra_info.get("received_value")
            is_model = name in MODEL_INPUTS or asked == model
            if fault.type == _NOT_IN_LIST and isinstance(name, str) and isinstance(asked, str) and is_model:
                return MissingModel(asked, faults.class_type, name, choices_in(fault.extra_info.get("input_config")))
    return None


def choices_in(config: JsonValue) -> tuple[str, ...]:
    """The values that an input takes by its configuration: `[[values], {…}]` or `["COMBO", {"options": [values]}]`."""
    match config:
        case [[*values], *_] | ["COMBO", {"options": [*values]}, *_]:
            return tuple(value for value in values if isinstance(value, str))
        case _:
            return ()


def no_model(server: str, missing: MissingModel, named_by: NamedBy, workflow: str) -> InvalidRequest:
    """Says who named the model and what there is in its place. A `ModelGone`, unless only batches that ask for this
    workflow meet it."""
    kind = InvalidRequest if named_by is NamedBy.OTHER_WORKFLOW else ModelGone
    mend = named_by.value.format(workflow=workflow)
    return kind(f"{server} has no model {missing.model!r}: {mend}. It has: {_listed(missing.choices)}")


def _not_found(url: httpx.URL) -> WorkError:
    if url.path.endswith(VIEW):
        return NotThere(f"ComfyUI has no file {url.params.get('filename')}")
    return NotComfyUI(f"no ComfyUI answers at {url.host} to {url.path}: check the path in {URLS_SETTING}")


def _faults(refusal: Refusal) -> Iterator[str]:
    for node_id, faults in refusal.node_errors.items():
        for fault in faults.errors:
            yield f"node {node_id} ({faults.class_type}): {fault.message}: {fault.details}".removesuffix(": ")
    if not refusal.node_errors:
        error = refusal.error
        said = error if isinstance(error, str) else f"{error.message}: {error.details}"
        if said.strip(" :"):
            yield said.strip(" :")


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
