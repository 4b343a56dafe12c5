"""Reading one template: what could not work later is refused here, with the file, the node and what to do.

What only a server knows (its nodes, its models) is not checked.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from ..providers import NotConfigured
from .graphs import Graph
from .slots import SlotValues, fault_of, filled, slots_in

_EXPORT = "export it from ComfyUI's menu: Workflow > Export (API)"
_COMMENT = "_"
"""Top-level members that begin with it are for readers and are not sent; a node's own comment is its title."""

_TO_A_SOCKET_ONLY = "SaveImageWebsocket"
"""Its pictures are in no history, so a worker that comes later could not fetch them."""


class BadWorkflow(NotConfigured):
    """A template cannot be used; the message has a line per fault, with its file."""


class Node(BaseModel):
    """One node of a workflow in the API format; `_meta` is what the editor keeps about it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_type: str
    inputs: dict[str, JsonValue] = {}
    meta: dict[str, JsonValue] | None = Field(default=None, alias="_meta")


@dataclass(frozen=True)
class Template:
    """A workflow that has been checked."""

    nodes: dict[str, Node]

    def inputs_of(self, slot: str) -> frozenset[str]:
        """The names of the inputs that a slot stands in."""
        return frozenset(
            name for name, value in _inputs(self.nodes) if any(one.name == slot for one in slots_in(value))
        )

    def filled(self, values: SlotValues) -> Graph:
        """The workflow to send. Raises `NoValue`."""
        return {node_id: _filled_node(node, values) for node_id, node in self.nodes.items()}


_GRAPH: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def read_template(text: bytes) -> Template:
    """The template in a file's content. Raises `BadWorkflow`, without the file's name."""
    members = {key: value for key, value in _members(text).items() if not key.startswith(_COMMENT)}
    if isinstance(members.get("nodes"), list):
        raise BadWorkflow(f"it is a workflow as the editor saves it, which cannot be run: {_EXPORT}")
    if not members:
        raise BadWorkflow(f"it has no nodes: {_EXPORT}")
    nodes = {node_id: _node(node_id, member) for node_id, member in members.items()}
    faults = list(_faults(nodes))
    if faults:
        raise BadWorkflow("\n".join(faults))
    return Template(nodes)


def _members(text: bytes) -> dict[str, JsonValue]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadWorkflow(f"it is not JSON ({error})") from error
    try:
        return _GRAPH.validate_python(parsed)
    except ValidationError as error:
        raise BadWorkflow(f"it is not a JSON object of nodes: {_EXPORT}") from error


def _node(node_id: str, member: JsonValue) -> Node:
    try:
        return Node.model_validate(member)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "node"
        raise BadWorkflow(f"node {node_id}: it is no node of the API format ({where}: {first['msg']})") from error


def _faults(nodes: dict[str, Node]) -> Iterator[str]:
    for node_id, node in nodes.items():
        for name, value in node.inputs.items():
            where = f"node {node_id} ({node.class_type}), input {name!r}"
            yield from (f"{where}: {fault}" for slot in slots_in(value) if (fault := fault_of(slot)) is not None)
            source = _link(value)
            if source is not None and source not in nodes:
                yield f"{where}: it comes from node {source}, which does not exist"
        if node.class_type == _TO_A_SOCKET_ONLY:
            yield f"node {node_id} ({node.class_type}): its pictures cannot be fetched later; use SaveImage"
    names = _slot_names(nodes)
    if "prompt" not in names:
        yield 'it has no slot for the prompt: put "{{prompt}}" where its text is'
    if "seed" not in names:
        yield 'it has no slot for the seed, so ComfyUI would give its last picture again: put "{{seed}}" there'
    if not any(_makes_files(node) for node in nodes.values()):
        yield "it has no output node, so nothing would be made: add a SaveImage"


def _slot_names(nodes: dict[str, Node]) -> set[str]:
    return {slot.name for _, value in _inputs(nodes) for slot in slots_in(value)}


def _inputs(nodes: dict[str, Node]) -> Iterator[tuple[str, JsonValue]]:
    for node in nodes.values():
        yield from node.inputs.items()


def _link(value: JsonValue) -> str | None:
    """The id of the node that an input comes from: links are `[id, output number]`."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
        return value[0]
    return None


def _makes_files(node: Node) -> bool:
    """Which nodes are outputs is known to the server only; those that make pictures are called so by custom."""
    name = node.class_type.casefold()
    return "save" in name or "preview" in name


def _filled_node(node: Node, values: SlotValues) -> dict[str, JsonValue]:
    inputs = {name: filled(value, values) for name, value in node.inputs.items()}
    made: dict[str, JsonValue] = {"class_type": node.class_type, "inputs": inputs}
    return made if node.meta is None else {**made, "_meta": node.meta}
