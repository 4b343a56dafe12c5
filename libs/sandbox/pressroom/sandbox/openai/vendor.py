"""OpenAI as a vendor of the sandbox: its routes under `/openai/v1`, its key, its statistics."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import Json, JsonObject, as_int, as_text, json_list, json_response, parse
from pressroom.sandbox.openai.answers import answer, fingerprints_of, refuse_by_marker
from pressroom.sandbox.openai.batch_runner import BatchRunner
from pressroom.sandbox.openai.batches import BATCHES, Batches, failure
from pressroom.sandbox.openai.errors import (
    OpenAIRefusalError,
    answer_refusal,
    bad_key,
    broken,
    no_key,
    no_such_model,
    rate_limited,
    unknown_parameter,
    with_request_id,
    wrong_type,
)
from pressroom.sandbox.openai.files import FILES, Files
from pressroom.sandbox.openai.inputs import Inputs, read_inputs
from pressroom.sandbox.openai.made import CALLS, PICTURES, Made
from pressroom.sandbox.openai.parameters import EDIT_PARAMETERS, GENERATION_PARAMETERS, Asked, read_parameters
from pressroom.sandbox.openai.pictures import draw
from pressroom.sandbox.openai.texts import answer_text, read_text_request
from pressroom.sandbox.openai.webhooks import Webhooks

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
V1 = "/openai/v1"
FILE_FIELDS = ("image", "image[]", "mask")
SHOWN_PX = 480


class OpenAI:
    """The stand-in for api.openai.com."""

    name = "openai"
    prefixes: tuple[str, ...] = (f"{V1}/",)

    def __init__(self, settings: Settings, store: Store) -> None:
        self._key = settings.openai_key
        self._models = tuple(name.strip() for name in settings.openai_models.split(",") if name.strip())
        self._picture_px = settings.picture_px
        self._store = store
        self._made = Made(store)
        self._files = Files(store)
        self._batches = Batches(store, self._files, settings.batch_seconds)
        self._runner = BatchRunner(
            self._batches, self._files, self._made, self._models, settings.picture_px, settings.batch_seconds
        )

        self._webhooks = Webhooks(store, self._batches, settings.webhook_retry_seconds)

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

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {OpenAIRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        if status == 429:
            return rate_limited(retry_after_s)
        if status == 404:
            return OpenAIRefusalError(404, "The requested resource was not found.", code="not_found").response()
        if status == 503:
            message = "The engine is currently overloaded, please try again later."
            return OpenAIRefusalError(503, message, kind="server_error").response()
        refusal = broken()
        refusal.status = status
        return refusal.response()

    def routes(self) -> Sequence[BaseRoute]:
        keyed = self._keyed
        return [
            Route(f"{V1}/images/generations", self._generate, methods=["POST"]),
            Route(f"{V1}/images/edits", self._edit, methods=["POST"]),
            Route(f"{V1}/responses", keyed(self._write), methods=["POST"]),
            Route(f"{V1}/files", keyed(self._files.create), methods=["POST"]),
            Route(f"{V1}/files", keyed(self._files.list), methods=["GET"]),
            Route(f"{V1}/files/{{file_id}}", keyed(self._files.get), methods=["GET"]),
            Route(f"{V1}/files/{{file_id}}", keyed(self._files.delete), methods=["DELETE"]),
            Route(f"{V1}/files/{{file_id}}/content", keyed(self._files.content), methods=["GET"]),
            Route(f"{V1}/batches", keyed(self._create_batch), methods=["POST"]),
            Route(f"{V1}/batches", keyed(self._batches.list), methods=["GET"]),
            Route(f"{V1}/batches/{{batch_id}}", keyed(self._get_batch), methods=["GET"]),
            Route(f"{V1}/batches/{{batch_id}}/cancel", keyed(self._batches.cancel), methods=["POST"]),
            Route(f"{V1}/webhook_endpoints", keyed(self._webhooks.create), methods=["POST"]),
            Route(f"{V1}/webhook_endpoints", keyed(self._webhooks.list), methods=["GET"]),
            Route(f"{V1}/webhook_endpoints/{{endpoint_id}}", keyed(self._webhooks.get), methods=["GET"]),
            Route(f"{V1}/webhook_endpoints/{{endpoint_id}}", keyed(self._webhooks.update), methods=["POST"]),
            Route(f"{V1}/webhook_endpoints/{{endpoint_id}}", keyed(self._webhooks.delete), methods=["DELETE"]),
            Route(f"{V1}/models", self._list_models, methods=["GET"]),
            Route(f"{V1}/models/{{model}}", self._get_model, methods=["GET"]),
            Route("/_sandbox/openai/picture/{image_id}", self._picture, methods=["GET"]),
            Route(f"{V1}/{{rest:path}}", self._nothing_here, methods=ANY_METHOD),
        ]

    def stats(self) -> JsonObject:
        """What batches add is told once there was one."""
        counts = self._made.counts()
        if self._store.count(BATCHES) == 0:
            return counts
        repeated = self._made.repeated_rows()
        statuses: dict[str, int] = {}
        for row in self._store.rows(BATCHES):
            status = self._batches.status(row.body)
            statuses[status] = statuses.get(status, 0) + 1
        return {
            **counts,
            "batches": self._store.count(BATCHES),
            "batches_by_status": {**statuses},
            "files": self._store.count(FILES),
            "images_made_twice": sum(found.times - 1 for found in repeated),
            "made_twice": json_list({"prompt": found.note, "times": found.times} for found in repeated[:20]),
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        return {
            "images": self._made.newest(PICTURES, 1000),
            "calls": self._made.newest(CALLS, 1000),
            "batches": [self._batches.body(row.body) for row in self._store.rows(BATCHES, newest_first=True)],
            "files": [row.body for row in self._store.rows(FILES, newest_first=True)],
        }

    def cards(self, limit: int) -> Sequence[Card]:
        return [
            Card(
                kind="picture",
                title=as_text(image["prompt"])[:120],
                subtitle=f"{as_text(image['model'])} · {image['width']} x {image['height']}",
                picture=f"/_sandbox/openai/picture/{as_text(image['id'])}",
                state="batch" if image.get("batch") else "edit" if image["edit"] else "generation",
            )
            for image in self._made.newest(PICTURES, limit)
        ]

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise no_key()
        if not secrets.compare_digest(key.encode(), self._key.encode()):
            raise bad_key(key)

    def _keyed(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            self._check_key(request)
            return await handler(request)

        return checked

    async def _create_batch(self, request: Request) -> Response:
        batch_id = await self._batches.create(request)
        self._runner.take(batch_id)
        self._webhooks.take(batch_id)
        return self._batches.response(batch_id)

    async def _get_batch(self, request: Request) -> Response:
        batch_id: str = request.path_params["batch_id"]
        fault = getattr(request.state, "fault", None)
        if isinstance(fault, Fault) and fault.kind == "expire":
            await self._runner.expire(batch_id)
        elif isinstance(fault, Fault) and fault.kind == "fail":
            self._batches.mark(batch_id, **failure("sandbox_failure", "Somebody asked the sandbox to fail it."))
        return self._batches.response(batch_id)

    async def _generate(self, request: Request) -> Response:
        return await self._call(request, edit=False)

    async def _edit(self, request: Request) -> Response:
        return await self._call(request, edit=True)

    async def _write(self, request: Request) -> Response:
        asked = read_text_request(await _body_of(request), self._models, self._files)
        return with_request_id(json_response(answer_text(asked, secrets.token_hex(12))))

    async def _call(self, request: Request, *, edit: bool) -> Response:
        """One call, counted however it ends."""
        call_id = f"call-{secrets.token_hex(12)}"
        self._made.note_call(call_id, edit=edit)
        try:
            self._check_key(request)
            asked = await (self._asked_edit(request) if edit else self._asked_generation(request))
            refuse_by_marker(asked)
        except OpenAIRefusalError as refusal:
            self._made.note_refusal(call_id, refusal.code or refusal.kind)
            raise
        request.state.note = f"{asked.model} {asked.size} x{asked.count}"
        drawn = asked.size.drawn(self._picture_px)
        fingerprints = fingerprints_of(asked, call_id)
        body = await asyncio.to_thread(answer, asked, fingerprints, drawn)
        self._made.note_pictures(call_id, asked, drawn, fingerprints)
        return with_request_id(json_response(body))

    async def _asked_generation(self, request: Request) -> Asked:
        return read_parameters(await _body_of(request), GENERATION_PARAMETERS, self._models)

    async def _asked_edit(self, request: Request) -> Asked:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise OpenAIRefusalError(400, "The sandbox takes edits as multipart/form-data only.")
        fields: JsonObject = {}
        images: list[bytes] = []
        mask: bytes | None = None
        try:
            async with request.form() as form:
                for name, value in form.multi_items():
                    if not isinstance(value, UploadFile):
                        if name in FILE_FIELDS:
                            raise wrong_type(name, "a file", "a string")
                        fields[name] = value
                    elif name not in FILE_FIELDS:
                        raise unknown_parameter(name)
                    elif name == "mask":
                        mask = await value.read()
                    else:
                        images.append(await value.read())
        except HTTPException as wrong:
            raise OpenAIRefusalError(400, f"Could not parse multipart form: {wrong.detail}") from wrong
        inputs: Inputs = await asyncio.to_thread(read_inputs, images, mask)
        return read_parameters(fields, EDIT_PARAMETERS, self._models, inputs)

    async def _list_models(self, request: Request) -> Response:
        self._check_key(request)
        body: JsonObject = {"object": "list", "data": json_list(_model_card(model) for model in self._models)}
        return with_request_id(json_response(body))

    async def _get_model(self, request: Request) -> Response:
        self._check_key(request)
        model: str = request.path_params["model"]
        if model not in self._models:
            raise no_such_model(model)
        return with_request_id(json_response(_model_card(model)))

    async def _picture(self, request: Request) -> Response:
        image = self._made.picture(request.path_params["image_id"])
        if image is None:
            return Response("no such picture", 404)
        width, height = as_int(image["width"]), as_int(image["height"])
        scale = SHOWN_PX / max(width, height)
        webp = await asyncio.to_thread(
            draw,
            as_text(image["prompt"]),
            as_text(image["fingerprint"]),
            max(16, round(width * scale)),
            max(16, round(height * scale)),
            transparent=bool(image["transparent"]),
            output_format="webp",
            compression=80,
        )
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "max-age=86400"})

    async def _nothing_here(self, request: Request) -> Response:
        self._check_key(request)
        message = f"The sandbox does not support {request.method} {request.url.path} of the OpenAI API."
        raise OpenAIRefusalError(404, message, code="unknown_url")


async def _body_of(request: Request) -> JsonObject:
    try:
        body: Json = parse(await request.body())
    except ValueError as wrong:
        raise OpenAIRefusalError(400, "We could not parse the JSON body of your request.") from wrong
    if not isinstance(body, dict):
        raise OpenAIRefusalError(400, "We could not parse the JSON body of your request: it is no object.")
    return body


def _model_card(model: str) -> JsonObject:
    return {"id": model, "object": "model", "created": 0, "owned_by": "sandbox"}
