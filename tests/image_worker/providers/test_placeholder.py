"""The placeholder as a provider: always there, plainly no picture, the same each time."""

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from pressroom.image_worker import placeholder_provider
from pressroom.image_worker.placeholder_provider import PlaceholderProvider, draw

from .backstages import DrawingBackstage
from .conformance import ProviderConformance, picture_of, same_picture

PROMPT = "a fox in a raincoat, woodcut"
QUICKLY_S = 0.1


@pytest.fixture
async def backstage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DrawingBackstage]:
    stage = DrawingBackstage(PlaceholderProvider, placeholder_provider, monkeypatch, long_side_px=8000)
    async with aclosing(stage):
        yield stage


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
