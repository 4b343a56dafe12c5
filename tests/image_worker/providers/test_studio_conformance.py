"""The built-in generator as a provider: no network, so few of the troubles."""

from collections.abc import AsyncIterator

import pytest

from pressroom.image_worker import studio
from pressroom.image_worker.providers import GenerationRequest
from pressroom.image_worker.studio_provider import StudioProvider

from .conformance import Heard, ProviderConformance, Trouble, a_request, changed


class StudioBackstage:
    """Listens in on the drawing function."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.provider = StudioProvider()
        self._calls: list[Heard] = []
        self._draw = studio.draw
        patch.setattr(studio, "draw", self._listening)

    def another(self) -> StudioProvider:
        return StudioProvider()

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **changes)

    def long_request(self) -> GenerationRequest:
        return self.request(width_px=3000, height_px=3000)

    def made(self) -> int:
        return len(self._calls)

    def stopped(self) -> int:
        return 0

    def heard(self) -> Heard:
        return self._calls[-1]

    def trouble(self, trouble: Trouble) -> bool:
        return False

    def _listening(self, prompt: str, *, seed: int, width_px: int, height_px: int) -> bytes:
        self._calls.append(Heard(prompt, seed=seed, width_px=width_px, height_px=height_px))
        return self._draw(prompt, seed=seed, width_px=width_px, height_px=height_px)


@pytest.fixture
async def backstage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StudioBackstage]:
    stage = StudioBackstage(monkeypatch)
    yield stage
    await stage.provider.aclose()


class TestStudio(ProviderConformance):
    vendor = "Studio"
