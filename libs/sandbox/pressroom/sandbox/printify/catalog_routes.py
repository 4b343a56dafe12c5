"""The catalog's handlers: the same for every account, nothing is kept."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import json_list, json_response
from pressroom.sandbox.printify.catalog import (
    BLUEPRINTS,
    PROVIDERS,
    Blueprint,
    Variant,
    blueprint_body,
    provider_body,
    shipping_body,
    variant_body,
)
from pressroom.sandbox.printify.errors import not_found


def base_url(request: Request) -> str:
    """This origin, without a slash."""
    return str(request.base_url).rstrip("/")


async def list_blueprints(request: Request) -> Response:
    return json_response(json_list(blueprint_body(one, base_url(request)) for one in BLUEPRINTS.values()))


async def get_blueprint(request: Request) -> Response:
    return json_response(blueprint_body(_blueprint_of(request), base_url(request)))


async def list_providers(_request: Request) -> Response:
    return json_response(json_list(provider_body(provider) for provider in PROVIDERS.values()))


async def list_offers(request: Request) -> Response:
    offers = _blueprint_of(request).offers
    return json_response(
        json_list(
            {"id": provider_id, "title": PROVIDERS[provider_id].title, "decoration_methods": ["dtg"]}
            for provider_id in offers
        )
    )


async def list_variants(request: Request) -> Response:
    provider_id, variants = _offer_of(request)
    all_of_them = request.query_params.get("show-out-of-stock") == "1"
    shown = [variant_body(variant) for variant in variants if variant.in_stock or all_of_them]
    return json_response({"id": provider_id, "title": PROVIDERS[provider_id].title, "variants": json_list(shown)})


async def get_shipping(request: Request) -> Response:
    provider_id, variants = _offer_of(request)
    return json_response(shipping_body(PROVIDERS[provider_id], variants))


def _blueprint_of(request: Request) -> Blueprint:
    blueprint = BLUEPRINTS.get(request.path_params["blueprint_id"])
    if blueprint is None:
        raise not_found("The blueprint")
    return blueprint


def _offer_of(request: Request) -> tuple[int, tuple[Variant, ...]]:
    provider_id: int = request.path_params["provider_id"]
    variants = _blueprint_of(request).offers.get(provider_id)
    if variants is None:
        raise not_found("The print provider of this blueprint")
    return provider_id, variants
