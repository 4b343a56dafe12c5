"""The built-in generator as a provider: no network, so few of the troubles."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from pressroom.image_worker import studio
from pressroom.image_worker.studio_provider import StudioProvider

from .backstages import DrawingBackstage
from .conformance import ProviderConformance


@pytest.fixture
async def backstage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DrawingBackstage]:
    async with aclosing(DrawingBackstage(StudioProvider, studio, monkeypatch, long_side_px=3000)) as stage:
        yield stage


class TestStudio(ProviderConformance):
    vendor = "Studio"
