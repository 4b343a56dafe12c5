"""The shop itself, and things by their global ids."""

from __future__ import annotations

from pressroom.sandbox.core.wire import Json, JsonObject, as_list, as_text
from pressroom.sandbox.shopify.ids import PATTERN, check_id, type_of
from pressroom.sandbox.shopify.resolving import Call, Resolver, plain, resolver

SHOP_ID = "gid://shopify/Shop/7000000000"
DOMAIN = "pressroom-sandbox.myshopify.com"

plain(
    "Shop",
    "id name email contactEmail currencyCode myshopifyDomain primaryDomain url ianaTimezone timezoneAbbreviation"
    " timezoneOffset timezoneOffsetMinutes createdAt description plan",
)
plain("ShopPlan", "displayName publicDisplayName partnerDevelopment shopifyPlus")
plain("Domain", "id host url sslEnabled")
plain("Node", "id")
plain("UserError", "field message")
plain("DisplayableError", "field message")
plain("Count", "count precision")

FINDERS: dict[str, Resolver] = {}
"""How a thing is found by its id, by the type that the id names; each module adds its own."""


def finder(type_name: str, function: Resolver) -> None:
    FINDERS[type_name] = function


@resolver("QueryRoot", "shop")
def shop(call: Call, _source: JsonObject, _arguments: JsonObject) -> Json:
    url = f"https://{DOMAIN}"
    return {
        "id": SHOP_ID,
        "name": "Pressroom sandbox",
        "email": "shop@sandbox.invalid",
        "contactEmail": "shop@sandbox.invalid",
        "currencyCode": "USD",
        "myshopifyDomain": DOMAIN,
        "primaryDomain": {"id": "gid://shopify/Domain/1", "host": DOMAIN, "url": url, "sslEnabled": True},
        "url": url,
        "ianaTimezone": "Etc/UTC",
        "timezoneAbbreviation": "UTC",
        "timezoneOffset": "+0000",
        "timezoneOffsetMinutes": 0,
        "createdAt": "2026-10-01T00:00:00Z",
        "description": "A stand-in for a shop. Nothing here is for sale.",
        "plan": {
            "displayName": "Sandbox",
            "publicDisplayName": "Sandbox",
            "partnerDevelopment": True,
            "shopifyPlus": False,
        },
    }


@resolver("QueryRoot", "node")
def node(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    global_id = as_text(arguments.get("id"))
    if PATTERN.fullmatch(global_id) is None:
        check_id(global_id, "a global id")
    find = FINDERS.get(type_of(global_id))
    return None if find is None else find(call, source, arguments)


@resolver("QueryRoot", "nodes")
def nodes(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return [node(call, source, {"id": global_id}) for global_id in as_list(arguments.get("ids"))]


finder("Shop", shop)
