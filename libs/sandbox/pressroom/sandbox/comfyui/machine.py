"""Runs the queue, one graph at a time, and says over the WebSocket how far it is, in the order of a real server (seen
on v0.3.64): status, execution_start, execution_cached, progress_state, executing, progress, executed,
execution_success, executing with no node. The history is written after `execution_success` or `execution_error`, so a
client that looks at that moment still finds nothing.

What nodes made stays in memory and is served again to a graph of the same signatures, as a real server does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from pressroom.sandbox.comfyui.graph import (
    LOADERS,
    Sampling,
    read_sampling,
    run_order,
    sampling_above,
    signatures,
)
from pressroom.sandbox.comfyui.images import Images
from pressroom.sandbox.comfyui.runs import Run, Runs
from pressroom.sandbox.comfyui.sockets import Listeners
from pressroom.sandbox.comfyui.validation import class_of, inputs_of
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.tally import Tally
from pressroom.sandbox.core.wire import Json, JsonObject, as_text, json_list
from pressroom.sandbox.pictures.drawing import draw_png
from pressroom.sandbox.pictures.sizes import drawn_size

# Signatures remembered, each of some hundred bytes; past that the oldest are made again.
REMEMBERED = 10_000
OUTPUT_FOLDERS = {"SaveImage": "output", "PreviewImage": "temp"}

FAILURES = {
    "error": ("RuntimeError", "The sandbox was asked for an error by a marker in the prompt."),
    "oom": ("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory. (out of memory)"),
}
"""Prompt markers, and what they make a sampler raise."""


class InterruptedRun(Exception):
    """Somebody asked for this run to stop."""


class FailedRun(Exception):
    """A node raised."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass
class Going:
    """The run that is going on."""

    run: Run
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    node: str = ""
    done: list[str] = field(default_factory=lambda: list[str]())
    messages: list[Json] = field(default_factory=lambda: list[Json]())
    outputs: JsonObject = field(default_factory=lambda: JsonObject())


