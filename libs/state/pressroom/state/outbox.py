"""Messages on their way out of a document: built here, published by `pressroom.runtime.outbox`."""

from datetime import UTC, datetime

from pressroom.contracts.cloudevents import body_of, headers_for, timestamp
from pressroom.contracts.events import Event
from pressroom.contracts.jobs import Job
from pressroom.contracts.subjects import (
    EVENTS_STREAM,
    JOBS_STREAM,
    SCHEDULES_STREAM,
    due_subject,
    event_subject,
    job_subject,
    schedule_subject,
)

from .documents import OutboxMessage


def event_message(
    event: Event, *, source: str, traceparent: str | None = None, event_id: str | None = None
) -> OutboxMessage:
    """The outbox entry of an event that `source`, a service, causes. `event_id`: a fresh one unless given."""
    return _message(event, EVENTS_STREAM, event_subject(event), source, traceparent, event_id)


def job_message(job: Job, *, source: str, traceparent: str | None = None) -> OutboxMessage:
    """The outbox entry of a job that `source`, a service, hands out."""
    return _message(job, JOBS_STREAM, job_subject(job), source, traceparent)


def schedule_message(batch_id: str, at: datetime, *, source: str) -> OutboxMessage:
    """The outbox entry of an alarm, which JetStream itself publishes at `at` (NATS ADR-51, "Message scheduler")."""
    headers = headers_for("pressroom.schedule.v1", source=source)
    headers |= {
        "Nats-Schedule": f"@at {timestamp(at)}",
        "Nats-Schedule-Target": due_subject(batch_id),
    }
    return OutboxMessage(
        id=headers["ce-id"],
        stream=SCHEDULES_STREAM,
        subject=schedule_subject(batch_id),
        headers=headers,
        body=batch_id,
        at=datetime.now(UTC),
    )


def _message(
    model: Event | Job,
    stream: str,
    subject: str,
    source: str,
    traceparent: str | None,
    event_id: str | None = None,
) -> OutboxMessage:
    headers = headers_for(model.type_name(), source=source, event_id=event_id, traceparent=traceparent)
    return OutboxMessage(
        id=headers["ce-id"],
        stream=stream,
        subject=subject,
        headers=headers,
        body=body_of(model).decode(),
        at=datetime.now(UTC),
    )
