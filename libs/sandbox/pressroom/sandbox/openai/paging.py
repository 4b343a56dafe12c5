"""Pages as OpenAI's lists turn them: `limit`, `after` an id, `order`, and `has_more` while there is more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.store import Row, Store
from pressroom.sandbox.core.wire import JsonObject, json_list, json_response
from pressroom.sandbox.openai.errors import OpenAIRefusalError, invalid_value, not_one_of, with_request_id, wrong_type

ORDERS = ("asc", "desc")


@dataclass(frozen=True)
class Page:
    """Which rows of a collection are asked for."""

    limit: int
    newest_first: bool
    past_seq: int | None


def read_page(request: Request, store: Store, collection: str, *, default: int, highest: int) -> Page:
    """What the query asks for. The documents of the collection carry their own `id`, which `after` names."""
    limit = request.query_params.get("limit", str(default))
    if not limit.isdigit():
        raise wrong_type("limit", "an integer", "a string")
    if not 1 <= int(limit) <= highest:
        raise invalid_value(f"Invalid 'limit': {limit} is not between 1 and {highest}.", "limit")
    order = request.query_params.get("order", "desc")
    if order not in ORDERS:
        raise not_one_of(order, "order", ORDERS)
    after = request.query_params.get("after")
    past_seq = None
    if after is not None:
        found = store.find(collection, "id", after)
        if not found:
            raise OpenAIRefusalError(400, f"No such object: {after}", param="after", code="invalid_value")
        past_seq = found[0].seq
    return Page(int(limit), order == "desc", past_seq)


def list_response(rows: list[Row], page: Page, shown: Callable[[Row], JsonObject]) -> Response:
    """The page's first rows; one more than `page.limit` says that there is another page."""
    data = [shown(row) for row in rows[: page.limit]]
    body: JsonObject = {
        "object": "list",
        "data": json_list(data),
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(rows) > page.limit,
    }
    return with_request_id(json_response(body))
