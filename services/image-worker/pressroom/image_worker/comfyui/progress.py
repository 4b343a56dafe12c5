"""How far a prompt is, as its server tells it over the WebSocket. A hint only: the history decides, and when the socket
is lost, all that is lost is how soon the end is noticed.

A graph may sample several times; each sampling is one part of the whole, so what is told only rises.
"""

import asyncio
import contextlib

from pydantic import JsonValue, ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ..providers import Progress
from ..workflows import Graph
from .wire import Event, ProgressData

_ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_MOST_BEFORE_THE_END = 0.99
"""After the last step the picture is still decoded, saved and fetched."""

_OPEN_S = 10.0
_CLOSE_S = 0.5
_AGAIN_AFTER_S = 2.0
_MESSAGE_MAX_BYTES = 64 * 2**20
"""Previews come as binary messages, at most as large as the picture."""


class Watch:
    """What was heard of one prompt."""

    def __init__(self, prompt_id: str, progress: Progress) -> None:
        self._prompt_id = prompt_id
        self._progress = progress
        self._samplings = 1
        self._parts: dict[str, float] = {}
        self._told = 0.0
        self._ended = asyncio.Event()
        progress(0.0)

    def expect(self, graph: Graph) -> None:
        """How many parts there will be. A guess by the nodes' names; parts that nobody expected count too."""
        names = [str(node.get("class_type", "")).casefold() for node in graph.values()]
        self._samplings = max(1, sum("sampler" in name and "select" not in name for name in names))

    async def ended(self, within_s: float) -> None:
        """Returns when the prompt was told to have ended, or when the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._ended.wait()

    def done(self) -> None:
        self._progress(1.0)

    def hear(self, message: str) -> None:
        """One message of the socket; what is not of this prompt, or makes no sense, is nothing."""
        try:
            event = Event.model_validate_json(message)
        except ValidationError:
            return
        if event.data.get("prompt_id") != self._prompt_id:
            return
        if event.type in _ENDS or (event.type == "executing" and event.data.get("node") is None):
            self._ended.set()
        elif event.type == "progress":
            self._note(str(event.data.get("node")), event.data)
        elif event.type == "progress_state":
            nodes = event.data.get("nodes")
            for node_id, state in nodes.items() if isinstance(nodes, dict) else ():
                self._note_state(node_id, state)
        self._tell()

    def _note_state(self, node_id: str, state: JsonValue) -> None:
        # Every node has a state; those without steps count to 1.
        if isinstance(state, dict) and isinstance(most := state.get("max"), int | float) and most > 1:
            self._note(node_id, state)

    def _note(self, node_id: str, data: dict[str, JsonValue]) -> None:
        try:
            said = ProgressData.model_validate(data)
        except ValidationError:
            return
        if said.max > 0:
            self._parts[node_id] = max(self._parts.get(node_id, 0.0), min(1.0, max(0.0, said.value / said.max)))

    def _tell(self) -> None:
        whole = sum(self._parts.values()) / max(self._samplings, len(self._parts))
        if (reached := min(whole, _MOST_BEFORE_THE_END)) > self._told:
            self._told = reached
            self._progress(reached)


async def listen(url: str, watch: Watch) -> None:
    """Hears a prompt's messages until cancelled, again after each loss of the socket."""
    while True:
        with contextlib.suppress(OSError, WebSocketException, TimeoutError, EOFError):
            async with connect(
                url, open_timeout=_OPEN_S, close_timeout=_CLOSE_S, max_size=_MESSAGE_MAX_BYTES
            ) as socket:
                async for message in socket:
                    if isinstance(message, str):
                        watch.hear(message)
        await asyncio.sleep(_AGAIN_AFTER_S)
