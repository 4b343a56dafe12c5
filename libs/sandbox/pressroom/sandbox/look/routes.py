"""What the sandbox shows and takes under `/_sandbox`: the page, the statistics, the collections, the faults, the reset.
It is tooling, not a vendor, so it answers nobody but this machine and needs no key."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pressroom.sandbox.core.faults import Fault, FaultBook
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Vendor
from pressroom.sandbox.core.wire import Json, JsonObject, json_list, json_response, parse
from pressroom.sandbox.look.page import render_page

Handler = Callable[[Request], Awaitable[Response]]

CARDS_SHOWN = 48
REQUESTS_SHOWN = 60


class Look:
    """The handlers; they read from the vendors and change nothing of them but by `reset`."""

    def __init__(self, settings: Settings, vendors: Sequence[Vendor], store: Store, faults: FaultBook) -> None:
        self._settings = settings
        self._vendors = {vendor.name: vendor for vendor in vendors}
        self._store = store
        self._faults = faults

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/", self._to_page, methods=["GET"]),
            Route("/_sandbox", self._to_page, methods=["GET"]),
            Route("/_sandbox/", local(self._page), methods=["GET"]),
            Route("/_sandbox/stats", local(self._stats), methods=["GET"]),
            Route("/_sandbox/faults", local(self._list_faults), methods=["GET"]),
            Route("/_sandbox/faults", local(self._add_fault), methods=["POST"]),
            Route("/_sandbox/faults", local(self._clear_faults), methods=["DELETE"]),
            Route("/_sandbox/faults/{fault_id:int}", local(self._clear_fault), methods=["DELETE"]),
            Route("/_sandbox/reset", local(self._reset), methods=["POST"]),
            Route("/_sandbox/{vendor}/requests", local(self._requests), methods=["GET"]),
            Route("/_sandbox/{vendor}/{collection}", local(self._collection), methods=["GET"]),
        ]

    async def _health(self, _request: Request) -> Response:
        return json_response({"status": "ok", "sandbox": True, "vendors": json_list(self._vendors)})

    async def _to_page(self, _request: Request) -> Response:
        return RedirectResponse("/_sandbox/")

    async def _page(self, _request: Request) -> Response:
        shown = {vendor.name: (vendor.stats(), vendor.cards(CARDS_SHOWN)) for vendor in self._vendors.values()}
        faults = [fault for fault in self._faults.listed() if fault.times != 0]
        return HTMLResponse(render_page(shown, self._store.requests(limit=REQUESTS_SHOWN), faults))

    async def _stats(self, _request: Request) -> Response:
        return json_response({name: vendor.stats() for name, vendor in self._vendors.items()})

    async def _requests(self, request: Request) -> Response:
        vendor = request.path_params["vendor"]
        if vendor not in self._vendors:
            return PlainTextResponse(f"no vendor {vendor}\n", 404)
        limit = request.query_params.get("limit", "200")
        items = self._store.requests(vendor, int(limit) if limit.isdigit() else 200)
        return json_response({"count": len(items), "items": json_list(items)})

    async def _collection(self, request: Request) -> Response:
        vendor = self._vendors.get(request.path_params["vendor"])
        collections: Mapping[str, Sequence[JsonObject]] = vendor.collections() if vendor is not None else {}
        items = collections.get(request.path_params["collection"])
        if items is None:
            return PlainTextResponse(f"no such collection; there are: {', '.join([*collections, 'requests'])}\n", 404)
        return json_response({"count": len(items), "items": json_list(items)})

    async def _list_faults(self, _request: Request) -> Response:
        return json_response(json_list(_fault_body(fault) for fault in self._faults.listed()))

    async def _add_fault(self, request: Request) -> Response:
        try:
            body: Json = parse(await request.body())
            fault = self._faults.add(Fault.model_validate(body))
        except ValidationError as wrong:
            return PlainTextResponse(f"{wrong}\n", 422)
        except ValueError as wrong:
            return PlainTextResponse(f"The body is no JSON: {wrong}\n", 400)
        if fault.vendor is not None and fault.vendor not in self._vendors:
            self._faults.clear(fault.id)
            return PlainTextResponse(f"no vendor {fault.vendor}; there are: {', '.join(self._vendors)}\n", 422)
        return json_response(_fault_body(fault), 201)

    async def _clear_faults(self, _request: Request) -> Response:
        return json_response({"cleared": self._faults.clear()})

    async def _clear_fault(self, request: Request) -> Response:
        return json_response({"cleared": self._faults.clear(request.path_params["fault_id"])})

    async def _reset(self, _request: Request) -> Response:
        self._faults.clear()
        self._store.reset()
        for vendor in self._vendors.values():
            vendor.reset()
        return json_response({"reset": True})


def look_routes(settings: Settings, vendors: Sequence[Vendor], store: Store, faults: FaultBook) -> list[BaseRoute]:
    """The routes of the look inside."""
    return Look(settings, vendors, store, faults).routes()


def local(handler: Handler) -> Handler:
    """The handler, for requests from this machine only."""

    async def checked(request: Request) -> Response:
        host = request.client.host if request.client is not None else ""
        try:
            here = ipaddress.ip_address(host).is_loopback
        except ValueError:
            here = False
        if not here:
            return PlainTextResponse("The look inside the sandbox is for this machine only.\n", 403)
        return await handler(request)

    return checked


def _fault_body(fault: Fault) -> JsonObject:
    return dict(fault.model_dump())
