"""RunPod's serverless API and worker-comfyui on the wire: what is asked, what comes back, what an end stands for.

Sources: docs.runpod.io, "Send API requests" and "Job states"; runpod-workers/worker-comfyui 5.8, `handler.py`; both of
2026-11. Nothing here is stored, except `Job`, which is the ref.
"""

import base64
import hashlib
import json
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pressroom.contracts.capabilities import SizeRules
from pressroom.runtime.errors import ApiFailed, InvalidRequest, OutOfCredit, TimedOut, WorkError
from pressroom.runtime.vendor_http import excerpt
from pressroom.runtime.vendors.models import model_gone
from pressroom.runtime.vendors.pictures import reference_type

from ..providers import GenerationRequest, RemoteJobOver
from ..workflows import MODEL_INPUTS, Graph
from .settings import ENDPOINT_SETTING, EXECUTION_TIMEOUT_SETTING, MODEL_SETTING, TTL_SETTING, RunPodSettings

VENDOR = "RunPod"

SIZES = SizeRules(min_side_px=64, max_side_px=4096, side_multiple=16, max_pixels=2048 * 2048)
"""Steps of 16 suit the latents of all models; a larger picture would not fit into an answer of RunPod's."""
PAYLOAD_MAX_BYTES = 10_000_000
"""Of the body of `/run`."""

BASE64, S3_URL = "base64", "s3_url"
COMPLETED, FAILED, CANCELLED, TIMED_OUT = "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"
ENDED = frozenset({COMPLETED, FAILED, CANCELLED, TIMED_OUT})

_EXCERPT_CHARACTERS = 500
_REFUSALS = ("validation failed", "cannot execute because node", "prompt has no outputs", "invalid prompt")
"""In the words of ComfyUI's validation, which the worker passes on."""
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class Wire(BaseModel):
    """Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Begun(Wire):
    id: str = Field(min_length=1)


class Job(Wire):
    """All that is needed to ask for a job again, and the model that its workflow loads: the ref, as JSON.
    `key`: ours, by which its webhook speaks of it. `named_by_workflow`: the model is that of a workflow which the batch
    chose, and nobody else's choice."""

    id: str
    endpoint: str
    model: str
    key: str | None = None
    named_by_workflow: bool = False


class Status(Wire):
    """`executionTime` in milliseconds, as billed; `output` and `error` are the worker's, in any shape."""

    status: str
    output: object = None
    error: object = None
    execution_time_ms: object = Field(default=None, alias="executionTime")

    @property
    def gpu_seconds(self) -> float | None:
        """None for what is no time: that never decides whether the picture is taken."""
        spent_ms = self.execution_time_ms
        return spent_ms / 1000 if isinstance(spent_ms, int | float) and spent_ms >= 0 else None


class Image(Wire):
    """`type` is `base64`, or `s3_url` from a worker that keeps its pictures in a bucket."""

    type: str
    data: str = Field(repr=False)


class Output(Wire):
    """What the worker returns. `errors` beside images are warnings about others that it could not hand over."""

    images: tuple[Image, ...] = ()
    errors: object = None
    error: object = None
    details: object = None
    status: str | None = None


class NotFound(InvalidRequest):
    """404: no such endpoint, or no such job."""


class EndpointGone(InvalidRequest):
    """Without the endpoint no job of the lane can be done; the message names the setting."""

    closes_lane = True


def read_error(response: httpx.Response) -> WorkError | None:
    """What RunPod says beyond the usual."""
    if response.status_code == HTTPStatus.PAYMENT_REQUIRED:
        return OutOfCredit(f"{VENDOR} answered 402, the account's balance is used up: pay at console.runpod.io")
    if response.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"{VENDOR} answered 404 to {response.request.url.path}: {excerpt(response)}")
    return None


def endpoint_gone(endpoint: str, error: NotFound) -> EndpointGone:
    return EndpointGone(f"{VENDOR} has no endpoint {endpoint!r}: set {ENDPOINT_SETTING} to one that it has ({error})")


