"""RunPod as a vendor of the sandbox: its routes under `/runpod/v2/{endpoint}`, its key, its statistics, and the bucket
in which a worker that is set up so leaves its pictures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.comfyui.nodes import node_classes
from pressroom.sandbox.core.callbacks import Callbacks, Letter
from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.tally import Tally
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import (
    JsonObject,
    as_float,
    as_int,
    as_object,
    as_objects,
    as_text,
    dump,
    json_list,
    json_response,
    parse,
)
from pressroom.sandbox.pictures.drawing import draw_png, draw_webp
from pressroom.sandbox.pictures.sizes import drawn_size
from pressroom.sandbox.runpod.errors import RunPodRefusalError, answer_refusal, no_such_job
from pressroom.sandbox.runpod.jobs import FINAL, Jobs
from pressroom.sandbox.runpod.worker import work_of

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MIB = 1024 * 1024

# docs.runpod.io, "Send API requests": payload limits, and how long /runsync waits.
LARGEST_RUN_MIB = 10
LARGEST_RUNSYNC_MIB = 20
RUNSYNC_WAIT_MS = 90_000
LOOKS_EVERY_S = 0.02
BUCKET_SECONDS = 604_800


class RunPod:
    """The stand-in for api.runpod.ai."""

    name = "runpod"
    prefixes: tuple[str, ...] = ("/runpod/",)

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        models = tuple(model.strip() for model in settings.comfyui_models.split(",") if model.strip())
        self._classes = node_classes(models)
        self._jobs = Jobs(settings, store)
        self._tally = Tally(store, self.name)
        self._callbacks = Callbacks(settings.webhook_retry_seconds)

    async def start(self) -> None:
        for job_id, ends_at in self._jobs.untold():
            self._call_back(job_id, ends_at)

    async def stop(self) -> None:
        await self._callbacks.stop()

    def reset(self) -> None:
        self._callbacks.drop()

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {RunPodRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        refusal = no_such_job() if status == 404 else RunPodRefusalError(status)
        response = refusal.response()
        if retry_after_s is not None:
            response.headers["Retry-After"] = f"{retry_after_s:g}"
        return response

    def routes(self) -> Sequence[BaseRoute]:
        keyed, root = self._keyed, "/runpod/v2/{endpoint}"
        return [
            Route(f"{root}/run", keyed(self._run), methods=["POST"]),
            Route(f"{root}/runsync", keyed(self._runsync), methods=["POST"]),
            Route(f"{root}/status/{{job_id}}", keyed(self._status), methods=["GET", "POST"]),
            Route(f"{root}/cancel/{{job_id}}", keyed(self._cancel), methods=["POST"]),
            Route(f"{root}/health", keyed(self._health), methods=["GET"]),
            Route(f"{root}/purge-queue", keyed(self._purge), methods=["POST"]),
            Route("/runpod/bucket/{job_id}/{filename}", self._bucket, methods=["GET"]),
            Route("/_sandbox/runpod/picture/{job_id}", self._picture, methods=["GET"]),
            Route("/runpod/{rest:path}", self._nothing_here, methods=ANY_METHOD),
        ]

    def stats(self) -> JsonObject:
        return {
            "jobs": self._jobs.count(),
            "jobs_made_twice": self._jobs.made_twice(),
            "images": self._jobs.images(),
            "jobs_by_status": {**self._jobs.by_status()},
            "status_calls": self._tally.count("status_calls"),
            "downloads": self._tally.count("downloads"),
            "keys_leaked": self._tally.count("keys_leaked"),
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        rows = self._jobs.newest()
        return {"jobs": [{"id": row.id, "status": self._jobs.status(row.body), **row.body} for row in rows]}

    def cards(self, limit: int) -> Sequence[Card]:
        cards: list[Card] = []
        for row in self._jobs.newest(limit):
            status, pictures = self._jobs.status(row.body), _pictures(row.body)
            busy = "processing" if status not in FINAL else "failed"
            cards.append(
                Card(
                    kind="picture",
                    title=as_text(pictures[0]["prompt"])[:120] if pictures else row.id,
                    subtitle=f"{status} · {len(pictures)} pictures",
                    picture=f"/_sandbox/runpod/picture/{row.id}" if pictures and status == "COMPLETED" else "",
                    state="ready" if status == "COMPLETED" else busy,
                )
            )
        return cards

    def _keyed(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            right = secrets.compare_digest(token.encode(), self._settings.runpod_key.encode())
            if scheme.lower() != "bearer" or not right:
                raise RunPodRefusalError(401)
            if request.path_params["endpoint"] != self._settings.runpod_endpoint:
                raise RunPodRefusalError(404, "endpoint not found")
            return await handler(request)

        return checked

    async def _run(self, request: Request) -> Response:
        job_id = await self._create(request, LARGEST_RUN_MIB, is_sync=False)
        return json_response({"id": job_id, "status": "IN_QUEUE"})

    async def _runsync(self, request: Request) -> Response:
        """Waits for the end, but not for longer than `?wait=` milliseconds."""
        job_id = await self._create(request, LARGEST_RUNSYNC_MIB, is_sync=True)
        wait = request.query_params.get("wait", "")
        until = time.time() + (int(wait) if wait.isdigit() else RUNSYNC_WAIT_MS) / 1000
        job = self._jobs.peek(job_id)
        while self._jobs.status(job) not in FINAL and time.time() < until:
            await asyncio.sleep(LOOKS_EVERY_S)
            job = self._jobs.peek(job_id)
        return json_response(await asyncio.to_thread(self._body, job_id, job, _base_url(request)))

    async def _create(self, request: Request, largest_mib: int, *, is_sync: bool) -> str:
        raw = await request.body()
        if len(raw) > largest_mib * MIB:
            raise RunPodRefusalError(400, f"body: exceeded max body size of {largest_mib}MiB")
        try:
            asked = as_object(parse(raw))
        except ValueError as wrong:
            raise RunPodRefusalError(400, "the body is not valid JSON") from wrong
        if not as_object(asked.get("input")):
            raise RunPodRefusalError(400, "input is required and must be an object that is not empty")
        work = await asyncio.to_thread(work_of, as_object(asked["input"]), self._classes)
        job_id = self._jobs.create(asked, work, _base_url(request), is_sync=is_sync, fault=_fault(request))
        request.state.note = job_id
        if asked.get("webhook"):
            self._call_back(job_id, self._jobs.span(self._jobs.find(job_id)).ends_at)
        return job_id

    async def _status(self, request: Request) -> Response:
        self._tally.add("status_calls")
        job_id = request.path_params["job_id"]
        job = self._jobs.find(job_id)
        if _fault(request) == "late_progress":
            self._jobs.mark(job_id, is_late=True)
            job = self._jobs.find(job_id)
        if self._jobs.status(job) in FINAL:
            if "was_told" in job and job.get("is_late"):
                self._jobs.mark(job_id, is_late=False)
                return json_response({"id": job_id, "status": "IN_PROGRESS", **self._times(job)})
            if "was_told" not in job:
                self._jobs.mark(job_id, was_told=True)
        return json_response(await asyncio.to_thread(self._body, job_id, job, _base_url(request)))

    async def _cancel(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        return json_response({"id": job_id, "status": self._jobs.cancel(job_id)})

    async def _health(self, _request: Request) -> Response:
        found = self._jobs.by_status()
        running = found.get("IN_PROGRESS", 0)
        jobs: JsonObject = {
            "completed": found.get("COMPLETED", 0),
            "failed": found.get("FAILED", 0) + found.get("TIMED_OUT", 0),
            "inProgress": running,
            "inQueue": found.get("IN_QUEUE", 0),
            "retried": 0,
        }
        workers: JsonObject = {
            "idle": 0 if running else 1, "initializing": 0, "ready": 1,
            "running": min(running, 1), "throttled": 0, "unhealthy": 0,
        }  # fmt: skip
        return json_response({"jobs": jobs, "workers": workers})

    async def _purge(self, _request: Request) -> Response:
        return json_response({"removed": self._jobs.purge(), "status": "completed"})

    async def _bucket(self, request: Request) -> Response:
        """A picture by its signed URL; whoever sends the key here as well is refused and counted."""
        if "authorization" in request.headers:
            self._tally.add("keys_leaked")
            return PlainTextResponse("The API key was sent to the host of the pictures.", 400)
        job_id, filename = request.path_params["job_id"], request.path_params["filename"]
        signature = request.query_params.get("X-Amz-Signature", "")
        if not secrets.compare_digest(signature.encode(), self._signature(job_id, filename).encode()):
            return PlainTextResponse("SignatureDoesNotMatch", 403)
        picture = next((one for one in _pictures(self._jobs.find(job_id)) if one["filename"] == filename), None)
        if picture is None:
            return PlainTextResponse("NoSuchKey", 404)
        self._tally.add("downloads")
        return Response(await asyncio.to_thread(self._draw, picture), media_type="image/png")

    async def _picture(self, request: Request) -> Response:
        pictures = _pictures(self._jobs.find(request.path_params["job_id"]))
        if not pictures:
            return Response("no such picture", 404)
        shown = pictures[0]
        width, height = drawn_size(as_int(shown["width"]), as_int(shown["height"]), 480)
        prompt, fingerprint = as_text(shown["prompt"]), as_text(shown["fingerprint"])
        webp = await asyncio.to_thread(draw_webp, prompt, fingerprint, width, height)
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "max-age=86400"})

    async def _nothing_here(self, _request: Request) -> Response:
        raise RunPodRefusalError(404, "not found")

    def _body(self, job_id: str, job: JsonObject, base_url: str) -> JsonObject:
        """The job as `/status`, `/runsync` and the webhook show it."""
        status = self._jobs.status(job)
        body: JsonObject = {"id": job_id, "status": status, **self._times(job)}
        work = as_object(job["work"])
        if status == "COMPLETED":
            body["output"] = self._output(job_id, job, base_url)
        elif status == "FAILED":
            said = {"error": work["error"] or "The sandbox was asked to fail this job.", "details": work["details"]}
            body["error"] = said["error"]
            body["output"] = said
        elif status == "TIMED_OUT":
            body["error"] = "job timed out"
        return body

    def _times(self, job: JsonObject) -> JsonObject:
        """What is known of its times by now, in milliseconds, and who works on it."""
        status, span = self._jobs.status(job), self._jobs.span(job)
        if status == "IN_QUEUE":
            return {}
        started = min(span.starts_at, self._jobs.ended_at(job))
        times: JsonObject = {
            "delayTime": round((started - as_float(job["created_at"])) * 1000),
            "workerId": "sandbox-worker",
        }
        if status in FINAL:
            times["executionTime"] = round((self._jobs.ended_at(job) - started) * 1000)
        return times

    def _output(self, job_id: str, job: JsonObject, base_url: str) -> JsonObject:
        work = as_object(job["work"])
        if work["error"]:
            return {"error": work["error"], "details": work["details"]}
        images: list[JsonObject] = []
        for picture in _pictures(job):
            if self._settings.runpod_output == "s3_url":
                data = self._url(job_id, as_text(picture["filename"]), base_url)
            else:
                data = base64.b64encode(self._draw(picture)).decode()
            images.append({"filename": picture["filename"], "type": self._settings.runpod_output, "data": data})
        output: JsonObject = {"images": json_list(images)}
        if work["warnings"]:
            output["errors"] = work["warnings"]
        if not images:
            output["status"] = "success_no_images"
        return output

    def _url(self, job_id: str, filename: str, base_url: str) -> str:
        signed = f"X-Amz-Expires={BUCKET_SECONDS}&X-Amz-Signature={self._signature(job_id, filename)}"
        return f"{base_url}/runpod/bucket/{job_id}/{quote(filename)}?{signed}"

    def _signature(self, job_id: str, filename: str) -> str:
        return hmac.new(
            self._settings.runpod_key.encode(), f"{job_id}\n{filename}".encode(), hashlib.sha256
        ).hexdigest()

    def _draw(self, picture: JsonObject) -> bytes:
        width, height = drawn_size(as_int(picture["width"]), as_int(picture["height"]), self._settings.picture_px)
        return draw_png(as_text(picture["prompt"]), as_text(picture["fingerprint"]), width, height)

    def _call_back(self, job_id: str, ends_at: float) -> None:
        self._callbacks.send(
            ends_at,
            lambda: self._letter(job_id),
            lambda arrived: self._jobs.mark(job_id, webhook_told=arrived),
        )

    def _letter(self, job_id: str) -> Letter | None:
        try:
            job = self._jobs.find(job_id)
        except RunPodRefusalError:
            return None
        raw = dump(self._body(job_id, job, as_text(job["base_url"]))).encode()
        return Letter(as_text(job["webhook"]), raw, {"Content-Type": "application/json"})


def _fault(request: Request) -> str:
    fault = getattr(request.state, "fault", None)
    return fault.kind if isinstance(fault, Fault) else ""


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _pictures(job: JsonObject) -> list[JsonObject]:
    return as_objects(as_object(job["work"])["pictures"])
