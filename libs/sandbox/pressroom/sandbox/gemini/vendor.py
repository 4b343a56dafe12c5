"""Gemini as a vendor of the sandbox: its routes under `/v1beta` and `/upload/v1beta`, its key, its statistics."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.limits import SlidingWindow
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import JsonObject, as_int, as_object, as_text, json_list, json_response, parse
from pressroom.sandbox.gemini.answers import answer
from pressroom.sandbox.gemini.batches import BATCHES, LARGEST_INLINE_BYTES, Batches
from pressroom.sandbox.gemini.errors import (
    STATUS_NAMES,
    GeminiRefusalError,
    answer_refusal,
    bad_key,
    exhausted,
    invalid,
    no_key,
    no_such_model,
)
from pressroom.sandbox.gemini.files import FILES, Files
from pressroom.sandbox.gemini.made import Made
from pressroom.sandbox.gemini.prompts import makes_images, read_request
from pressroom.sandbox.gemini.runner import BatchRunner
from pressroom.sandbox.gemini.webhooks import Webhooks
from pressroom.sandbox.pictures.drawing import draw_webp

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Gemini:
    """The stand-in for generativelanguage.googleapis.com."""

    name = "gemini"
    prefixes: tuple[str, ...] = ("/v1beta/", "/upload/v1beta/", "/download/v1beta/")

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._models = tuple(name.strip() for name in settings.gemini_models.split(",") if name.strip())
        self._files = Files(store)
        self._batches = Batches(store, self._files, settings.batch_seconds)
        self._made = Made(store)
        self._runner = BatchRunner(
            store, self._files, self._batches, self._made, settings.picture_px, settings.batch_seconds
        )
        self._webhooks = Webhooks(store, self._batches, settings.webhook_retry_seconds)
        self._window = SlidingWindow(settings.gemini_per_minute, 60) if settings.gemini_per_minute else None

    async def start(self) -> None:
        self._runner.resume()
        self._webhooks.resume()

    async def stop(self) -> None:
        await self._webhooks.stop()
        await self._runner.stop()

    def reset(self) -> None:
        self._webhooks.drop()
        self._runner.drop()
        self._files.blobs.clear()
        self._batches.blobs.clear()
        if self._window is not None:
            self._window.clear()

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {GeminiRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        if status == 429:
            response = exhausted(retry_after_s).response()
            if retry_after_s is not None:
                response.headers["Retry-After"] = f"{retry_after_s:g}"
            return response
        messages = {404: "Requested entity was not found.", 503: "The model is overloaded. Please try again later."}
        message = messages.get(status, "An internal error has occurred. Please retry.")
        return GeminiRefusalError(status, message, name=STATUS_NAMES.get(status)).response()

    def routes(self) -> Sequence[BaseRoute]:
        keyed = self._keyed
        return [
            Route("/v1beta/models", keyed(self._list_models), methods=["GET"]),
            Route("/v1beta/models/{model}:generateContent", keyed(self._generate), methods=["POST"]),
            Route("/v1beta/models/{model}:batchGenerateContent", keyed(self._create_batch), methods=["POST"]),
            Route("/v1beta/models/{model}", keyed(self._get_model), methods=["GET"]),
            Route("/v1beta/batches", keyed(self._batches.list), methods=["GET"]),
            Route("/v1beta/batches/{batch_id}:cancel", keyed(self._batches.cancel), methods=["POST"]),
            Route("/v1beta/batches/{batch_id}", keyed(self._batches.get), methods=["GET"]),
            Route("/v1beta/batches/{batch_id}", keyed(self._batches.delete), methods=["DELETE"]),
            Route("/upload/v1beta/files", self._upload, methods=["POST", "PUT"]),
            Route("/v1beta/files", keyed(self._files.list), methods=["GET"]),
            Route("/v1beta/files/{file_id}:download", keyed(self._files.download), methods=["GET"]),
            Route("/download/v1beta/files/{file_id}:download", keyed(self._files.download), methods=["GET"]),
            Route("/v1beta/files/{file_id}", keyed(self._files.get), methods=["GET"]),
            Route("/v1beta/files/{file_id}", keyed(self._files.delete), methods=["DELETE"]),
            Route("/.well-known/jwks.json", self._webhooks.keys, methods=["GET"]),
            Route("/_sandbox/gemini/picture/{image_id}", self._picture, methods=["GET"]),
            *(Route(f"{prefix}{{rest:path}}", self._nothing_here, methods=ANY_METHOD) for prefix in self.prefixes),
        ]

    def stats(self) -> JsonObject:
        repeated = self._made.repeated()
        states: dict[str, int] = {}
        for row in self._store.rows(BATCHES):
            state = self._batches.state(row.body)
            states[state] = states.get(state, 0) + 1
        return {
            "batches": self._store.count(BATCHES),
            "batches_by_state": {**states},
            "files": self._store.count(FILES),
            "images_made": self._made.count(),
            "images_made_twice": sum(found.times - 1 for found in repeated),
            "made_twice": json_list({"prompt": found.note, "times": found.times} for found in repeated[:20]),
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        return {
            "batches": [
                {"id": row.id, "state": self._batches.state(row.body), **row.body}
                for row in self._store.rows(BATCHES, newest_first=True)
            ],
            "files": [row.body for row in self._store.rows(FILES, newest_first=True)],
            "images": self._made.newest(1000),
        }

    def cards(self, limit: int) -> Sequence[Card]:
        return [
            Card(
                kind="picture",
                title=as_text(image["prompt"])[:120],
                subtitle=f"{as_text(image['model'])} · {image['width']} x {image['height']}",
                picture=f"/_sandbox/gemini/picture/{quote(as_text(image['id']))}",
                state="batch" if as_text(image["source"]).startswith("batches/") else "realtime",
            )
            for image in self._made.newest(limit)
        ]

    def _keyed(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            self._check_key(request)
            return await handler(request)

        return checked

    def _check_key(self, request: Request) -> None:
        key = request.headers.get("x-goog-api-key") or request.query_params.get("key")
        if not key:
            raise no_key()
        if not secrets.compare_digest(key.encode(), self._settings.gemini_key.encode()):
            raise bad_key()

    def _model(self, request: Request, method: str) -> str:
        model: str = request.path_params["model"]
        if model not in self._models:
            raise no_such_model(model, method)
        return model

    async def _upload(self, request: Request) -> Response:
        if "upload_id" in request.query_params:
            return await self._files.continue_upload(request)
        self._check_key(request)
        return await self._files.begin_upload(request)

    async def _generate(self, request: Request) -> Response:
        model = self._model(request, "generateContent")
        if self._window is not None and not self._window.admits():
            raise exhausted(round(self._window.free_in_s(), 3))
        raw = await request.body()
        if len(raw) > LARGEST_INLINE_BYTES:
            raise invalid(f"Request payload size exceeds the limit: {LARGEST_INLINE_BYTES} bytes.")
        try:
            body = as_object(parse(raw))
        except ValueError as wrong:
            raise invalid("Invalid JSON payload received.") from wrong
        started = asyncio.get_running_loop().time()
        # Reference pictures are decoded while they are read, so this too is nothing for the event loop.
        wanted = await asyncio.to_thread(read_request, model, body, self._settings.picture_px, self._files.uploaded)
        response, made = await asyncio.to_thread(answer, wanted)
        if made:
            self._made.note(f"request/{secrets.token_hex(12)}", wanted)
        await asyncio.sleep(self._settings.gemini_seconds - (asyncio.get_running_loop().time() - started))
        return json_response(response)

    async def _create_batch(self, request: Request) -> Response:
        model = self._model(request, "batchGenerateContent")
        batch_id = await self._batches.create(model, request)
        self._runner.take(batch_id)
        self._webhooks.take(batch_id)
        return json_response(self._batches.operation(batch_id, self._batches.document(batch_id)))

    async def _list_models(self, _request: Request) -> Response:
        return json_response({"models": json_list(_model_card(name) for name in self._models)})

    async def _get_model(self, request: Request) -> Response:
        return json_response(_model_card(self._model(request, "generateContent")))

    async def _picture(self, request: Request) -> Response:
        image = self._made.picture(request.path_params["image_id"])
        if image is None:
            return Response("no such picture", 404)
        width, height = as_int(image["width"]), as_int(image["height"])
        scale = 480 / max(width, height)
        webp = await asyncio.to_thread(
            draw_webp,
            as_text(image["prompt"]),
            as_text(image["fingerprint"]),
            max(16, round(width * scale)),
            max(16, round(height * scale)),
        )
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "max-age=86400"})

    async def _nothing_here(self, request: Request) -> Response:
        raise GeminiRefusalError(
            404, f"The sandbox does not support {request.method} {request.url.path} of the Gemini API."
        )


def _model_card(name: str) -> JsonObject:
    return {
        "name": f"models/{name}",
        "version": "sandbox",
        "displayName": name,
        "description": "A sandbox's stand-in that " + ("draws pictures" if makes_images(name) else "answers in text"),
        "inputTokenLimit": 65536,
        "outputTokenLimit": 32768,
        "supportedGenerationMethods": ["generateContent", "batchGenerateContent"],
    }
