"""What the backstages of several providers have in common: a vendor of the sandbox, or a drawing function of ours."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import pytest

from pressroom.image_worker.providers import GenerationRequest, ImageProvider

from ...vendor_sandbox import VendorSandbox
from .conformance import RETRY_AFTER_S, Heard, Trouble, a_request, changed

Made = TypeVar("Made", bound=ImageProvider)


class Fault(NamedTuple):
    """One of the sandbox's: at the next `times` requests that match; -1 is always."""

    kind: str
    match: str
    times: int = 1


# The sandbox's faults at the requests for a picture, and at those that are answered with it: alike for all vendors.
WHEN_ASKED = {
    Trouble.RATE_LIMITED: "429_retry_after",
    Trouble.SERVER_ERROR: "500",
    Trouble.CUT_BEFORE: "cut_before",
    Trouble.CUT_AFTER_EFFECT: "cut_after_effect",
    Trouble.HTML: "html_200",
    Trouble.TRUNCATED: "truncate",
}
WHEN_SHOWN = {
    Trouble.NOT_A_PICTURE: "not_a_picture",
    Trouble.OTHER_SIZE: "other_size",
    Trouble.HUGE_PICTURE: "huge_picture",
}


class SandboxBackstage(ABC, Generic[Made]):
    """A provider before its vendor in the sandbox. A subclass says how one is made, and by which means each trouble
    comes that not every vendor has alike."""

    vendor: ClassVar[str]
    """As the sandbox calls it."""
    asks: ClassVar[str]
    """The requests for a picture, as the sandbox's faults match them."""
    shows: ClassVar[str]
    """Those that are answered with it."""
    shown: ClassVar[int] = 1
    """How often such an answer is spoiled; -1: whenever it is given."""
    faults: ClassVar[Mapping[Trouble, Fault]] = {}
    """Troubles that are a fault of the sandbox, beside those that every vendor has."""
    wishes: ClassVar[Mapping[Trouble, dict[str, object]]] = {}
    """Troubles that a request brings about, with its fields."""
    misconfigured: ClassVar[Mapping[Trouble, dict[str, object]]] = {}
    """Troubles that a setting brings about."""

    def __init__(self, vendors: VendorSandbox, settings: dict[str, object]) -> None:
        self.vendors = vendors
        self.settings = settings
        self._changes: dict[str, object] = {}
        self._opened: list[Made] = []
        self.provider = self.another()

    @abstractmethod
    def make(self, settings: dict[str, Any]) -> Made:
        """A provider with these settings."""

    @abstractmethod
    def long_request(self) -> GenerationRequest: ...

    @abstractmethod
    def made(self) -> int: ...

    @abstractmethod
    def heard(self) -> Heard: ...

    def stopped(self) -> int:
        return 0

    def another(self, **settings: object) -> Made:
        """One more, with some of the settings changed from now on."""
        self.settings |= settings
        return self.keep(self.make(self.settings))

    def replace(self, **settings: object) -> Made:
        """Another provider, with some settings changed, is the one under test."""
        self.provider = self.another(**settings)
        return self.provider

    def keep(self, provider: Made) -> Made:
        """Closed at the end."""
        self._opened.append(provider)
        return provider

    async def aclose(self) -> None:
        for provider in self._opened:
            await provider.aclose()

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **{**self._changes, **changes})

    def fault(self, kind: str, match: str | None = None, **more: object) -> None:
        """A fault of this vendor, at the next request for a picture unless `match` says otherwise."""
        self.vendors.fault(self.vendor, kind, match or self.asks, **more)

    def trouble(self, trouble: Trouble) -> bool:
        if fault := self.faults.get(trouble):
            self.fault(fault.kind, fault.match, times=fault.times)
        elif changes := self.wishes.get(trouble):
            self._changes |= changes
        elif settings := self.misconfigured.get(trouble):
            self.replace(**settings)
        elif trouble is Trouble.RATE_LIMITED:
            self.fault(WHEN_ASKED[trouble], seconds=RETRY_AFTER_S)
        elif kind := WHEN_ASKED.get(trouble):
            self.fault(kind)
        elif kind := WHEN_SHOWN.get(trouble):
            self.fault(kind, self.shows, times=self.shown)
        else:
            return self.arrange(trouble)
        return True

    def arrange(self, trouble: Trouble) -> bool:
        """A trouble that takes more than one step; False when this provider cannot have it."""
        return False


class DrawingBackstage:
    """Listens in on the drawing function, `draw` in `module`, of a provider that asks nobody."""

    def __init__(
        self, make: Callable[[], ImageProvider], module: ModuleType, patch: pytest.MonkeyPatch, *, long_side_px: int
    ) -> None:
        self.another = make
        self.provider = make()
        self._long_side_px = long_side_px
        self._calls: list[Heard] = []
        self._draw = module.draw
        patch.setattr(module, "draw", self._listening)

    async def aclose(self) -> None:
        await self.provider.aclose()

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **changes)

    def long_request(self) -> GenerationRequest:
        return self.request(width_px=self._long_side_px, height_px=self._long_side_px)

    def made(self) -> int:
        return len(self._calls)

    def stopped(self) -> int:
        return 0

    def heard(self) -> Heard:
        return self._calls[-1]

    def trouble(self, trouble: Trouble) -> bool:
        return False

    def _listening(self, prompt: str, **numbers: int) -> bytes:
        self._calls.append(Heard(prompt, **numbers))  # pyright: ignore[reportArgumentType] sides and seeds
        return self._draw(prompt, **numbers)
