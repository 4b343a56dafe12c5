"""BFL's API on the wire: what is asked, the shapes that come back, what its refusals mean.

Source: docs.bfl.ai, "FLUX.2" and "API reference", 2026-11. Nothing here is stored, except `Job`, which is the ref.
"""

import base64
import math
from http import HTTPStatus
from typing import Annotated

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from pressroom.contracts.capabilities import SizeRules, nearest_size
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated, OutOfCredit, WorkError
from pressroom.runtime.vendor_http import excerpt

from ..providers import GenerationRequest, RemoteJobOver

VENDOR = "Flux"
KEY_SETTING = "PRESSROOM_FLUX_API_KEY"
MODEL_SETTING = "PRESSROOM_FLUX_MODEL"
DOMAIN = "bfl.ai"
"""All of BFL's API hosts are in it; a `polling_url` often names a regional one, such as api.eu2.bfl.ai."""

SIZES = SizeRules(min_side_px=64, side_multiple=16, max_pixels=2048 * 2048)
PROMPT_MAX_CHARACTERS = 32_000
"""FLUX.2 reads 32,000 tokens, and a token is a character at least."""
INPUT_IMAGES_MAX = 8
TASKS_AT_ONCE = 24

MICRODOLLARS_PER_CREDIT = 10_000

READY, TASK_NOT_FOUND = "Ready", "Task not found"
_MODERATED = ("Request Moderated", "Content Moderated")
ENDED_BADLY = (*_MODERATED, "Error")
"""The statuses that end a task; every other one, `Pending` or a new one, means that it goes on."""

_SETTABLE = "flex"
"""The only model with steps and guidance; what the others are sent of them is passed over."""
_STEPS = (1, 50)
_GUIDANCE = (1.5, 10.0)


def _price_or_none(value: object) -> float | None:
    """What is told of a price never decides whether the task is known."""
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return None


Credits = Annotated[float | None, BeforeValidator(_price_or_none)]


class Wire(BaseModel):
    """Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Submitted(Wire):
    """`cost` in credits; `polling_url` is absent where a webhook was asked for."""

    id: str
    polling_url: str | None = None
    cost: Credits = None


class Job(Wire):
    """All that is needed to ask for a job again, and what its end will not tell: the ref, as JSON."""

    id: str
    polling_url: str
    model: str
    cost: Credits = None


class Sample(Wire):
    sample: str


class Result(Wire):
    """The answer of `get_result`; `details` has the reasons of a moderation, in any shape."""

    status: str
    result: object = None
    details: object = None
    cost: Credits = None


class NotFound(InvalidRequest):
    """404: no such model, or no such task."""


def is_of_vendor(host: str) -> bool:
    """Whether a host is BFL's own."""
    return host == DOMAIN or host.endswith(f".{DOMAIN}")


def is_settable(model: str) -> bool:
    """Whether a model takes steps and guidance."""
    return model.endswith(_SETTABLE)


def body_of(request: GenerationRequest, model: str, safety_tolerance: int) -> dict[str, object]:
    """The request for one task. Steps and guidance are brought into the model's range."""
    width_px, height_px = nearest_size(SIZES, request.width_px, request.height_px)
    body: dict[str, object] = {
        "prompt": request.prompt,
        "width": width_px,
        "height": height_px,
        "seed": request.seed,
        "safety_tolerance": safety_tolerance,
        "output_format": "png",
    }
    if is_settable(model):
        body["steps"] = min(max(request.steps, _STEPS[0]), _STEPS[1])
        body["guidance"] = min(max(request.guidance, _GUIDANCE[0]), _GUIDANCE[1])
        # Its default is true, and the picture would be one of a prompt that nobody wrote.
        body["prompt_upsampling"] = False
    for number, picture in enumerate(request.input_images, start=1):
        name = "input_image" if number == 1 else f"input_image_{number}"
        body[name] = base64.b64encode(picture).decode("ascii")
    return body


def read_error(response: httpx.Response) -> WorkError | None:
    """What BFL says beyond the usual: an empty account, a model or a task that is not there."""
    if response.status_code == HTTPStatus.PAYMENT_REQUIRED:
        return OutOfCredit(f"{VENDOR} answered 402, the account has no credits left: buy some at dashboard.bfl.ai")
    if response.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"{VENDOR} answered 404 to {response.request.url.path}: {excerpt(response)}")
    return None


def job_of(ref: str) -> Job:
    """The job behind a ref. Raises `RemoteJobOver` for what no version of this code has written."""
    try:
        return Job.model_validate_json(ref)
    except ValidationError as error:
        raise RemoteJobOver(ApiFailed(f"{VENDOR}: the job's ref cannot be read: {ref[:200]!r}")) from error


def error_of_end(job: Job, result: Result) -> WorkError:
    """What a status of `ENDED_BADLY` stands for, with the reasons that BFL gives."""
    reasons = f": {str(result.details)[:500]}" if result.details else ""
    if result.status in _MODERATED:
        return Moderated(f"{VENDOR} refused the content ({result.status}){reasons}; change the prompt")
    return ApiFailed(f"{VENDOR} made no picture of task {job.id} ({result.status}){reasons}")


def sample_of(result: Result) -> str:
    """Where the picture of a task that is `Ready` lies."""
    try:
        return Sample.model_validate(result.result).sample
    except ValidationError as error:
        raise ApiFailed(f"{VENDOR} says that a task is ready, and gives no picture") from error
