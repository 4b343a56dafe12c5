"""ComfyUI's answers as models, read leniently: what is not needed is ignored, what may be absent is.

Seen on a server of v0.3.64; `server.py` and `execution.py` there have the shapes.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, RootModel, TypeAdapter, ValidationError

from ..workflows import Graph

_GRAPH: TypeAdapter[Graph] = TypeAdapter(Graph)
_ID_AT, _GRAPH_AT = 1, 2
"""Places in an entry of the queue: number, prompt id, graph, extra data, outputs to make."""


def graph_of_entry(entry: JsonValue) -> Graph:
    """The graph of an entry; empty when it has none that can be read."""
    try:
        return _GRAPH.validate_python(entry[_GRAPH_AT] if isinstance(entry, list) else None)
    except (IndexError, ValidationError):
        return {}


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Posted(Wire):
    prompt_id: str


class Queue(Wire):
    queue_running: tuple[JsonValue, ...] = ()
    queue_pending: tuple[JsonValue, ...] = ()

    def __len__(self) -> int:
        return len(self.queue_running) + len(self.queue_pending)

    def graph(self, prompt_id: str) -> Graph | None:
        """The graph of a prompt that waits or runs; None when it does neither."""
        for entry in (*self.queue_running, *self.queue_pending):
            if _is(entry, prompt_id):
                return graph_of_entry(entry)
        return None

    def is_running(self, prompt_id: str) -> bool:
        return any(_is(entry, prompt_id) for entry in self.queue_running)

    def is_pending(self, prompt_id: str) -> bool:
        return any(_is(entry, prompt_id) for entry in self.queue_pending)


def _is(entry: JsonValue, prompt_id: str) -> bool:
    return isinstance(entry, list) and len(entry) > _ID_AT and entry[_ID_AT] == prompt_id


class Picture(Wire):
    """Where a server keeps a picture; `type` is one of its folders: output, temp, input."""

    filename: str
    subfolder: str = ""
    type: str = "output"


class Uploaded(Wire):
    name: str
    subfolder: str = ""


def _pictures(value: JsonValue) -> list[JsonValue]:
    """Nodes of extensions show what they like; only what can be fetched by `/view` is a picture."""
    return [one for one in value if _is_picture(one)] if isinstance(value, list) else []


def _is_picture(value: JsonValue) -> bool:
    if not isinstance(value, dict) or "filename" not in value:
        return False
    return all(isinstance(value.get(name, ""), str) for name in ("filename", "subfolder", "type"))


def _outputs(value: JsonValue) -> JsonValue:
    return {node: shown for node, shown in value.items() if isinstance(shown, dict)} if isinstance(value, dict) else {}


class Output(Wire):
    images: Annotated[tuple[Picture, ...], BeforeValidator(_pictures)] = ()


class Status(Wire):
    """`messages` are what the WebSocket was told: pairs of a kind and its data."""

    status_str: str = ""
    messages: tuple[tuple[str, dict[str, JsonValue]], ...] = ()

    def message(self, kind: str) -> dict[str, JsonValue] | None:
        return next((data for name, data in self.messages if name == kind), None)


class Past(Wire):
    """A prompt that has ended."""

    prompt: JsonValue = None
    outputs: Annotated[dict[str, Output], BeforeValidator(_outputs)] = {}
    status: Status | None = None

    @property
    def graph(self) -> Graph:
        return graph_of_entry(self.prompt)


class History(RootModel[dict[str, Past]]):
    pass


class Event(Wire):
    """What the WebSocket says."""

    type: str
    data: dict[str, JsonValue] = {}


class ProgressData(Wire):
    value: float
    max: float


class NodeFault(Wire):
    type: str = ""
    message: str = ""
    details: str = ""
    extra_info: dict[str, JsonValue] = {}


class NodeFaults(Wire):
    errors: tuple[NodeFault, ...] = ()
    class_type: str = ""


def _by_node(value: JsonValue) -> JsonValue:
    """No node's faults are `{}`, or `[]`."""
    return value or {}


class Refusal(Wire):
    """The body of a 400 to `/prompt`."""

    error: NodeFault | str = ""
    node_errors: Annotated[dict[str, NodeFaults], BeforeValidator(_by_node)] = {}
