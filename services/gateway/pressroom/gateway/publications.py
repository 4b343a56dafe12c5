"""`/v1/publications`: what was made of approved images, and trying again what failed."""

from http import HTTPStatus

from pressroom.contracts.api import Page, Publication
from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.vocabulary import PlatformName, PublicationState, Scope
from pressroom.state.documents import PublicationDocument

from .access import Caller, GuardedRouter, requires
from .cursors import Limit, cut, decode
from .edge.problems import answers, conflict, not_found
from .house import House
from .images.images import owned, published
from .views import publication_view

router = GuardedRouter("/v1/publications", "publications", Scope.READ)


async def _owned(house: House, owner: str, publication_id: str) -> PublicationDocument:
    publication = await house.database.publications.owned(publication_id, owner)
    if publication is None:
        raise not_found("publication", publication_id)
    return publication


@router.get("")
async def list_publications(
    owner: Caller,
    house: House,
    state: PublicationState | None = None,
    platform: PlatformName | None = None,
    batch: str | None = None,
    image: str | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[Publication]:
    """Publications, newest first."""
    found = await house.database.publications.page(
        owner,
        state=state,
        platform=platform,
        batch_id=batch,
        image_id=image,
        before=decode(cursor),
        limit=limit + 1,
    )
    shown, next_cursor = cut(found, limit)
    return Page(
        items=[publication_view(publication) for publication in shown],
        next_cursor=next_cursor,
    )


@router.get("/{publication_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_publication(publication_id: str, owner: Caller, house: House) -> Publication:
    """One publication."""
    return publication_view(await _owned(house, owner, publication_id))


@router.post(
    "/{publication_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.PUBLISH)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def retry_publication(publication_id: str, owner: Caller, house: House) -> Publication:
    """Try a failed one again. It goes on where it was: what the shop has already is found and not made twice."""
    publication = await _owned(house, owner, publication_id)
    if publication.state is PublicationState.PUBLISHED:
        raise conflict("already-published", "It is published; there is nothing to try again.")
    image = await owned(house, owner, publication.image_id)
    target = PublishTarget(platform=publication.platform, product_type=publication.product_type)
    return await published(house, image, target)