def body_of(workflow: Graph, pictures: tuple[bytes, ...], settings: RunPodSettings, webhook_url: str | None) -> bytes:
    """The body of `/run`. Raises `InvalidRequest` for one that RunPod would not take."""
    images = [
        {"name": name_of(picture, place), "image": base64.b64encode(picture).decode("ascii")}
        for place, picture in enumerate(pictures, start=1)
    ]
    body: dict[str, object] = {
        "input": {"workflow": workflow, **({"images": images} if images else {})},
        "policy": {
            "executionTimeout": round(settings.runpod_execution_timeout_s * 1000),
            "ttl": round(settings.runpod_ttl_s * 1000),
        },
    }
    if webhook_url is not None:
        body["webhook"] = webhook_url
    encoded = json.dumps(body).encode()
    if len(encoded) > PAYLOAD_MAX_BYTES:
        raise InvalidRequest(
            f"the request has {len(encoded)} bytes and {VENDOR} takes {PAYLOAD_MAX_BYTES} at most: "
            "give the batch smaller reference pictures"
        )
    return encoded


def job_of(ref: str) -> Job:
    """The job behind a ref. Raises `RemoteJobOver` for what no version of this code has written."""
    try:
        return Job.model_validate_json(ref)
    except ValidationError as error:
        raise RemoteJobOver(ApiFailed(f"{VENDOR}: the job's ref cannot be read: {ref[:200]!r}")) from error


def image_of(job: Job, request: GenerationRequest, ended: Status) -> Image:
    """The picture of a job that has ended; the first, as a request is for one. Raises `RemoteJobOver` when there is
    none."""
    said = f"{VENDOR}'s job {job.id}"
    if ended.status == TIMED_OUT:
        raise RemoteJobOver(
            TimedOut(f"{said} took longer than {EXECUTION_TIMEOUT_SETTING} or {TTL_SETTING} allows ({_excerpt(ended)})")
        )
    if ended.status == CANCELLED:
        raise RemoteJobOver(ApiFailed(f"{said} was cancelled by somebody"))
    if ended.status == FAILED:
        raise RemoteJobOver(_failure(job, request, _told(ended)))
    try:
        output = Output.model_validate(ended.output)
    except ValidationError as error:
        raise RemoteJobOver(ApiFailed(f"{said} returned what no worker-comfyui does: {_excerpt(ended)}")) from error
    if output.images:
        return output.images[0]
    if output.error or output.errors:
        raise RemoteJobOver(_failure(job, request, _told(ended)))
    raise RemoteJobOver(ApiFailed(f"{said} ended without a picture ({output.status or 'no reason given'})"))


def _failure(job: Job, request: GenerationRequest, told: str) -> WorkError:
    """The worker tells all in words; ComfyUI's validation is known by its own."""
    said = told[:_EXCERPT_CHARACTERS]
    if "not in list" in told and (job.model in told or any(name in told for name in MODEL_INPUTS)):
        if job.named_by_workflow:
            # Only batches that ask for this workflow meet it: the lane stays open.
            return InvalidRequest(f"{VENDOR}'s worker lacks a model that the batch's own workflow names: {said}")
        return model_gone(VENDOR, job.model, MODEL_SETTING, said, named_by_batch=request.model is not None)
    if any(words in told.casefold() for words in _REFUSALS):
        return InvalidRequest(f"{VENDOR}'s worker does not take the workflow: {said}")
    return ApiFailed(f"{VENDOR}'s job {job.id} failed: {said}")


def _told(ended: Status) -> str:
    """What the worker says of its failure, on one line."""
    said = " ".join(f"{part}" for part in (ended.error, ended.output) if part) or "no reason given"
    return " ".join(said.replace("\\n", " ").split())


def _excerpt(ended: Status) -> str:
    return _told(ended)[:_EXCERPT_CHARACTERS]


def name_of(picture: bytes, place: int) -> str:
    """A file's name at the worker: another picture never has the same."""
    suffix = _SUFFIXES[reference_type(picture, place, VENDOR)]
    return f"pressroom-{hashlib.sha256(picture).hexdigest()[:32]}.{suffix}"
