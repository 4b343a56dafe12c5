"""The streams and the consumers, made by one idempotent step; services only bind to them.

A durable that exists ignores the configuration that a service brings, so this step updates it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from pressroom.contracts import events, subjects
from pressroom.contracts.jobs import GenerateImage, Job, PublishImage, SendNotice
from pressroom.contracts.vocabulary import NoticeChannel, PlatformName, Priority, ProviderName
from pressroom.state.database import Database

from .broker import PUBLISH_TIMEOUT_S
from .settings import Settings

DAY_S = 24 * 60 * 60
RETENTION_S = 30 * DAY_S
DUPLICATE_WINDOW_S = 120
EVENT_ACK_WAIT_S = 30.0
MAX_ACK_PENDING = 1000


@dataclass(frozen=True)
class EventConsumer:
    """A durable on EVENTS: who reacts to what."""

    name: str
    event: type[events.Event]

    @property
    def filter(self) -> str:
        return subjects.event_filter(self.event)


BATCH_REQUESTED_REALTIME = EventConsumer("image-worker-batch-requested", events.BatchRequested)
BATCH_CANCELLED_REALTIME = EventConsumer("image-worker-batch-cancelled", events.BatchCancelled)
BATCH_REQUESTED_BATCH = EventConsumer("batch-poller-batch-requested", events.BatchRequested)
BATCH_CANCELLED_BATCH = EventConsumer("batch-poller-batch-cancelled", events.BatchCancelled)
BATCH_CANCEL_REQUESTED = EventConsumer("batch-poller-batch-cancel-requested", events.BatchCancelRequested)
BATCH_RETRY_REQUESTED = EventConsumer("batch-poller-batch-retry-requested", events.BatchRetryRequested)
PROVIDER_JOB_CANCEL_REQUESTED = EventConsumer(
    "batch-poller-provider-job-cancel-requested", events.ProviderJobCancelRequested
)
PROVIDER_JOB_DELETE_REQUESTED = EventConsumer(
    "batch-poller-provider-job-delete-requested", events.ProviderJobDeleteRequested
)
IMAGE_APPROVED = EventConsumer("publisher-image-approved", events.ImageApproved)
BATCH_COMPLETED_NOTICES = EventConsumer("publisher-batch-completed", events.BatchCompleted)
BATCH_REJECTED_NOTICES = EventConsumer("publisher-batch-rejected", events.BatchRejected)
BATCH_CANCELLED_NOTICES = EventConsumer("publisher-batch-cancelled", events.BatchCancelled)
IMAGE_GENERATED_NOTICES = EventConsumer("publisher-image-generated", events.ImageGenerated)
IMAGE_FAILED_NOTICES = EventConsumer("publisher-image-failed", events.ImageFailed)
TEXT_GENERATED_NOTICES = EventConsumer("publisher-text-generated", events.TextGenerated)
TEXT_FAILED_NOTICES = EventConsumer("publisher-text-failed", events.TextFailed)
CREDITS_EVENTS = (
    EventConsumer("gateway-image-generated", events.ImageGenerated),
    EventConsumer("gateway-image-failed", events.ImageFailed),
    EventConsumer("gateway-text-generated", events.TextGenerated),
    EventConsumer("gateway-text-failed", events.TextFailed),
    EventConsumer("gateway-batch-completed", events.BatchCompleted),
    EventConsumer("gateway-batch-cancelled", events.BatchCancelled),
    EventConsumer("gateway-batch-rejected", events.BatchRejected),
)
"""What says that held credits are to be captured or given back."""

SCHEDULES_DUE = "schedules-due"
"""The durable by which alarms are taken; every service that begins batches shares it."""

EVENT_CONSUMERS = (
    BATCH_REQUESTED_REALTIME,
    BATCH_CANCELLED_REALTIME,
    BATCH_REQUESTED_BATCH,
    BATCH_CANCELLED_BATCH,
    BATCH_CANCEL_REQUESTED,
    BATCH_RETRY_REQUESTED,
    PROVIDER_JOB_CANCEL_REQUESTED,
    PROVIDER_JOB_DELETE_REQUESTED,
    IMAGE_APPROVED,
    BATCH_COMPLETED_NOTICES,
    BATCH_REJECTED_NOTICES,
    BATCH_CANCELLED_NOTICES,
    IMAGE_GENERATED_NOTICES,
    IMAGE_FAILED_NOTICES,
    TEXT_GENERATED_NOTICES,
    TEXT_FAILED_NOTICES,
    *CREDITS_EVENTS,
)

JOB_LANES: tuple[tuple[type[Job], str], ...] = (
    *((GenerateImage, str(provider)) for provider in ProviderName),
    *((PublishImage, str(platform)) for platform in PlatformName),
    *((SendNotice, str(channel)) for channel in NoticeChannel),
)


def stream_configs(replicas: int) -> tuple[StreamConfig, ...]:
    """EVENTS keeps facts for 30 days, JOBS work until it is done, DEAD for 30 days what could not be."""

    def stream(name: str, subject: str, **more: Any) -> StreamConfig:
        return StreamConfig(
            name=name,
            subjects=[subject],
            storage=StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=DUPLICATE_WINDOW_S,
            allow_direct=True,
            **more,
        )

    kept = {"retention": RetentionPolicy.LIMITS, "max_age": RETENTION_S}
    return (
        stream(subjects.EVENTS_STREAM, subjects.ALL_EVENTS, **kept),
        stream(
            subjects.JOBS_STREAM,
            subjects.ALL_JOBS,
            retention=RetentionPolicy.WORK_QUEUE,
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
        ),
        stream(subjects.DEAD_STREAM, subjects.ALL_DEAD, **kept),
        stream(
            subjects.SCHEDULES_STREAM,
            subjects.ALL_SCHEDULES,
            retention=RetentionPolicy.LIMITS,
            allow_msg_schedules=True,
        ),
    )


def consumer_configs(settings: Settings) -> Iterable[tuple[str, ConsumerConfig]]:
    """Each stream's durables."""
    for consumer in EVENT_CONSUMERS:
        yield (
            subjects.EVENTS_STREAM,
            ConsumerConfig(
                durable_name=consumer.name,
                filter_subject=consumer.filter,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=EVENT_ACK_WAIT_S,
                max_ack_pending=MAX_ACK_PENDING,
            ),
        )
    yield (
        subjects.SCHEDULES_STREAM,
        ConsumerConfig(
            durable_name=SCHEDULES_DUE,
            filter_subject=subjects.ALL_DUE,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=EVENT_ACK_WAIT_S,
        ),
    )
    for job, lane in JOB_LANES:
        for priority in Priority:
            yield (
                subjects.JOBS_STREAM,
                ConsumerConfig(
                    durable_name=subjects.job_consumer(job, lane, priority),
                    filter_subject=subjects.job_filter(job, lane, priority),
                    deliver_policy=DeliverPolicy.ALL,
                    ack_policy=AckPolicy.EXPLICIT,
                    # A job is offered again as soon as its taker's lease has run out, not before.
                    ack_wait=settings.lease_s,
                    max_ack_pending=MAX_ACK_PENDING,
                ),
            )


async def provision_streams(js: JetStreamContext, settings: Settings) -> None:
    """Make or update every stream and consumer."""
    for stream in stream_configs(settings.stream_replicas):
        try:
            await js.update_stream(stream)
        except NotFoundError:
            await js.add_stream(stream)
    for stream_name, consumer in consumer_configs(settings):
        await js.add_consumer(stream_name, consumer)


async def provision(settings: Settings) -> None:
    """Streams, consumers and indexes. Run it as often as you like; it changes only what differs."""
    client = await nats.connect(
        settings.nats_url,
        token=settings.nats_token.get_secret_value() if settings.nats_token else None,
        name="pressroom-provision",
    )
    try:
        await provision_streams(client.jetstream(timeout=PUBLISH_TIMEOUT_S), settings)
    finally:
        await client.close()
    database = Database(settings.mongo_url, settings.mongo_database)
    try:
        await database.make_indexes()
    finally:
        database.close()
