"""Pages as Laravel's paginator writes them, which is what Printify answers with."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from pressroom.sandbox.core.wire import JsonObject, json_list
from pressroom.sandbox.printify.errors import invalid

# Printify API reference, "Pagination": 10 to a page unless asked otherwise, 50 products and 100 of the rest at most.
DEFAULT_PAGE, MOST_PRODUCTS, MOST_UPLOADS = 10, 50, 100


def read_paging(request: Request, most: int) -> tuple[int, int]:
    """`limit` (at most `most`) and `page`, from 1; the vendor's refusal for anything else."""
    values: list[int] = []
    for name, default, highest in (("limit", DEFAULT_PAGE, most), ("page", 1, 1_000_000)):
        given = request.query_params.get(name, str(default))
        if not given.isdigit() or not 1 <= int(given) <= highest:
            raise invalid(f"{name}: The {name} must be an integer between 1 and {highest}.")
        values.append(int(given))
    return values[0], values[1]


def page_body(shown: Sequence[JsonObject], total: int, limit: int, page: int) -> JsonObject:
    """A page as Laravel's paginator writes it."""
    last = max(1, -(-total // limit))
    return {
        "current_page": page,
        "data": json_list(shown),
        "first_page_url": "/?page=1",
        "from": (page - 1) * limit + 1 if shown else None,
        "last_page": last,
        "last_page_url": f"/?page={last}",
        "next_page_url": f"/?page={page + 1}" if page < last else None,
        "path": "/",
        "per_page": limit,
        "prev_page_url": f"/?page={page - 1}" if page > 1 else None,
        "to": (page - 1) * limit + len(shown) if shown else None,
        "total": total,
    }
