"""The image-worker, put together: it plans realtime batches, and makes the images of its lanes one at a time."""

from collections.abc import Mapping

from faststream.asgi import AsgiFastStream

from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.intake import Intake
from pressroom.runtime.job_runner import JobRunner
from pressroom.runtime.lane_queue import LaneQueue
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.service import Service, application
from pressroom.runtime.settling import Settling
from pressroom.runtime.sweep import BatchSweep
from pressroom.runtime.topology import BATCH_CANCELLED_REALTIME, BATCH_REQUESTED_REALTIME

from .image_jobs import ImageWork
from .providers import ImageProvider, make_provider
from .settings import ImageWorkerSettings

NAME = "image-worker"

GENERATING_AT_ONCE = 1
IN_FLIGHT = 2
"""One image is finished while the next is made; two are never generated together."""


def build(
    settings: ImageWorkerSettings, providers: Mapping[ProviderName, ImageProvider] | None = None
) -> AsgiFastStream:
    """The service. `providers` replaces the lanes' own ones; a lane of another name is not served then."""
    service = Service(NAME, settings)
    lanes_served = dict(providers or {name: make_provider(name) for name in settings.image_worker_lanes})

    intake = Intake(service, Mode.REALTIME)
    intake.subscribe(BATCH_REQUESTED_REALTIME, BATCH_CANCELLED_REALTIME)

    async def start() -> None:
        finishing = Finishing(service.database, service.blobs, service.outbox)
        settling = Settling(service.database, service.outbox)
        lanes = Lanes(service.database, service.client, service.outbox, GenerateImage)
        for name, provider in lanes_served.items():
            service.at_close(provider.aclose)
            work = ImageWork(service.database, finishing, settling, provider, settings.generation_timeout_s)
            runner = JobRunner(
                work,
                LaneQueue(service.client, GenerateImage, name),
                service.js,
                lanes,
                settings,
                worker=service.worker,
                at_once=GENERATING_AT_ONCE,
                in_flight=IN_FLIGHT,
            )
            service.background(f"lane {name}", runner.run)
        service.background("lane sweep", lambda: lanes.sweep(list(lanes_served), settings.sweep_interval_s))
        service.background("batch sweep", BatchSweep(service, Mode.REALTIME, intake.plan).run)

    return application(service, start)
