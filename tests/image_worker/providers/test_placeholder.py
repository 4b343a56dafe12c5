"""The placeholder as a provider: always there, plainly no picture, the same each time."""

import statistics
import time
from collections.abc import AsyncIterator

import pytest

from pressroom.image_worker import placeholder_provider
from pressroom.image_worker.placeholder_provider import PlaceholderProvider, draw
from pressroom.image_worker.providers import GenerationRequest

from .conformance import Heard, ProviderConformance, Trouble, a_request, changed, picture_of, same_picture

PROMPT = "a fox in a raincoat, woodcut"
QUICKLY_S = 0.1


class PlaceholderBackstage:
    """Listens in on the drawing function."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.provider = PlaceholderProvider()
        self._calls: list[Heard] = []
        self._draw = draw
        patch.setattr(placeholder_provider, "draw", self._listening)

    def another(self) -> PlaceholderProvider:
        return PlaceholderProvider()

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **changes)

    def long_request(self) -> GenerationRequest:
        return self.request(width_px=8000, height_px=8000)

    def made(self) -> int:
        return len(self._calls)

    def stopped(self) -> int:
        return 0

    def heard(self) -> Heard:
        return self._calls[-1]

    def trouble(self, trouble: Trouble) -> bool:
        return False

    def _listening(self, prompt: str, *, width_px: int, height_px: int) -> bytes:
        self._calls.append(Heard(prompt, width_px=width_px, height_px=height_px))
        return self._draw(prompt, width_px=width_px, height_px=height_px)


@pytest.fixture
async def backstage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlaceholderBackstage]:
    stage = PlaceholderBackstage(monkeypatch)
    yield stage
    await stage.provider.aclose()


class TestPlaceholder(ProviderConformance):
    vendor = "placeholder"


def test_it_is_the_same_each_time_and_shows_the_prompt() -> None:
    first = draw(PROMPT, width_px=512, height_px=640)

    assert first == draw(PROMPT, width_px=512, height_px=640)
    assert not same_picture(first, draw("a bear", width_px=512, height_px=640))


def test_it_is_quick() -> None:
    draw(PROMPT, width_px=64, height_px=64)
    times: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        draw(PROMPT, width_px=1024, height_px=1280)
        times.append(time.perf_counter() - began)

    assert statistics.median(times) < QUICKLY_S


@pytest.mark.parametrize("prompt", ["x" * 4000, "狐", "🦊", "<b>&amp;\"'", "\n\t "], ids=repr)
@pytest.mark.parametrize("sides", [(64, 64), (64, 640), (640, 64)], ids=str)
def test_any_prompt_fits_any_size(prompt: str, sides: tuple[int, int]) -> None:
    width_px, height_px = sides
    picture = picture_of(draw(prompt, width_px=width_px, height_px=height_px))

    assert (picture.width, picture.height, picture.bands) == (width_px, height_px, 3)
