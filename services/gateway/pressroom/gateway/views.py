"""Documents as the API shows them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pressroom.contracts.api import Batch, Image, Progress, Publication
from pressroom.contracts.vocabulary import ImageState
from pressroom.state.documents import BatchDocument, ImageDocument, PublicationDocument
from pressroom.state.machines import IMAGE_READY

MICRO = Decimal("0.000001")


def dollars(microusd: int) -> Decimal:
    """Without zeros at the end: 33600 is 0.0336."""
    exact = (microusd * MICRO).normalize()
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact


def batch_view(batch: BatchDocument, counts: Mapping[ImageState, int], cost_microusd: int) -> Batch:
    return Batch(
        id=batch.id,
        owner=batch.owner,
        state=batch.state,
        request=batch.request,
        progress=Progress(
            requested=batch.request.image_count,
            ready=sum(count for state, count in counts.items() if state in IMAGE_READY),
            failed=counts.get(ImageState.FAILED, 0),
            cancelled=counts.get(ImageState.CANCELLED, 0),
            by_state=dict(counts),
        ),
        mode_choice=batch.mode_choice,
        cost_usd=dollars(cost_microusd),
        reasons=batch.reasons,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
        completed_at=batch.completed_at,
    )


def image_view(image: ImageDocument, publications: Sequence[PublicationDocument]) -> Image:
    return Image(
        id=image.id,
        batch_id=image.batch_id,
        index=image.index,
        state=image.state,
        prompt=image.prompt,
        full_prompt=image.sent_prompt,
        seed=image.seed,
        provider=image.provider,
        model=image.model,
        placeholder=image.is_placeholder,
        attempt=image.attempt,
        progress=image.progress,
        tries=image.tries,
        calls=image.calls,
        estimated_cost_usd=None if image.estimated_cost_microusd is None else dollars(image.estimated_cost_microusd),
        cost_usd=dollars(image.cost_microusd),
        checks=image.checks,
        credentials=image.credentials,
        error=image.error,
        file=image.file,
        thumbnail=image.thumbnail,
        publications=tuple(publication_view(publication) for publication in publications),
        created_at=image.created_at,
        updated_at=image.updated_at,
    )


def publication_view(publication: PublicationDocument) -> Publication:
    return Publication(
        id=publication.id,
        image_id=publication.image_id,
        batch_id=publication.batch_id,
        platform=publication.platform,
        product_type=publication.product_type,
        title=publication.title,
        state=publication.state,
        attempt=publication.attempt,
        external_id=publication.external_id,
        url=publication.url,
        error=publication.error,
        created_at=publication.created_at,
        updated_at=publication.updated_at,
    )
