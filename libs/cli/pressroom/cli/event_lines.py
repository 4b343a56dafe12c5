"""Events for people: one line each, with when, what, of which batch, and the part that matters."""

from pressroom.contracts import events
from pressroom.contracts.events import EVENT_TYPES, Event
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.finishing import Verdict

from .errors import CommandFailed

_MICRO = 1_000_000
_PROMPT_CHARACTERS = 60
_GOOD = (
    events.BatchCompleted,
    events.ImageGenerated,
    events.ImageApproved,
    events.TextGenerated,
    events.ImagePublished,
    events.NoticeDelivered,
    events.PostPublished,
    events.LaneResumed,
)
_BAD = (
    events.BatchRejected,
    events.ImageFailed,
    events.TextFailed,
    events.PublishFailed,
    events.NoticeFailed,
    events.LaneClosed,
)
_GREY = (
    events.BatchCancelled,
    events.ImageRejected,
    events.ImageDeleted,
    events.ImageRerouted,
    events.ProviderJobDeleted,
    events.PostWithdrawn,
    events.PostDeleted,
    events.LanePaused,
)


def event_type(name: str) -> type[Event]:
    """`ImageGenerated`, `image.generated` or `pressroom.image.generated.v1`."""
    for event in EVENT_TYPES:
        if name.lower() in (event.__name__.lower(), f"{event.entity}.{event.fact}", event.type_name()):
            return event
    known = ", ".join(event.__name__ for event in EVENT_TYPES)
    raise CommandFailed(f"There is no event type {name!r}. There are: {known}")


def colour(event: Event) -> str:
    """A colour name for `typer.style`."""
    if isinstance(event, _GOOD):
        return "green"
    if isinstance(event, _BAD):
        return "red"
    return "yellow" if isinstance(event, _GREY) else "cyan"


def subject_of(event: Event) -> str:
    """Whom it is about: the most exact name that it has."""
    match event:
        case events.PublicationEvent():
            return event.publication_id
        case events.ImageEvent():
            return event.image_id
        case events.TextEvent():
            return event.text_id
        case events.NoticeEvent():
            return event.notice_id
        case _:
            return event.story


def detail(event: Event) -> str:
    """The part that matters of what happened."""
    match event:
        case events.BatchRequested():
            request = event.request
            noun = "image" if request.text_kind is None else "text"
            makers = " or ".join(request.candidates)
            shown = _beginning(request.wanted()[0].prompt)
            return f"{_count(request.image_count, noun)} by {makers}, {request.mode}: {shown!r}"
        case events.BatchScheduled():
            return f"{_count(event.image_count, 'image')} from {event.starts_at} on"
        case events.BatchAccepted():
            return f"{event.image_count} by {event.provider}"
        case events.BatchRejected():
            return "; ".join(f"{reason.field}: {reason.message}" for reason in event.reasons)
        case events.BatchCompleted():
            counts = event.counts
            made = f"{counts.generated} generated"
            if counts.placeholders:
                made += f" ({_count(counts.placeholders, 'placeholder')})"
            return f"{made}, {counts.failed} failed, {counts.cancelled} cancelled"
        case events.ImageGenerated():
            file = event.file
            told = f"{file.width_px}x{file.height_px} by {event.model} in {event.generation_ms / 1000:.1f} s"
            if event.cost_microusd:
                told += f", ${event.cost_microusd / _MICRO:g}"
            doubtful = [check.name for check in event.checks if check.verdict is not Verdict.PASS]
            return f"{told}; look at: {', '.join(doubtful)}" if doubtful else told
        case events.ImageRerouted():
            return f"from {event.provider} to {event.to}: {event.error.kind}: {event.error.message}"
        case events.TextGenerated():
            told = f"{event.kind} of {_count(len(event.text), 'character')} by {event.model}"
            cost = f", ${event.cost_microusd / _MICRO:g}" if event.cost_microusd else ""
            return f"{told}{cost}: {_beginning(event.text)!r}"
        case events.ImageFailed() | events.TextFailed() | events.PublishFailed():
            return _error(event.error, event.attempt)
        case events.NoticeDelivered():
            return f"{event.kind} by {event.channel} at attempt {event.attempt}"
        case events.NoticeFailed():
            return f"{event.kind} by {event.channel}: {_error(event.error, event.attempt)}"
        case events.ImageApproved():
            return f"by {event.reviewer}"
        case events.ImageRejected():
            return f"by {event.reviewer}" + (f": {event.reason}" if event.reason else "")
        case events.ImageDeleted():
            return f"by {event.deleted_by}"
        case events.ImagePublished():
            return event.url or event.external_id
        case events.ProviderJobSubmitted():
            return f"{_count(event.image_count, 'row')} as {event.vendor_name}"
        case events.BatchPaused():
            return event.reason
        case events.BatchRetryRequested():
            return f"what failed, {event.mode}" + (f" by {event.provider}" if event.provider else "")
        case events.ProviderJobStarted() | events.ProviderJobDeleted():
            return event.vendor_name or event.provider_job_id
        case events.ProviderJobWish():
            return event.provider_job_id
        case events.ProviderJobFinished():
            return f"{event.state}: {event.succeeded} succeeded, {event.failed} failed"
        case events.WebhookReceived():
            about = [publication.publication_id for publication in event.publications] or [event.external_id or ""]
            return f"{event.topic} {', '.join(about)}".rstrip()
        case events.PostEvent():
            return f"{_beginning(event.title)!r} at {event.slug}"
        case events.LaneClosed():
            return event.reason
        case events.LanePaused():
            return f"until {event.until}: {event.reason}"
        case _:
            return ""


def _beginning(text: str) -> str:
    return text if len(text) <= _PROMPT_CHARACTERS else f"{text[:_PROMPT_CHARACTERS]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _error(error: ErrorReport, attempt: int) -> str:
    return f"{error.kind} at attempt {attempt}: {error.message}"
