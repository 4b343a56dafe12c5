"""Which workflow makes a picture, with which model and which values: alike for all providers that run ComfyUI's.

The settings are checked when the provider is made, so one that could not work later is refused then, by its name.
Nothing changes afterwards: the same request has the same workflow in every worker with the same settings.
"""

from dataclasses import dataclass
from pathlib import Path

from pressroom.contracts.capabilities import Capabilities, SizeRules, nearest_size
from pressroom.contracts.requests import PROMPT_MAX_CHARACTERS
from pressroom.runtime.errors import InvalidRequest

from ..providers import GenerationRequest, NotConfigured
from .graphs import Graph, model_in
from .reading import BadWorkflow
from .slots import SlotValues
from .templates import WorkflowTemplates

_IMAGE_TO_IMAGE = "image-to-image"
"""The built-in template for a batch that has a reference picture and names no workflow."""

_REFERENCE_PICTURES = 1
"""A template has one slot for them."""

_ANYTHING = SlotValues("", None, seed=0, width=64, height=64, steps=1, guidance=1.0, image="any")
"""Fills a template to see which model it names by itself."""


@dataclass(frozen=True)
class WorkflowSettings:
    """What a provider is told of its workflows, and how the settings are called that tell it.

    `folder` has templates beside the built-in ones; `workflow` and `model` are those of a batch that names none, and
    without `model` each template's own is loaded.
    """

    folder: Path | None
    workflow: str
    model: str | None
    folder_setting: str
    workflow_setting: str
    model_setting: str


class Workflows:
    """The workflows of one provider. `default` is the one of a batch that names none, `model` what that one loads."""

    def __init__(self, vendor: str, sizes: SizeRules, settings: WorkflowSettings) -> None:
        """`vendor` as messages name it. Raises `NotConfigured` with the setting to mend."""
        self._vendor = vendor
        self._sizes = sizes
        self._settings = settings
        self._templates = _templates(settings)
        self.default = settings.workflow
        self._model_inputs = self._templates.inputs_of("model", self.default)
        try:
            self.model = settings.model or self.own_model(self.default)
        except InvalidRequest as error:
            raise NotConfigured(f"{settings.model_setting}: {error}") from error

    def capabilities(self, *, at_once: int, progress: bool = False, is_billed: bool = False) -> Capabilities:
        """What a provider that runs them can do; `progress` and `is_billed` are the vendor's."""
        return Capabilities(
            sizes=self._sizes,
            prompt_max_characters=2 * PROMPT_MAX_CHARACTERS,
            negative_prompt=True,
            steps=True,
            guidance=True,
            input_images=_REFERENCE_PICTURES,
            workflows=self._templates.names,
            progress=progress,
            cancel=True,
            keeps_jobs=True,
            is_billed=is_billed,
            at_once=at_once,
        )

    def name_for(self, request: GenerationRequest) -> str:
        """The template's name. A picture to start from goes into one that has a place for it; raises `InvalidRequest`
        where the one that was asked for has none."""
        name = request.workflow or self.default
        if not request.input_images:
            return name
        if len(request.input_images) > _REFERENCE_PICTURES:
            raise InvalidRequest(f"{self._vendor} takes one reference picture, not {len(request.input_images)}")
        if self._templates.inputs_of("image", name):
            return name
        if request.workflow is not None:
            raise InvalidRequest(
                f"{self._vendor}'s workflow {name!r} has no place for a reference picture; "
                "leave it out, or name another"
            )
        return _IMAGE_TO_IMAGE

    def model_for(self, request: GenerationRequest, name: str) -> str | None:
        """The batch's model, else the setting's where the template `name` loads it in the same way as the default one:
        a checkpoint is nothing for a loader of diffusion models. None leaves it to the template."""
        if request.model:
            return request.model
        is_alike = self._templates.inputs_of("model", name) == self._model_inputs
        return self._settings.model if is_alike else None

    def fill(self, name: str, request: GenerationRequest, model: str | None, image: str | None) -> Graph:
        """The template `name` with a request's values, its size brought to one that the vendor makes. `image` is the
        reference picture's name at the server. Raises `InvalidRequest` as `WorkflowTemplates.fill` does."""
        width, height = nearest_size(self._sizes, request.width_px, request.height_px)
        values = SlotValues(
            prompt=request.prompt,
            negative=request.negative_prompt,
            seed=request.seed,
            width=width,
            height=height,
            steps=request.steps,
            guidance=request.guidance,
            model=model,
            image=image,
        )
        return self._templates.fill(name, values)

    def own_model(self, name: str) -> str | None:
        """The model that a template names itself, where one of the core's loaders has it. Raises `InvalidRequest` when
        it leaves the model to the request."""
        return model_in(self._templates.fill(name, _ANYTHING))


def _templates(settings: WorkflowSettings) -> WorkflowTemplates:
    try:
        templates = WorkflowTemplates(settings.folder)
    except BadWorkflow as error:
        raise NotConfigured(f"{settings.folder_setting}: {error}") from error
    if settings.workflow not in templates.names:
        names = ", ".join(templates.names)
        raise NotConfigured(f"{settings.workflow_setting}: there is no {settings.workflow!r}; there are: {names}")
    return templates
