"""Whether a graph can run, in ComfyUI's words (ComfyUI v0.3.64, execution.py, validate_prompt and validate_inputs). A
graph runs when at least one of its outputs can; the nodes of the others are told in `node_errors`, those downstream of
a bad node without an error of their own being left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pressroom.sandbox.comfyui.nodes import Input, NodeClass
from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_text, is_int, is_number, json_list

# More choices than these are only counted in a message, not listed.
CHOICES_LISTED = 20


class GraphRefusalError(Exception):
    """A graph that cannot run: the `error` and the `node_errors` of the 400."""

    def __init__(self, kind: str, message: str, details: str, node_errors: JsonObject | None = None) -> None:
        super().__init__(f"{message}: {details}")
        self.error: JsonObject = {"type": kind, "message": message, "details": details, "extra_info": {}}
        self.node_errors: JsonObject = node_errors or {}

    def body(self) -> JsonObject:
        return {"error": self.error, "node_errors": self.node_errors}


@dataclass(frozen=True)
class Checked:
    """A graph that can run: the outputs that do, and what is wrong with the others."""

    outputs: tuple[str, ...]
    node_errors: JsonObject


@dataclass
class _Report:
    """The errors by node, as far as the graph has been walked."""

    errors: dict[str, list[JsonObject]] = field(default_factory=lambda: dict[str, list[JsonObject]]())
    sound: dict[str, bool] = field(default_factory=lambda: dict[str, bool]())


def check_graph(graph: JsonObject, classes: Mapping[str, NodeClass], has_input: Callable[[str], bool]) -> Checked:
    """The outputs that can run; `GraphRefusalError` when there are none. `has_input` knows the uploaded images."""
    for node_id, node in graph.items():
        class_type = as_object(node).get("class_type")
        where = f"Node ID '#{node_id}'"
        if class_type is None:
            raise GraphRefusalError(
                "invalid_prompt", "Cannot execute because a node is missing the class_type property.", where
            )
        if as_text(class_type) not in classes:
            raise GraphRefusalError(
                "invalid_prompt", f"Cannot execute because node {as_text(class_type)} does not exist.", where
            )
    outputs = [node_id for node_id in graph if classes[class_of(graph, node_id)].is_output]
    if not outputs:
        raise GraphRefusalError("prompt_no_outputs", "Prompt has no outputs", "")
    return _check_outputs(graph, outputs, classes, has_input)


def class_of(graph: JsonObject, node_id: str) -> str:
    return as_text(as_object(graph[node_id]).get("class_type"))


def inputs_of(graph: JsonObject, node_id: str) -> JsonObject:
    return as_object(as_object(graph[node_id]).get("inputs"))


def linked(value: Json) -> str | None:
    """The id of the node that an input is linked to, or None for a plain value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and is_int(value[1]):
        return value[0]
    return None


def _check_outputs(
    graph: JsonObject, outputs: list[str], classes: Mapping[str, NodeClass], has_input: Callable[[str], bool]
) -> Checked:
    report = _Report()
    good: list[str] = []
    node_errors: JsonObject = {}
    told: list[str] = []
    for output in outputs:
        if _is_sound(graph, output, classes, has_input, report, ()):
            good.append(output)
            continue
        told += [f"{as_text(one['message'])}: {as_text(one['details'])}" for one in report.errors.get(output, [])]
        for node_id, errors in report.errors.items():
            entry = as_object(node_errors.get(node_id)) or {
                "errors": json_list(errors),
                "dependent_outputs": [],
                "class_type": class_of(graph, node_id),
            }
            dependent = entry["dependent_outputs"]
            entry["dependent_outputs"] = [*(dependent if isinstance(dependent, list) else []), output]
            node_errors[node_id] = entry
    if not good:
        raise GraphRefusalError(
            "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(told), node_errors
        )
    return Checked(tuple(good), node_errors)


