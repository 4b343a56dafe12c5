"""The loaded model and everything that happens in the lane's own thread: one picture after the other, adapters put on
and taken off between them, a second try with less memory. Nothing is kept but the warm pipeline and its adapters; a
process that dies loses nothing that the next one does not load again."""

# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false

import inspect
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoPipelineForImage2Image

from pressroom.contracts.capabilities import Capabilities, nearest_size
from pressroom.contracts.vocabulary import AdapterKind
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated

from ..providers import GenerationRequest
from .abilities import COMMON_SIDE_MULTIPLE, abilities_before_loading, size_rules
from .adapter_folder import AdapterFolder
from .call_shape import CallShape
from .embeddings import Embeddings
from .loading import device_of, dtype_of, load_pipeline, tune
from .loras import Loras
from .memory import Thrift, is_out_of_memory, release
from .pixels import Pixels, pixels_of, reference_picture
from .prompt_memory import PromptMemory
from .settings import DiffusersSettings

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """Nobody wants the picture any more."""


@dataclass(frozen=True)
class Order:
    """One picture to make. `is_unwanted` is asked, and `progress` told, between two steps."""

    request: GenerationRequest
    is_unwanted: Callable[[], bool]
    progress: Callable[[float], None]


@dataclass(frozen=True)
class _Way:
    """A pipeline, how it is called and what its encoders said."""

    pipeline: Any
    shape: CallShape
    memory: PromptMemory

    @classmethod
    def by(cls, pipeline: Any) -> "_Way":
        return cls(pipeline, CallShape.of(pipeline.__call__), PromptMemory(pipeline))


class Engine:
    """Loads the model when made, and raises what `load_pipeline` does. For one thread."""

    def __init__(self, settings: DiffusersSettings) -> None:
        device = device_of(settings)
        pipeline = load_pipeline(settings, dtype_of(settings, device))
        tune(pipeline, settings)
        self._thrift = Thrift(pipeline, device)
        self._place(pipeline, device)
        self._way = _Way.by(pipeline)
        self._way_by_picture: _Way | None = None
        folder = AdapterFolder(settings.diffusers_adapters_dir)
        self._loras = Loras(pipeline, folder)
        self._embeddings = Embeddings(pipeline, folder)
        self.capabilities = self._can(settings)

    def make(self, order: Order) -> Pixels:
        """The picture. Raises `Stopped`, or a `WorkError`."""
        try:
            return self._once(order)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = str(error)
        # Here the failed call's frames, and what they held on the device, are gone.
        release()
        if not self._thrift.lower():
            raise _too_large(order.request, said)
        self._way_by_picture = None
        _log.warning("out of memory; from now on slower, with less (%s): %s", self._thrift.level, said[:300])
        try:
            return self._once(order)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = str(error)
        release()
        raise _too_large(order.request, said)

    def _once(self, order: Order) -> Pixels:
        request = order.request
        self._dress(request)
        way = self._way_for(request)
        width_px, height_px = nearest_size(self.capabilities.sizes, request.width_px, request.height_px)
        shape = way.shape
        arguments = {
            **shape.prompts(self._embeddings.write(request.prompt, request.negative_prompt)),
            **shape.guidance(request.guidance),
            "width": width_px,
            "height": height_px,
            "num_inference_steps": _steps(way.pipeline, request.steps),
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "pt",
            "callback_on_step_end": _between_steps(order),
        }
        if request.input_images:
            arguments["image"] = reference_picture(request.input_images[0], width_px, height_px)
        with torch.inference_mode():
            try:
                made = way.pipeline(**shape.known(arguments))
            except ValueError as error:
                raise InvalidRequest(f"diffusers: the model refuses this request: {error}") from error
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                raise ApiFailed(f"diffusers: the model failed: {error}") from error
            if any(getattr(made, "nsfw_content_detected", None) or ()):
                raise Moderated("diffusers: the model's own safety checker blacked the picture out; change the prompt")
            return pixels_of(made.images)

    def _way_for(self, request: GenerationRequest) -> _Way:
        if not request.input_images or self._way.shape.takes_pictures:
            return self._way
        if not self.capabilities.input_images:
            raise InvalidRequest("diffusers: this model takes no reference pictures")
        if self._way_by_picture is None:
            self._way_by_picture = _Way.by(AutoPipelineForImage2Image.from_pipe(self._way.pipeline))
            self._way_by_picture.pipeline.set_progress_bar_config(disable=True)
        return self._way_by_picture

    def _dress(self, request: GenerationRequest) -> None:
        """Only this image's adapters are on from here, until the next image."""
        wanted = {kind: [adapter for adapter in request.adapters if adapter.kind is kind] for kind in AdapterKind}
        loras, words = wanted[AdapterKind.LORA], wanted[AdapterKind.EMBEDDING]
        self._thrift.lift()
        try:
            changed = self._loras.wear(loras)
            changed = self._embeddings.wear(words) or changed
        except BaseException:
            self._way.memory.forget()
            self._way_by_picture = None
            raise
        finally:
            self._thrift.replace()
        if changed:
            self._way.memory.forget()
            self._way_by_picture = None

    def _place(self, pipeline: Any, device: str) -> None:
        try:
            pipeline.to(device)
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        release()
        pipeline.to("cpu")
        if not self._thrift.lower():
            raise ApiFailed(
                "diffusers: the model does not fit in this machine's memory; set PRESSROOM_DIFFUSERS_DTYPE to bfloat16 "
                "or PRESSROOM_DIFFUSERS_MODEL to a smaller one"
            )

    def _can(self, settings: DiffusersSettings) -> Capabilities:
        pipeline, shape = self._way.pipeline, self._way.shape
        return abilities_before_loading(settings).model_copy(
            update={
                "sizes": size_rules(_side_multiple(pipeline)),
                "negative_prompt": shape.takes_negative_prompt,
                "steps": shape.takes_steps,
                "guidance": shape.takes_guidance,
                "input_images": 1 if shape.takes_pictures or _has_way_by_picture(pipeline) else 0,
                "progress": shape.tells_steps,
                "cancel": shape.tells_steps,
            }
        )


