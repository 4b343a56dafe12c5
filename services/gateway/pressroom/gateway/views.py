"""Documents as the API shows them."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pressroom.contracts.api import Batch, Image, Progress, ProviderJob, ProviderJobStatus, Publication, Text
from pressroom.contracts.texts import SHAPES
from pressroom.contracts.vocabulary import ErrorKind, ImageState, ProviderJobState
from pressroom.state.documents import BatchDocument, ImageDocument, ProviderJobDocument, PublicationDocument
from pressroom.state.machines import IMAGE_READY, PROVIDER_JOB_FINAL
from pressroom.state.publications import Publications

MICRO = Decimal("0.000001")


def dollars(microusd: int) -> Decimal:
    """Without zeros at the end: 33600 is 0.0336."""
    exact = (microusd * MICRO).normalize()
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact


def batch_view(batch: BatchDocument, counts: Mapping[ImageState, int], cost_microusd: int, deleted: int = 0) -> Batch:
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
            deleted=deleted,
        ),
        regenerated_from=batch.regenerated_from,
        starts_at=batch.starts_at,
        mode_choice=batch.mode_choice,
        paused_at=batch.paused_at,
        pause_reason=batch.pause_reason,
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
        subject=image.subject,
        part=image.part,
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
        title=image.title,
        description=image.description,
        tags=image.tags or (),
        favourite=image.favourite,
        regenerated_from=image.regenerated_from,
        version=image.version,
        publications=tuple(publication_view(publication) for publication in publications),
        created_at=image.created_at,
        updated_at=image.updated_at,
    )


async def image_views(publications: Publications, images: Sequence[ImageDocument]) -> list[Image]:
    """These images, each with its publications."""
    of_images: dict[str, list[PublicationDocument]] = {image.id: [] for image in images}
    for publication in await publications.find({"image_id": {"$in": list(of_images)}}, sort=[("_id", 1)]):
        of_images[publication.image_id].append(publication)
    return [image_view(image, of_images[image.id]) for image in images]


def text_view(image: ImageDocument) -> Text:
    assert image.text_kind is not None, "only a text is shown as one"
    has_fields = image.text is not None and image.text_kind in SHAPES
    return Text(
        id=image.id,
        batch_id=image.batch_id,
        index=image.index,
        state=image.state,
        kind=image.text_kind,
        prompt=image.prompt,
        provider=image.provider,
        model=image.model,
        text=image.text,
        fields=json.loads(image.text or "") if has_fields else None,
        tries=image.tries,
        cost_usd=dollars(image.cost_microusd),
        error=image.error,
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


def job_status(job: ProviderJobDocument) -> ProviderJobStatus:
    """In people's words."""
    if job.state is ProviderJobState.SUBMITTED:
        return ProviderJobStatus.RUNNING if job.is_running else ProviderJobStatus.PENDING
    if job.state in (ProviderJobState.PLANNED, ProviderJobState.SUBMITTING):
        return ProviderJobStatus.SUBMITTED
    return ProviderJobStatus(job.state)


def job_view(
    job: ProviderJobDocument, counts: Mapping[ImageState, int] | None, image_estimate_microusd: int | None
) -> ProviderJob:
    """`counts`: how its images stand, where its document does not say it yet; `image_estimate_microusd`: what one of
    them was expected to cost, where its document has no estimate."""
    is_over = job.state in PROVIDER_JOB_FINAL
    succeeded, failed = job.succeeded, job.failed
    if counts is not None:
        succeeded = sum(count for state, count in counts.items() if state in IMAGE_READY)
        failed = counts.get(ImageState.FAILED, 0)
    estimate = job.estimated_cost_microusd
    if estimate is None and image_estimate_microusd is not None:
        estimate = image_estimate_microusd * job.image_count
    return ProviderJob(
        id=job.id,
        batch_id=job.batch_id,
        provider=job.provider,
        model=job.model,
        state=job_status(job),
        vendor_name=job.vendor_name,
        vendor_state=job.vendor_state,
        requested=job.image_count,
        succeeded=succeeded,
        failed=failed,
        input_file=job.input_file,
        output_file=job.results_file,
        estimated_cost_usd=None if estimate is None else dollars(estimate),
        cost_usd=dollars(job.cost_microusd),
        deadline_at=job.deadline_at,
        cancel_requested=job.cancel_requested,
        delete_requested=job.delete_at is not None,
        error=job.error,
        recommendation=_recommendation(job, failed),
        created_at=job.created_at,
        updated_at=job.updated_at,
        submitted_at=job.submitted_at,
        next_look_at=None if is_over else job.next_poll_at,
        deleted_at=job.deleted_at,
    )


def _recommendation(job: ProviderJobDocument, failed: int) -> str | None:
    """What a person does about a job that went wrong; None when there is nothing to do."""
    is_over = job.state in PROVIDER_JOB_FINAL
    if job.error is not None and job.error.kind is ErrorKind.AUTH:
        mend = "Give the provider's key in the setting that the message names, and start the batch-poller again"
        if not is_over:
            return f"{mend}; the job goes on by itself."
        return f"{mend}; then {_retry(job)}" if failed else f"{mend}; then ask for its deletion again."
    if not is_over:
        return "Nothing: it is tried again by itself." if job.error is not None else None
    if job.error is not None and not job.error.recoverable and failed:
        return f"Change what the message names; then {_retry(job)}"
    return f"To make what failed again, {_retry(job)}" if failed else None


def _retry(job: ProviderJobDocument) -> str:
    way = "in mode 'batch' for half the price or 'realtime' to have it now"
    if job.text_kind is not None:
        way = "in mode 'batch', the only one for texts"
    return f"POST /v1/batches/{job.batch_id}/retry, {way}."
