"""One ComfyUI server as a vendor of the sandbox: its routes (also under `/api`, as on a real one), its statistics.
There is no key: whoever reaches a ComfyUI may use it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ExceptionHandler
from starlette.websockets import WebSocket

from pressroom.sandbox.comfyui.errors import refusal
from pressroom.sandbox.comfyui.graph import sampling_above
from pressroom.sandbox.comfyui.images import FOLDERS, Images, Place
from pressroom.sandbox.comfyui.machine import Machine
from pressroom.sandbox.comfyui.nodes import node_classes
from pressroom.sandbox.comfyui.runs import Runs
from pressroom.sandbox.comfyui.sockets import Listeners
from pressroom.sandbox.comfyui.validation import GraphRefusalError, check_graph
from pressroom.sandbox.core.imagefile import thumbnail_webp
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.tally import Tally
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import (
    JsonObject,
    as_list,
    as_object,
    as_objects,
    as_text,
    json_list,
    json_response,
    parse,
)

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
VERSION = "0.3.64"
GIB = 1024**3


class ComfyUI:
    """The stand-in for a ComfyUI server of one's own; `name` is also its path."""

    def __init__(self, settings: Settings, store: Store, name: str = "comfyui") -> None:
        self.name = name
        self.prefixes: tuple[str, ...] = (f"/{name}/",)
        models = tuple(model.strip() for model in settings.comfyui_models.split(",") if model.strip())
        self._classes = node_classes(models)
        self._runs = Runs(store, name)
        self._images = Images(store, name)
        self._listeners = Listeners()
        self._tally = Tally(store, name)
        self._machine = Machine(settings, self._runs, self._images, self._listeners, self._tally)

    async def start(self) -> None:
        self._machine.start()

    async def stop(self) -> None:
        await self._machine.stop()

    def reset(self) -> None:
        self._machine.reset()
        self._images.clear()

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {GraphRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        response = refusal(status)
        if retry_after_s is not None:
            response.headers["Retry-After"] = f"{retry_after_s:g}"
        return response

    def routes(self) -> Sequence[BaseRoute]:
        routes: list[BaseRoute] = [
            Route(f"/_sandbox/{self.name}/picture/{{prompt_id}}", self._picture, methods=["GET"])
        ]
        for root in (f"/{self.name}/api", f"/{self.name}"):
            routes += [
                WebSocketRoute(f"{root}/ws", self._socket),
                Route(f"{root}/prompt", self._get_prompt, methods=["GET"]),
                Route(f"{root}/prompt", self._post_prompt, methods=["POST"]),
                Route(f"{root}/queue", self._get_queue, methods=["GET"]),
                Route(f"{root}/queue", self._change_queue, methods=["POST"]),
                Route(f"{root}/interrupt", self._interrupt, methods=["POST"]),
                Route(f"{root}/history", self._all_history, methods=["GET"]),
                Route(f"{root}/history", self._change_history, methods=["POST"]),
                Route(f"{root}/history/{{prompt_id}}", self._history, methods=["GET"]),
                Route(f"{root}/view", self._view, methods=["GET"]),
                Route(f"{root}/upload/image", self._upload, methods=["POST"]),
                Route(f"{root}/object_info", self._object_info, methods=["GET"]),
                Route(f"{root}/object_info/{{node}}", self._one_object_info, methods=["GET"]),
                Route(f"{root}/system_stats", self._system_stats, methods=["GET"]),
            ]
        return [*routes, Route(f"/{self.name}/{{rest:path}}", self._nothing_here, methods=ANY_METHOD)]

    def stats(self) -> JsonObject:
        counted = ("status_calls", "queue_calls", "model_loads", "cached_jobs", "interrupted", "failed", "uploads")
        return {
            "jobs": self._runs.count("job"),
            "jobs_made_twice": self._runs.twice("job"),
            "prompt_ids_posted_twice": self._runs.twice("prompt_id"),
            "images": self._runs.count("image"),
            "waiting": len(self._runs.waiting()),
            **{name: self._tally.count(name) for name in counted},
            "warm_model": self._machine.warm_model,
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        past = self._runs.all_past(-1)
        return {
            "queue": [{"id": run.prompt_id, "entry": run.entry()} for run in reversed(self._runs.waiting())],
            "history": [{"id": prompt_id, **as_object(body)} for prompt_id, body in reversed(past.items())],
        }

    def cards(self, limit: int) -> Sequence[Card]:
        cards: list[Card] = []
        for prompt_id, body in reversed(self._runs.all_past(limit).items()):
            past = as_object(body)
            graph = as_object(as_list(past["prompt"])[2])
            outputs = as_object(past["outputs"])
            output = next(iter(outputs), None)
            sampling = sampling_above(graph, output, self._images.size_of_input) if output is not None else None
            cards.append(
                Card(
                    kind="picture",
                    title=sampling.prompt[:120] if sampling is not None else prompt_id,
                    subtitle=f"{sampling.model} · seed {sampling.seed}" if sampling is not None else "no picture",
                    picture=f"/_sandbox/{self.name}/picture/{quote(prompt_id)}" if outputs else "",
                    state="ready" if as_object(past["status"])["completed"] else "failed",
                )
            )
        return cards

    async def _socket(self, socket: WebSocket) -> None:
        def greet(client_id: str) -> list[JsonObject]:
            status: JsonObject = {"status": self._machine.status(), "sid": client_id}
            messages: list[JsonObject] = [{"type": "status", "data": status}]
            going = self._machine.going
            if going is not None and going.run.client_id == client_id and going.node:
                messages.append({"type": "executing", "data": {"node": going.node}})
            return messages

        await self._listeners.serve(socket, greet)

    async def _get_prompt(self, _request: Request) -> Response:
        return json_response(self._machine.status())

    async def _post_prompt(self, request: Request) -> Response:
        body = await _body(request)
        if "prompt" not in body:
            raise GraphRefusalError("no_prompt", "No prompt provided", "No prompt provided")
        graph = as_object(body["prompt"])
        prompt_id = as_text(body.get("prompt_id")) or str(uuid.uuid4())
        if not _is_uuid(prompt_id):
            raise GraphRefusalError("invalid_prompt_id", "Prompt id must be a UUID", prompt_id)
        checked = check_graph(graph, self._classes, self._images.has_input)
        run = self._runs.post(
            graph, prompt_id, as_text(body.get("client_id")), as_object(body.get("extra_data")), checked.outputs
        )
        self._machine.queue_changed()
        request.state.note = prompt_id
        return json_response({"prompt_id": prompt_id, "number": run.number, "node_errors": checked.node_errors})

    async def _get_queue(self, _request: Request) -> Response:
        self._tally.add("queue_calls")
        going = self._machine.going.run.number if self._machine.going is not None else None
        waiting = self._runs.waiting()
        return json_response(
            {
                "queue_running": json_list(run.entry() for run in waiting if run.number == going),
                "queue_pending": json_list(run.entry() for run in waiting if run.number != going),
            }
        )

    async def _change_queue(self, request: Request) -> Response:
        """`{"delete": [prompt ids]}` or `{"clear": true}`; what already runs stays."""
        body = await _body(request)
        unwanted = as_list(body.get("delete"))
        going = self._machine.going.run.number if self._machine.going is not None else None
        for run in self._runs.waiting():
            if run.number != going and (body.get("clear") is True or run.prompt_id in unwanted):
                self._runs.delete(run)
        self._machine.queue_changed()
        return Response(status_code=200)

    async def _interrupt(self, request: Request) -> Response:
        self._machine.interrupt(as_text((await _body(request)).get("prompt_id")) or None)
        return Response(status_code=200)

    async def _all_history(self, request: Request) -> Response:
        most = request.query_params.get("max_items", "")
        return json_response(self._runs.all_past(int(most) if most.isdigit() else -1))

    async def _history(self, request: Request) -> Response:
        self._tally.add("status_calls")
        return json_response(self._runs.past(request.path_params["prompt_id"]))

    async def _change_history(self, request: Request) -> Response:
        body = await _body(request)
        if body.get("clear") is True:
            self._runs.forget(None)
        for prompt_id in as_list(body.get("delete")):
            self._runs.forget(as_text(prompt_id))
        return Response(status_code=200)

    async def _view(self, request: Request) -> Response:
        asked = request.query_params
        filename, subfolder, folder = asked.get("filename"), asked.get("subfolder", ""), asked.get("type", "output")
        if not filename:
            return refusal(404)
        if filename.startswith("/") or ".." in filename or ".." in subfolder or folder not in FOLDERS:
            return refusal(400)
        content = self._images.read(Place(filename, subfolder, folder))
        if content is None:
            return refusal(404)
        return Response(
            content, media_type="image/png", headers={"Content-Disposition": f'filename="{quote(filename)}"'}
        )

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            image = form.get("image")
            if not isinstance(image, UploadFile) or not image.filename:
                return refusal(400)
            folder, subfolder = str(form.get("type") or "input"), str(form.get("subfolder") or "")
            if folder not in FOLDERS or ".." in image.filename or ".." in subfolder:
                return refusal(400)
            overwrite = str(form.get("overwrite") or "").lower() in ("true", "1")
            place = Place(image.filename, subfolder, folder)
            kept = self._images.upload(place, await image.read(), overwrite=overwrite)
        self._tally.add("uploads")
        return json_response({"name": kept.filename, "subfolder": kept.subfolder, "type": kept.folder})

    async def _object_info(self, _request: Request) -> Response:
        return json_response({name: one.info() for name, one in self._classes.items()})

    async def _one_object_info(self, request: Request) -> Response:
        """A class that is not there is `{}`, not 404."""
        found = self._classes.get(request.path_params["node"])
        return json_response({} if found is None else {found.name: found.info()})

    async def _system_stats(self, _request: Request) -> Response:
        device: JsonObject = {
            "name": "sandbox", "type": "cuda", "index": 0,
            "vram_total": 24 * GIB, "vram_free": 20 * GIB, "torch_vram_total": 4 * GIB, "torch_vram_free": 2 * GIB,
        }  # fmt: skip
        system: JsonObject = {
            "os": "posix", "ram_total": 64 * GIB, "ram_free": 48 * GIB, "comfyui_version": VERSION,
            "python_version": "3.12.3", "pytorch_version": "2.8.0", "embedded_python": False, "argv": ["main.py"],
        }  # fmt: skip
        return json_response({"system": system, "devices": [device]})

    async def _picture(self, request: Request) -> Response:
        """The first picture of a prompt, small, for the page that people look at."""
        past = as_object(self._runs.past(request.path_params["prompt_id"]).get(request.path_params["prompt_id"]))
        for output in as_object(past.get("outputs")).values():
            for image in as_objects(as_object(output).get("images")):
                place = Place(as_text(image["filename"]), as_text(image["subfolder"]), as_text(image["type"]))
                content = self._images.read(place)
                if content is not None:
                    webp = await asyncio.to_thread(thumbnail_webp, content, 480)
                    return Response(webp, media_type="image/webp", headers={"ETag": hashlib.sha256(webp).hexdigest()})
        return Response("no such picture", 404)

    async def _nothing_here(self, _request: Request) -> Response:
        return refusal(404)


async def answer_refusal(_request: Request, wrong: Exception) -> Response:
    """The exception handler of a graph that cannot run."""
    if not isinstance(wrong, GraphRefusalError):
        raise wrong
    return json_response(wrong.body(), 400)


async def _body(request: Request) -> JsonObject:
    """The body's object; `{}` for none, as most of ComfyUI's routes take it."""
    try:
        return as_object(parse(await request.body() or b"{}"))
    except ValueError:
        return {}


def _is_uuid(prompt_id: str) -> bool:
    try:
        uuid.UUID(prompt_id)
    except ValueError:
        return False
    return True