def _between_steps(order: Order) -> Callable[..., Any]:
    def between(pipeline: Any, step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        if order.is_unwanted():
            raise Stopped
        order.progress(min(1.0, (step + 1) / max(1, getattr(pipeline, "num_timesteps", order.request.steps))))
        return values

    return between


def _steps(pipeline: Any, wanted: int) -> int:
    """At least so many that one is left where a reference picture stands for the first ones."""
    strength = inspect.signature(pipeline.__call__).parameters.get("strength")
    if strength is None or not isinstance(strength.default, float) or strength.default <= 0:
        return wanted
    return max(wanted, math.ceil(1 / strength.default))


def _side_multiple(pipeline: Any) -> int:
    """By what the pipeline's own processor rounds sides down."""
    processor = getattr(pipeline, "image_processor", None)
    multiple = getattr(getattr(processor, "config", None), "vae_scale_factor", None)
    return multiple if isinstance(multiple, int) and multiple > 0 else COMMON_SIDE_MULTIPLE


def _has_way_by_picture(pipeline: Any) -> bool:
    try:
        AutoPipelineForImage2Image.from_pipe(pipeline)
    except ValueError:
        return False
    return True


def _too_large(request: GenerationRequest, said: str) -> ApiFailed:
    return ApiFailed(
        f"diffusers: out of memory at {request.width_px}x{request.height_px}, also with less at once; ask for a "
        "smaller size or fewer adapters, or set PRESSROOM_DIFFUSERS_DTYPE to bfloat16 or PRESSROOM_DIFFUSERS_MODEL to "
        f"a smaller model ({said[:200]})"
    )
