"""What a pipeline's call takes, read from its signature, because each model family's differs. Pure; no torch."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_TRUE_GUIDANCE = "true_cfg_scale"


@dataclass(frozen=True)
class CallShape:
    """The names of a call's parameters. `has_true_guidance`: it guides by a negative prompt under a name of its own,
    without being asked to (Qwen-Image does; Flux only knows how, at twice the time, and is trained not to need it)."""

    names: frozenset[str]
    has_true_guidance: bool

    @classmethod
    def of(cls, call: Callable[..., object]) -> "CallShape":
        parameters = inspect.signature(call).parameters
        true_guidance = parameters.get(_TRUE_GUIDANCE)
        default = true_guidance.default if true_guidance is not None else 1.0
        return cls(frozenset(parameters), isinstance(default, int | float) and default > 1)

    @property
    def takes_negative_prompt(self) -> bool:
        return "negative_prompt" in self.names and (_TRUE_GUIDANCE not in self.names or self.has_true_guidance)

    @property
    def takes_guidance(self) -> bool:
        return "guidance_scale" in self.names or self.has_true_guidance

    @property
    def takes_steps(self) -> bool:
        return "num_inference_steps" in self.names

    @property
    def takes_pictures(self) -> bool:
        return "image" in self.names

    @property
    def tells_steps(self) -> bool:
        """Whether it can be followed, and stopped between two steps."""
        return "callback_on_step_end" in self.names

    def prompts(self, written: dict[str, str | None]) -> dict[str, Any]:
        """Of the prompts by parameter name, those that count."""
        if not self.takes_negative_prompt:
            written = {name: text for name, text in written.items() if not name.startswith("negative")}
        elif self.has_true_guidance and not written["negative_prompt"]:
            # True guidance happens only against a negative prompt, if only an empty one.
            written = {**written, "negative_prompt": " "}
        return self.known(written)

    def guidance(self, scale: float) -> dict[str, Any]:
        return {_TRUE_GUIDANCE if self.has_true_guidance else "guidance_scale": scale}

    def known(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the arguments that the call takes."""
        return {name: value for name, value in arguments.items() if name in self.names}
