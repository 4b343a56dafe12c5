"""Where messages travel. The last token of an event is its story (a batch, or a lane), so one filter is one story."""

from .events import Event
from .jobs import Job
from .vocabulary import Priority

EVENTS_STREAM = "EVENTS"
JOBS_STREAM = "JOBS"
DEAD_STREAM = "DEAD"
SCHEDULES_STREAM = "SCHEDULES"

ALL_EVENTS = "pressroom.event.>"
ALL_JOBS = "pressroom.job.>"
ALL_DEAD = "pressroom.dead.>"
ALL_SCHEDULES = "pressroom.schedule.>"
ALL_DUE = "pressroom.schedule.due.*"


def event_subject(event: Event) -> str:
    """`pressroom.event.<entity>.<fact>.<story>`"""
    return f"pressroom.event.{event.entity}.{event.fact}.{event.story}"


def event_filter(event: type[Event], story: str = "*") -> str:
    """All events of one type, of one story or of every story."""
    return f"pressroom.event.{event.entity}.{event.fact}.{story}"


def story_filter(story: str) -> str:
    """Everything that happened to one batch."""
    return f"pressroom.event.*.*.{story}"


def job_subject(job: Job) -> str:
    """`pressroom.job.<kind>.<lane>.<priority>.<id>`: unique by id, so a queued job cannot be queued twice."""
    return f"pressroom.job.{job.kind}.{job.lane}.{job.job_priority}.{job.subject_id}"


def job_filter(job: type[Job], lane: str, priority: Priority) -> str:
    """What one consumer of a lane takes."""
    return f"pressroom.job.{job.kind}.{lane}.{priority}.*"


def job_consumer(job: type[Job], lane: str, priority: Priority) -> str:
    """The durable name of that consumer."""
    return f"{job.kind}-{lane}-{priority}"


def dead_subject(stream: str, consumer: str) -> str:
    """Where what this consumer could not handle is kept."""
    return f"pressroom.dead.{stream}.{consumer}"


def schedule_subject(batch_id: str) -> str:
    """Where a batch's alarm waits: one a batch."""
    return f"pressroom.schedule.batch.{batch_id}"


def due_subject(batch_id: str) -> str:
    """Where the server publishes it when its time has come."""
    return f"pressroom.schedule.due.{batch_id}"