def _is_sound(
    graph: JsonObject,
    node_id: str,
    classes: Mapping[str, NodeClass],
    has_input: Callable[[str], bool],
    report: _Report,
    path: tuple[str, ...],
) -> bool:
    if node_id in report.sound:
        return report.sound[node_id]
    node_class = classes[class_of(graph, node_id)]
    given = inputs_of(graph, node_id)
    errors: list[JsonObject] = []
    sound = True
    for name, wanted in node_class.inputs.items():
        if name not in given:
            if name not in node_class.optional:
                errors.append(_error("required_input_missing", "Required input is missing", name, {"input_name": name}))
            continue
        value = given[name]
        if isinstance(value, list):
            wrong = _wrong_link(graph, name, wanted, value, classes)
            source = linked(value)
            if wrong is not None:
                errors.append(wrong)
            elif source in (*path, node_id):
                errors.append(_error("dependency_cycle", "Dependency cycle detected", name, {"input_name": name}))
            elif source is not None:
                sound = _is_sound(graph, source, classes, has_input, report, (*path, node_id)) and sound
        else:
            wrong = _wrong_value(name, wanted, value, has_input)
            if wrong is not None:
                errors.append(wrong)
    if errors:
        report.errors[node_id] = errors
    report.sound[node_id] = sound and not errors
    return report.sound[node_id]


def _error(kind: str, message: str, details: str, extra: JsonObject) -> JsonObject:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _wrong_link(
    graph: JsonObject, name: str, wanted: Input, value: Json, classes: Mapping[str, NodeClass]
) -> JsonObject | None:
    source = linked(value)
    extra: JsonObject = {"input_name": name, "input_config": wanted.config(), "received_value": value}
    if source is None or source not in graph:
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        return _error("bad_linked_input", message, name, extra)
    outputs = classes[class_of(graph, source)].outputs
    slot = value[1] if isinstance(value, list) else 0
    received = outputs[slot] if isinstance(slot, int) and 0 <= slot < len(outputs) else "NOTHING"
    if received != wanted.kind:
        details = f"{name}, received_type({received}) mismatch input_type({wanted.kind})"
        extra = {"input_name": name, "input_config": wanted.config(), "received_type": received, "linked_node": value}
        return _error("return_type_mismatch", "Return type mismatch between linked nodes", details, extra)
    return None


def _wrong_value(name: str, wanted: Input, value: Json, has_input: Callable[[str], bool]) -> JsonObject | None:
    extra: JsonObject = {"input_name": name, "input_config": wanted.config(), "received_value": value}
    if not wanted.is_value:
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        return _error("bad_linked_input", message, name, extra)
    if wanted.kind == "COMBO" and value not in wanted.choices:
        listed = str(list(wanted.choices))
        if len(wanted.choices) > CHOICES_LISTED:
            listed = f"(list of length {len(wanted.choices)})"
        return _error("value_not_in_list", "Value not in list", f"{name}: '{value}' not in {listed}", extra)
    if wanted.kind == "IMAGE_FILE" and not has_input(as_text(value)):
        details = f"{name} - Invalid image file: {value}"
        return _error("custom_validation_failed", "Custom validation failed for node", details, extra)
    if wanted.kind in ("INT", "FLOAT"):
        return _wrong_number(name, wanted, value, extra)
    return None


def _wrong_number(name: str, wanted: Input, value: Json, extra: JsonObject) -> JsonObject | None:
    if not isinstance(value, int | float) or not is_number(value):
        message = f"Failed to convert an input value to a {wanted.kind} value"
        return _error("invalid_input_type", message, f"{name}, {value}, not a number", extra)
    if wanted.lowest is not None and value < wanted.lowest:
        return _error("value_smaller_than_min", f"Value {value} smaller than min of {wanted.lowest}", name, extra)
    if wanted.highest is not None and value > wanted.highest:
        return _error("value_bigger_than_max", f"Value {value} bigger than max of {wanted.highest}", name, extra)
    return None
