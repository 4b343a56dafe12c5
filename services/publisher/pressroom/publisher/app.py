"""The publisher, put together: approved images with a rule become publications, publications become products,
and callers are told what became of their batches."""

from collections.abc import Mapping

from faststream.asgi import AsgiFastStream

from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.events import ImageApproved
from pressroom.contracts.jobs import PublishImage, SendNotice
from pressroom.contracts.vocabulary import ImageState, NoticeChannel, PlatformName
from pressroom.runtime.event_subscriber import Refused, subscribe
from pressroom.runtime.job_runner import JobRunner
from pressroom.runtime.lane_queue import LaneQueue
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.notices import Notices
from pressroom.runtime.publications import request_publication
from pressroom.runtime.service import Service, application
from pressroom.runtime.topology import IMAGE_APPROVED

from .mail import Mailer
from .notice_delivery import Delivery
from .notice_events import NoticeEvents, subscribe_notices
from .notice_jobs import NoticeWork
from .notice_sweep import queue_due
from .notice_webhook import Webhooks
from .platforms import Platform
from .printify import Printify
from .publication_sweep import requeue_lost
from .publish_jobs import PublishWork
from .settings import PublisherSettings
from .shopify import Shopify

NAME = "publisher"


def build(settings: PublisherSettings, platforms: Mapping[PlatformName, Platform] | None = None) -> AsgiFastStream:
    """The service. `platforms` replaces Printify and Shopify."""
    service = Service(NAME, settings)
    served: dict[PlatformName, Platform] = dict(
        platforms or {PlatformName.PRINTIFY: Printify(settings), PlatformName.SHOPIFY: Shopify(settings)}
    )

    async def publish_by_rule(event: ReceivedEvent) -> None:
        approved = event.data
        assert isinstance(approved, ImageApproved)
        if not approved.publish:
            return
        image = await service.database.images.get(approved.image_id)
        if image is None:
            raise Refused(f"there is no image {approved.image_id}")
        if image.state is ImageState.DELETED:
            return  # Approved, and deleted since.
        for target in approved.publish:
            await request_publication(service.database, service.outbox, image, target, again=False)

    subscribe(service.broker, settings, IMAGE_APPROVED, publish_by_rule)

    subscribe_notices(service, NoticeEvents(service))

    async def start() -> None:
        lanes = Lanes(service.database, service.client, service.outbox, PublishImage)
        for name, platform in served.items():
            service.at_close(platform.aclose)
            runner = JobRunner(
                PublishWork(service.database, service.blobs, service.outbox, platform, settings.retry_policy),
                LaneQueue(service.client, PublishImage, name),
                service.js,
                lanes,
                settings,
                worker=service.worker,
                at_once=settings.publishing_at_once,
                in_flight=settings.publishing_at_once,
            )
            service.background(f"lane {name}", runner.run)
        service.background("lane sweep", lambda: lanes.sweep(list(served), settings.sweep_interval_s))
        service.background("publication sweep", lambda: requeue_lost(service.database, service.outbox))
        deliver_notices(service, settings)

    return application(service, start)


def deliver_notices(service: Service, settings: PublisherSettings) -> None:
    """Take the jobs of both channels, each in its own lane."""
    lanes = Lanes(service.database, service.client, service.outbox, SendNotice)
    deliveries: dict[NoticeChannel, Delivery] = {
        NoticeChannel.WEBHOOK: Webhooks(settings),
        NoticeChannel.MAIL: Mailer(settings),
    }
    for channel, delivery in deliveries.items():
        service.at_close(delivery.aclose)
        runner = JobRunner(
            NoticeWork(service.database, service.outbox, delivery, settings),
            LaneQueue(service.client, SendNotice, channel),
            service.js,
            lanes,
            settings,
            worker=service.worker,
            at_once=settings.notices_at_once,
            in_flight=settings.notices_at_once,
        )
        service.background(f"lane {channel}", runner.run)
    notices = Notices(service.database, service.outbox)
    service.background("notice sweep", lambda: queue_due(notices, settings.sweep_interval_s))
