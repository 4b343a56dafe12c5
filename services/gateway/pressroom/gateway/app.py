"""The gateway, put together: FastAPI in front of the same stores and streams that the services work on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.types import Lifespan

from pressroom.runtime.file_removal import FileRemoval
from pressroom.runtime.passwords import Passwords

from . import (
    batches,
    dead_letters,
    files,
    health,
    images,
    lanes,
    ledger,
    live,
    notices,
    posts,
    provider_jobs,
    providers,
    publications,
    recipes,
    statistics,
    subjects,
    texts,
    uploads,
    webhooks,
)
from .accounts import account, keys, login, users
from .accounts.authentication import Authentication
from .batches.owners import BatchOwners
from .compat import admin_scripts, case_images, character_images, gemini_batches, print_on_demand
from .credits_keeper import keep_credits, sweep_credits
from .edge import cross_origin, docs_page, document, problems
from .edge.body_limit import BodyLimit
from .edge.measuring import Edge
from .edge.problem_types import problem_table
from .edge.rate_limit import RateLimit, RateLimitHeaders
from .edge.security_headers import SecurityHeaders
from .house import GatewayService
from .live_feed import LiveFeed
from .settings import GatewaySettings

NAME = "gateway"

DESCRIPTION = f"""Ask for images in bulk, review them, publish them.

Event streams resume from `Last-Event-ID`. Every error is a problem document (RFC 9457) of one of these types:

{problem_table()}"""


def build(settings: GatewaySettings) -> FastAPI:
    """The application; it connects when it is started."""
    service = GatewayService(NAME, settings)
    keep_credits(service)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await service.open()
        await service.broker.start()
        app.state.live_feed = feed = LiveFeed(service.js)
        service.background("live feed", feed.run)
        service.background("credit sweep", lambda: sweep_credits(service))
        removal = FileRemoval(service.database, service.blobs)
        service.background("file removal", lambda: removal.run(settings.sweep_interval_s))
        yield
        await service.close()

    app = _described(lifespan)
    app.state.settings = settings
    app.state.service = service
    app.state.passwords = Passwords()
    app.state.batch_owners = BatchOwners(service.database.batches)
    app.state.gemini_keys = webhooks.keys_of_gemini(settings)
    app.state.authentication = Authentication(settings, service.database)
    app.state.rate_limit = RateLimit(settings.requests_per_minute, "PRESSROOM_REQUESTS_PER_MINUTE")
    app.state.strangers = RateLimit(
        settings.refused_calls_per_minute_from_one_address, "PRESSROOM_REFUSED_CALLS_PER_MINUTE_FROM_ONE_ADDRESS"
    )
    app.add_middleware(
        BodyLimit,
        limits={
            uploads.router.prefix: (settings.max_upload_bytes, "PRESSROOM_MAX_UPLOAD_BYTES"),
            # Reference pictures come in the body.
            gemini_batches.router.prefix: (settings.max_upload_bytes, "PRESSROOM_MAX_UPLOAD_BYTES"),
            # Some vendors tell of a job with all that it made.
            webhooks.LARGE: (settings.max_upload_bytes, "PRESSROOM_MAX_UPLOAD_BYTES"),
            # Nobody is known yet.
            login.router.prefix: (login.BODY_MAX_BYTES, "a login has less"),
            "/": (settings.max_body_bytes, "PRESSROOM_MAX_BODY_BYTES"),
        },
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(RateLimitHeaders)
    if settings.cors_origins:
        cross_origin.allow(app, settings.cors_origins)
    app.add_middleware(SecurityHeaders, https_only_s=settings.https_only_s)
    app.add_middleware(Edge)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document.complete(super().openapi())
        return super().openapi()


def _described(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = _Application(
        title="Pressroom",
        version="1",
        description=DESCRIPTION,
        # A page of our own has it.
        docs_url=None,
        redoc_url=None,
        # It would send callers, with what they say, to whatever name and scheme the request came under.
        redirect_slashes=False,
        lifespan=lifespan,
        responses=problems.answers(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    problems.install(app)
    for router in (
        # First, as routes are tried in their order: after a lost connection all listeners come back at once.
        live.router,
        docs_page.router,
        *batches.ROUTERS,
        *images.ROUTERS,
        texts.router,
        publications.router,
        notices.router,
        providers.router,
        lanes.router,
        dead_letters.router,
        provider_jobs.router,
        statistics.router,
        uploads.router,
        files.router,
        webhooks.router,
        login.router,
        account.router,
        users.router,
        keys.router,
        ledger.router,
        posts.router,
        subjects.router,
        recipes.router,
        print_on_demand.router,
        gemini_batches.router,
        character_images.router,
        admin_scripts.router,
        case_images.router,
        health.router,
    ):
        app.include_router(router)
    return app


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI 3.1 document, made without any connection."""
    return _described().openapi()
