"""BFL as a vendor of the sandbox: its routes under `/flux/v1`, the host that delivers pictures under `/flux/delivery`,
its key, its statistics. Whoever sends the key to the delivering host is refused and counted in `keys_leaked`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.callbacks import Callbacks, Letter
from pressroom.sandbox.core.clock import rfc3339
from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.tally import Tally
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import JsonObject, as_float, as_int, as_text, dump, json_response
from pressroom.sandbox.flux.asks import MIME_SUFFIXES, MODELS, read_ask
from pressroom.sandbox.flux.errors import FluxRefusalError, answer_refusal
from pressroom.sandbox.flux.tasks import Tasks, cost_cents
from pressroom.sandbox.pictures.drawing import draw_jpeg, draw_png, draw_webp
from pressroom.sandbox.pictures.sizes import drawn_size

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
V1 = "/flux/v1"

# The address at which clouds tell their machines secrets: what a client must never fetch because an answer says so.
FOREIGN = "http://169.254.169.254/latest/meta-data/"


class Flux:
    """The stand-in for api.bfl.ai."""

    name = "flux"
    prefixes: tuple[str, ...] = ("/flux/",)

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._tasks = Tasks(settings, store)
        self._tally = Tally(store, self.name)
        self._callbacks = Callbacks(settings.webhook_retry_seconds)

    async def start(self) -> None:
        for task_id in self._tasks.untold():
            self._call_back(task_id)

    async def stop(self) -> None:
        await self._callbacks.stop()

    def reset(self) -> None:
        self._callbacks.drop()

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {FluxRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        response = FluxRefusalError(status).response()
        if retry_after_s is not None:
            response.headers["Retry-After"] = f"{retry_after_s:g}"
        return response

    def routes(self) -> Sequence[BaseRoute]:
        keyed = self._keyed
        return [
            Route(f"{V1}/get_result", keyed(self._get_result), methods=["GET"]),
            Route(f"{V1}/credits", keyed(self._credits), methods=["GET"]),
            Route(f"{V1}/{{model}}", keyed(self._create), methods=["POST"]),
            Route("/flux/delivery/{task_id}/{name}", self._deliver, methods=["GET"]),
            Route("/_sandbox/flux/picture/{task_id}", self._picture, methods=["GET"]),
            Route("/flux/{rest:path}", self._nothing_here, methods=ANY_METHOD),
        ]

    def stats(self) -> JsonObject:
        states: dict[str, int] = {}
        for row in self._tasks.newest():
            state = self._tasks.status(row.body)
            states[state] = states.get(state, 0) + 1
        return {
            "jobs": self._tasks.count(),
            "jobs_made_twice": self._tasks.made_twice(),
            "images": states.get("Ready", 0),
            "jobs_by_state": {**states},
            "status_calls": self._tally.count("status_calls"),
            "downloads": self._tally.count("downloads"),
            "keys_leaked": self._tally.count("keys_leaked"),
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        return {
            "tasks": [
                {"id": row.id, "status": self._tasks.status(row.body), **row.body} for row in self._tasks.newest()
            ]
        }

    def cards(self, limit: int) -> Sequence[Card]:
        cards: list[Card] = []
        for row in self._tasks.newest(limit):
            task, status = row.body, self._tasks.status(row.body)
            state = {"Ready": "ready", "Pending": "processing"}.get(status, "failed")
            cards.append(
                Card(
                    kind="picture",
                    title=as_text(task["prompt"])[:120],
                    subtitle=f"{as_text(task['model'])} · {task['width']} x {task['height']}",
                    picture=f"/_sandbox/flux/picture/{row.id}" if status == "Ready" else "",
                    state=state,
                )
            )
        return cards

    def _keyed(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            key = request.headers.get("x-key", "")
            if not secrets.compare_digest(key.encode(), self._settings.flux_key.encode()):
                raise FluxRefusalError(403)
            return await handler(request)

        return checked

    async def _create(self, request: Request) -> Response:
        model = request.path_params["model"]
        if model not in MODELS:
            raise FluxRefusalError(404)
        kind = _fault(request)
        if kind == "no_credit":
            raise FluxRefusalError(402)
        if self._tasks.is_full():
            raise FluxRefusalError(429)
        ask = await asyncio.to_thread(read_ask, model, await request.body())
        base_url = str(request.base_url).rstrip("/")
        task_id = self._tasks.create(model, ask, base_url, fails=kind == "fail")
        cost = cost_cents(model, self._tasks.peek(task_id) or {"width": 0, "height": 0})
        if ask.webhook_url is not None:
            self._call_back(task_id)
            return json_response({"id": task_id, "status": "Pending", "webhook_url": ask.webhook_url, "cost": cost})
        polling_url = f"{base_url}{V1}/get_result?id={task_id}"
        if kind == "foreign_url":
            polling_url = f"{FOREIGN}?id={task_id}"
        return json_response({"id": task_id, "polling_url": polling_url, "cost": cost})

    async def _get_result(self, request: Request) -> Response:
        self._tally.add("status_calls")
        task_id = request.query_params.get("id")
        if not task_id:
            missing: JsonObject = {"type": "missing", "loc": ["query", "id"], "msg": "Field required", "input": None}
            raise FluxRefusalError(422, [missing])
        task = self._tasks.find(task_id)
        if task is None:
            return json_response(_result(task_id, "Task not found", None), 404)
        body = self._body(task_id, task, str(request.base_url).rstrip("/"))
        result = body["result"]
        if _fault(request) == "foreign_url" and isinstance(result, dict):
            result["sample"] = f"{FOREIGN}sample.{MIME_SUFFIXES[as_text(task['output_format'])]}"
        return json_response(body)

    async def _credits(self, _request: Request) -> Response:
        return json_response({"credits": 1000.0})

    async def _deliver(self, request: Request) -> Response:
        if "x-key" in request.headers or "authorization" in request.headers:
            self._tally.add("keys_leaked")
            return PlainTextResponse("The API key was sent to the host of the pictures.", 400)
        task_id, expires = request.path_params["task_id"], request.query_params.get("se", "")
        signature = request.query_params.get("sig", "")
        task = self._tasks.peek(task_id)
        if not secrets.compare_digest(signature.encode(), self._signature(task_id, expires).encode()):
            return PlainTextResponse("AuthenticationFailed: Signature did not match.", 403)
        if task is None or not expires.isdigit() or time.time() * 1000 > int(expires):
            return PlainTextResponse("AuthenticationFailed: Signed expiry time must be after signed start time.", 403)
        self._tally.add("downloads")
        picture = await asyncio.to_thread(self._draw, task)
        return Response(picture, media_type=f"image/{as_text(task['output_format'])}")

    async def _picture(self, request: Request) -> Response:
        task = self._tasks.peek(request.path_params["task_id"])
        if task is None:
            return Response("no such picture", 404)
        width, height = drawn_size(as_int(task["width"]), as_int(task["height"]), 480)
        prompt, fingerprint = as_text(task["prompt"]), as_text(task["fingerprint"])
        webp = await asyncio.to_thread(draw_webp, prompt, fingerprint, width, height)
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "max-age=86400"})

    async def _nothing_here(self, _request: Request) -> Response:
        raise FluxRefusalError(404)

    def _draw(self, task: JsonObject) -> bytes:
        width, height = drawn_size(as_int(task["width"]), as_int(task["height"]), self._settings.picture_px)
        draw = draw_png if task["output_format"] == "png" else draw_jpeg
        return draw(as_text(task["prompt"]), as_text(task["fingerprint"]), width, height)

    def _body(self, task_id: str, task: JsonObject, base_url: str) -> JsonObject:
        """The task as `get_result` and the webhook show it."""
        status = self._tasks.status(task)
        if status != "Ready":
            return _result(task_id, status, None)
        ended = self._tasks.ends_at(task)
        expires = str(round((ended + self._settings.flux_result_seconds) * 1000))
        path = f"/flux/delivery/{task_id}/sample.{MIME_SUFFIXES[as_text(task['output_format'])]}"
        started = as_float(task["created_at"])
        return _result(
            task_id,
            status,
            {
                "sample": f"{base_url}{path}?se={expires}&sig={self._signature(task_id, expires)}",
                "prompt": task["prompt"],
                "seed": task["seed"],
                "start_time": started,
                "end_time": ended,
                "duration": ended - started,
            },
        )

    def _signature(self, task_id: str, expires: str) -> str:
        signed = f"{task_id}\n{expires}".encode()
        return hmac.new(self._settings.flux_key.encode(), signed, hashlib.sha256).hexdigest()

    def _call_back(self, task_id: str) -> None:
        task = self._tasks.peek(task_id)
        if task is not None:
            self._callbacks.send(
                self._tasks.ends_at(task),
                lambda: self._letter(task_id),
                lambda arrived: self._tasks.mark_told(task_id, arrived=arrived),
            )

    def _letter(self, task_id: str) -> Letter | None:
        task = self._tasks.peek(task_id)
        if task is None:
            return None
        body: JsonObject = {
            **self._body(task_id, task, as_text(task["base_url"])),
            "timestamp": rfc3339(self._tasks.ends_at(task), 3),
        }
        raw = dump(body).encode()
        headers = {"Content-Type": "application/json"}
        secret = as_text(task["webhook_secret"])
        if secret:
            headers["X-BFL-Signature"] = f"sha256={hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}"
        return Letter(as_text(task["webhook_url"]), raw, headers)


def _fault(request: Request) -> str:
    fault = getattr(request.state, "fault", None)
    return fault.kind if isinstance(fault, Fault) else ""


def _result(task_id: str, status: str, result: JsonObject | None) -> JsonObject:
    moderated = "Moderated" in status
    details: JsonObject | None = {"Moderation Reasons": ["Asked for by a marker in the prompt"]} if moderated else None
    return {"id": task_id, "status": status, "result": result, "progress": None, "details": details, "preview": None}
