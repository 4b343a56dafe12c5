"""Texts of batches that ask for texts: `/v1/batches/{id}/texts` and `/v1/texts/{id}`."""

from http import HTTPStatus

from pressroom.contracts.api import Page, Text
from pressroom.contracts.vocabulary import Scope

from .access import Caller, GuardedRouter
from .batches.batches import owned
from .cursors import Index, Limit
from .edge.problems import answers, not_found
from .house import House
from .views import text_view

router = GuardedRouter("/v1", "texts", Scope.READ)


@router.get(
    "/batches/{batch_id}/texts",
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def list_batch_texts(
    batch_id: str,
    owner: Caller,
    house: House,
    cursor: Index = None,
    limit: Limit = 100,
) -> Page[Text]:
    """A batch's texts, in order; none of a batch of images."""
    batch = await owned(house, owner, batch_id)
    if batch.request.text_kind is None:
        return Page(items=[])
    after = -1 if cursor is None else cursor
    found = await house.database.images.of_batch(batch_id, after=after, limit=limit + 1)
    return Page(
        items=[text_view(text) for text in found[:limit]],
        next_cursor=str(found[limit - 1].index) if len(found) > limit else None,
    )


@router.get("/texts/{text_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_text(text_id: str, owner: Caller, house: House) -> Text:
    """One text."""
    text = await house.database.images.owned(text_id, owner)
    if text is None or text.text_kind is None:
        raise not_found("text", text_id)
    return text_view(text)
