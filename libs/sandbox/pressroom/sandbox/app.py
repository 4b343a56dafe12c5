"""The sandbox as one ASGI application: every vendor's routes, the look inside, and the front that all requests pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pyvips
from starlette.applications import Starlette
from starlette.types import ASGIApp, ExceptionHandler

from pressroom.sandbox.comfyui.vendor import ComfyUI
from pressroom.sandbox.core.faults import FaultBook
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Vendor
from pressroom.sandbox.flux.vendor import Flux
from pressroom.sandbox.front import Front
from pressroom.sandbox.gemini.vendor import Gemini
from pressroom.sandbox.look.routes import look_routes
from pressroom.sandbox.openai.vendor import OpenAI
from pressroom.sandbox.printify.vendor import Printify
from pressroom.sandbox.runpod.vendor import RunPod
from pressroom.sandbox.shopify.vendor import Shopify


def build(settings: Settings) -> ASGIApp:
    """Opens the store under `settings.data` and puts the vendors before it. One application per process: libvips is
    told for all of it to cache no operations, because nobody asks for the same picture twice, and to draw on one thread
    each, because several pictures are drawn beside each other (20 MB less than with its own threads)."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)  # pyright: ignore[reportAttributeAccessIssue] pyvips exports it by a star
    store = Store(settings.data)
    faults = FaultBook()
    vendors: list[Vendor] = [
        Gemini(settings, store),
        OpenAI(settings, store),
        Flux(settings, store),
        RunPod(settings, store),
        ComfyUI(settings, store, "comfyui"),
        ComfyUI(settings, store, "comfyui-2"),
        Printify(settings, store),
        Shopify(settings, store),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        for vendor in vendors:
            await vendor.start()
        yield
        for vendor in vendors:
            await vendor.stop()
        store.close()

    handlers: dict[type[Exception], ExceptionHandler] = {}
    for vendor in vendors:
        handlers.update(vendor.exception_handlers())
    routes = [
        *look_routes(settings, vendors, store, faults),
        *(route for vendor in vendors for route in vendor.routes()),
    ]
    app = Starlette(routes=routes, exception_handlers=dict(handlers), lifespan=lifespan)
    return Front(app, vendors, store, faults)
