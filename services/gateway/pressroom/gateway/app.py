"""The gateway, put together: FastAPI in front of the same stores and streams that the services work on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Lifespan

from pressroom.runtime.file_removal import FileRemoval
from pressroom.runtime.passwords import Passwords

from . import uploads, webhooks
from .accounts import login
from .accounts.authentication import Authentication
from .api import ROUTES, TITLE, VERSION, openapi_document
from .batches.owners import BatchOwners
from .compat import gemini_batches
from .credits_keeper import keep_credits, sweep_credits
from .edge import cross_origin, problems
from .edge.body_limit import BodyLimit
from .edge.measuring import Edge
from .edge.rate_limit import RateLimit, RateLimitHeaders
from .edge.security_headers import SecurityHeaders
from .edge.taking_turns import TakingTurns
from .house import GatewayService
from .live_feed import LiveFeed
from .settings import GatewaySettings

NAME = "gateway"


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
    app.add_middleware(TakingTurns)
    app.add_middleware(Edge)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return openapi_document()


def _described(lifespan: Lifespan[FastAPI]) -> FastAPI:
    app = _Application(
        title=TITLE,
        version=VERSION,
        routes=list(ROUTES),
        # A page of our own has it.
        docs_url=None,
        redoc_url=None,
        # It would send callers, with what they say, to whatever name and scheme the request came under.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    problems.install(app)
    return app