class Machine:
    """The one device of a server."""

    def __init__(self, settings: Settings, runs: Runs, images: Images, listeners: Listeners, tally: Tally) -> None:
        self._settings = settings
        self._runs = runs
        self._images = images
        self._listeners = listeners
        self._tally = tally
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._made: dict[str, JsonObject | None] = {}
        self.going: Going | None = None
        self.warm_model = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reset(self) -> None:
        """Ends what runs and forgets what was made."""
        self._made.clear()
        self.warm_model = ""
        self.going = None
        if self._task is not None:
            self._task.cancel()
            self.start()

    def queue_changed(self) -> None:
        """Tells everybody how long the queue is, and goes on if it has something."""
        self._listeners.tell("status", {"status": self.status()})
        self._wake.set()

    def status(self) -> JsonObject:
        return {"exec_info": {"queue_remaining": len(self._runs.waiting())}}

    def interrupt(self, prompt_id: str | None) -> bool:
        """Stops what runs, or only if it is this prompt; whether something was stopped."""
        if self.going is None or prompt_id not in (None, self.going.run.prompt_id):
            return False
        self.going.stop.set()
        return True

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            waiting = self._runs.waiting()
            if not waiting:
                await self._wake.wait()
                continue
            self.going = going = Going(waiting[0])
            self._listeners.tell("status", {"status": self.status()})
            status = await self._run(going)
            await asyncio.sleep(self._settings.comfyui_step_seconds)
            self._runs.finish(going.run, self._past(going, status))
            self.going = None
            self.queue_changed()
            self._tell(going, "executing", {"node": None})

    async def _run(self, going: Going) -> str:
        """`success` or `error`, with the messages of the history in `going`."""
        self._note(going, "execution_start", {})
        try:
            await self._execute(going)
        except InterruptedRun:
            self._tally.add("interrupted")
            self._note(going, "execution_interrupted", self._where(going), everybody=True)
            return "error"
        except FailedRun as failed:
            self._tally.add("failed")
            self._note(going, "execution_error", {**self._where(going), **self._failure(going, failed)})
            return "error"
        self._note(going, "execution_success", {})
        return "success"

    async def _execute(self, going: Going) -> None:
        graph = going.run.graph
        order = run_order(graph, going.run.outputs)
        known = signatures(graph, order)
        cached = [node_id for node_id in order if known[node_id] in self._made]
        self._note(going, "execution_cached", {"nodes": json_list(cached)})
        if len(cached) == len(order):
            self._tally.add("cached_jobs")
        self._progress_state(going, "", "running", 0, 1)
        for node_id in order:
            made = self._made.get(known[node_id])
            if node_id not in cached:
                going.node = node_id
                self._tell(going, "executing", {"node": node_id, "display_node": node_id})
                made = await self._make(going, node_id)
                self._remember(known[node_id], made)
            going.done.append(node_id)
            if made is not None:
                going.outputs[node_id] = made
                self._tell(going, "executed", {"node": node_id, "display_node": node_id, "output": made})

    async def _make(self, going: Going, node_id: str) -> JsonObject | None:
        """Runs one node; what it shows, for those that show something."""
        kind = class_of(going.run.graph, node_id)
        if kind in LOADERS:
            await self._load(going, as_text(inputs_of(going.run.graph, node_id).get(LOADERS[kind])))
        elif kind == "KSampler":
            await self._sample(going, read_sampling(going.run.graph, node_id, self._images.size_of_input))
        elif kind in OUTPUT_FOLDERS:
            return {"images": json_list(await self._deliver(going, node_id, OUTPUT_FOLDERS[kind]))}
        return None

    async def _load(self, going: Going, model: str) -> None:
        if model != self.warm_model:
            self._tally.add("model_loads")
            await self._tick(going, self._settings.comfyui_load_seconds)
            self.warm_model = model

    async def _sample(self, going: Going, sampling: Sampling) -> None:
        await self._load(going, sampling.model)
        for marker in sorted(sampling.markers & FAILURES.keys()):
            raise FailedRun(*FAILURES[marker])
        for step in range(1, sampling.steps + 1):
            await self._tick(going, self._settings.comfyui_step_seconds)
            self._progress_state(going, sampling.node_id, "running", step, sampling.steps)
            progress: JsonObject = {"value": step, "max": sampling.steps, "node": sampling.node_id}
            self._tell(going, "progress", progress)
        self._progress_state(going, sampling.node_id, "finished", sampling.steps, sampling.steps)

    async def _deliver(self, going: Going, node_id: str, folder: str) -> list[JsonObject]:
        inputs = inputs_of(going.run.graph, node_id)
        prefix = as_text(inputs.get("filename_prefix"), "ComfyUI" if folder == "output" else "ComfyUI_temp")
        sampling = sampling_above(going.run.graph, node_id, self._images.size_of_input)
        if sampling is None:
            sampling = Sampling(node_id, "", "an image that was passed on", 0, 0, 512, 512, 1)
        width, height = drawn_size(sampling.width, sampling.height, self._settings.picture_px)
        delivered: list[JsonObject] = []
        for place in range(sampling.count):
            fingerprint = sampling.fingerprint(place)
            png = await asyncio.to_thread(draw_png, sampling.prompt, fingerprint, width, height)
            delivered.append(self._images.save(prefix, folder, png).body())
            self._runs.note_image(going.run, node_id, place, fingerprint, sampling.prompt[:200])
        return delivered

    async def _tick(self, going: Going, seconds: float) -> None:
        """Time passes on the device; `InterruptedRun` as soon as somebody wants that."""
        try:
            await asyncio.wait_for(going.stop.wait(), seconds or 0.001)
        except TimeoutError:
            return
        raise InterruptedRun

    def _remember(self, signature: str, made: JsonObject | None) -> None:
        self._made[signature] = made
        while len(self._made) > REMEMBERED:
            del self._made[next(iter(self._made))]

    def _tell(self, going: Going, kind: str, data: JsonObject, *, everybody: bool = False) -> None:
        body: JsonObject = {**data, "prompt_id": going.run.prompt_id}
        self._listeners.tell(kind, body, None if everybody else going.run.client_id)

    def _note(self, going: Going, kind: str, data: JsonObject, *, everybody: bool = False) -> None:
        """Tells it and keeps it for the history."""
        body: JsonObject = {**data, "timestamp": int(time.time() * 1000)}
        self._tell(going, kind, body, everybody=everybody)
        going.messages.append([kind, {**body, "prompt_id": going.run.prompt_id}])

    def _progress_state(self, going: Going, node_id: str, state: str, value: int, most: int) -> None:
        nodes: JsonObject = {}
        if node_id:
            nodes[node_id] = {
                "value": value,
                "max": most,
                "state": state,
                "node_id": node_id,
                "prompt_id": going.run.prompt_id,
                "display_node_id": node_id,
                "parent_node_id": None,
                "real_node_id": node_id,
            }
        self._tell(going, "progress_state", {"nodes": nodes})

    def _where(self, going: Going) -> JsonObject:
        return {
            "node_id": going.node,
            "node_type": class_of(going.run.graph, going.node) if going.node else "",
            "executed": json_list(going.done),
        }

    def _failure(self, going: Going, failed: FailedRun) -> JsonObject:
        return {
            "exception_message": failed.message,
            "exception_type": failed.kind,
            "traceback": ["  sandbox\n"],
            "current_inputs": inputs_of(going.run.graph, going.node),
            "current_outputs": json_list(going.done),
        }

    def _past(self, going: Going, status: str) -> JsonObject:
        return {
            "prompt": going.run.entry(),
            "outputs": going.outputs,
            "status": {
                "status_str": status,
                "completed": status == "success",
                "messages": going.messages,
            },
            "meta": {
                node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
                for node_id in going.outputs
            },
        }
