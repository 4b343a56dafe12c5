"""The API: all routes of the gateway, and the OpenAPI document that is made from them.

The routes are made once in a process and stand in one list, as they say all of themselves: routers within routers would
be put together anew for every application, and searched twice for every call.
"""

from functools import cache
from typing import Any

from fastapi.openapi.utils import get_openapi

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
from .access import SECURITY_SCHEMES
from .accounts import account, keys, login, users
from .compat import admin_scripts, case_images, character_images, gemini_batches, print_on_demand
from .edge import docs_page, document
from .edge.problem_types import problem_table

TITLE = "Pressroom"
VERSION = "1"
DESCRIPTION = f"""Ask for images in bulk, review them, publish them.

Event streams resume from `Last-Event-ID`. Every error is a problem document (RFC 9457) of one of these types:

{problem_table()}"""

_ROUTERS = (
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
    *webhooks.ROUTERS,
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
)

ROUTES = tuple(route for router in _ROUTERS for route in router.routes)
"""In the order in which they are tried."""


@cache
def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI 3.1 document, made without any connection."""
    told = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=ROUTES)
    document.complete(told, SECURITY_SCHEMES)
    return told
