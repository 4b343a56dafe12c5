"""The image-worker, put together: it plans realtime batches, and makes the images of the lanes that it can serve.

A lane whose provider lacks a setting is closed with the reason; the others are announced, with what they can do.
"""

import asyncio
from collections.abc import Mapping, Sequence

from faststream.asgi import AsgiFastStream
from nats.aio.client import Client
from nats.aio.msg import Msg

from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.runtime.caps import Caps
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.intake import Intake
from pressroom.runtime.job_runner import JobRunner
from pressroom.runtime.lane_gate import LaneGate
from pressroom.runtime.lane_queue import LaneQueue
from pressroom.runtime.lanes import ANNOUNCE_EVERY, Lanes
from pressroom.runtime.logs import get_logger
from pressroom.runtime.prices import price_table
from pressroom.runtime.schedules import Schedules
from pressroom.runtime.service import Service, application
from pressroom.runtime.settling import Settling
from pressroom.runtime.signatures import signing_identity
from pressroom.runtime.sweep import BatchSweep
from pressroom.runtime.topology import BATCH_CANCELLED_REALTIME, BATCH_REQUESTED_REALTIME
from pressroom.runtime.webhook_urls import ALL_HINTS, hinted
from pressroom.state.documents import LaneService

from .asking import Lane
from .configured import MAKERS
from .image_jobs import ImageWork
from .providers import ImageProvider, NotConfigured, ToldProvider
from .settings import ImageWorkerSettings

NAME = "image-worker"

BEYOND_GENERATING = 2
"""Of a lane's images one more may be waiting for its turn, and one be in finishing, while others are generated."""

log = get_logger(__name__)


def build(
    settings: ImageWorkerSettings,
    providers: Mapping[ProviderName, ImageProvider] | None = None,
    *,
    beyond_generating: int = BEYOND_GENERATING,
) -> AsgiFastStream:
    """The service. `providers` replaces the lanes' own ones; a lane of another name is not served then."""
    service = Service(NAME, settings)
    signer = signing_identity(settings)
    missing: dict[ProviderName, str] = {}
    served = dict(providers) if providers is not None else _configured(settings, missing)

    intake = Intake(service, Mode.REALTIME)
    intake.subscribe(BATCH_REQUESTED_REALTIME, BATCH_CANCELLED_REALTIME)

    async def start() -> None:
        finishing = Finishing(service.database, service.blobs, service.outbox, settings, signer)
        settling = Settling(service.database, service.outbox)
        lanes = Lanes(service.database, service.client, service.outbox, GenerateImage)
        prices = price_table(settings.price_table)
        caps = Caps(service.database, settings)
        for name, reason in missing.items():
            await lanes.cannot_serve(name, reason, worker=service.worker)
        for name, provider in served.items():
            service.at_close(provider.aclose)
            rules = settings.rules_of_lane(name)
            gate = LaneGate(service.database.gates, name, rules, lease_s=settings.lease_s)
            work = ImageWork(
                service,
                finishing,
                settling,
                lanes,
                Lane(provider, rules, gate),
                prices,
                caps,
                stop_grace_s=settings.stop_grace_s,
            )
            await lanes.announce(name, lane_service(provider, settings), worker=service.worker)
            # A worker that starts has new settings for all that is known: what closed the lane may be mended.
            await lanes.reopen(name)
            at_once = rules.at_once or provider.capabilities.at_once
            runner = JobRunner(
                work,
                LaneQueue(service.client, GenerateImage, name),
                service.js,
                lanes,
                settings,
                worker=service.worker,
                at_once=at_once,
                in_flight=at_once + beyond_generating,
            )
            service.background(f"lane {name}", runner.run)
        await _pass_hints_on(service.client, list(served.values()))
        if not served:
            log.error("worker.idle", reason="no lane can be served", missing=missing)
        service.background("announcements", lambda: _announce(lanes, served, settings, service.worker))
        service.background("lane sweep", lambda: lanes.sweep(list(served), settings.sweep_interval_s))
        service.background("schedules", Schedules(service.database, service.outbox, service.js).run)
        service.background("budgets", caps.recount)
        service.background("batch sweep", BatchSweep(service, Mode.REALTIME, intake.plan).run)

    return application(service, start)


def _configured(settings: ImageWorkerSettings, missing: dict[ProviderName, str]) -> dict[ProviderName, ImageProvider]:
    """The providers that can be made of the settings; why the others cannot goes into `missing`."""
    made: dict[ProviderName, ImageProvider] = {}
    for name in settings.image_worker_lanes or MAKERS:
        try:
            made[name] = MAKERS[name](settings)
        except NotConfigured as error:
            missing[name] = str(error)
            log.info("lane.not_served", lane=str(name), reason=str(error))
    return made


def lane_service(provider: ImageProvider, settings: ImageWorkerSettings) -> LaneService:
    """What is announced of a provider's lane."""
    rules = settings.rules_of_lane(provider.name)
    return LaneService(
        capabilities=provider.capabilities,
        model=provider.model,
        requests_per_minute=rules.requests_per_minute,
        in_flight=rules.in_flight,
        timeout_s=rules.timeout_s,
        max_attempts=rules.retry.max_attempts,
    )


async def _pass_hints_on(client: Client, providers: Sequence[ImageProvider]) -> None:
    """Let the providers know when the gateway was told of a job."""
    listening = {str(provider.name): provider for provider in providers if isinstance(provider, ToldProvider)}

    async def hint(message: Msg) -> None:
        vendor, key = hinted(message.subject)
        if vendor in listening:
            listening[vendor].told(key)

    if listening:
        await client.subscribe(ALL_HINTS, cb=hint)


async def _announce(
    lanes: Lanes, served: Mapping[ProviderName, ImageProvider], settings: ImageWorkerSettings, worker: str
) -> None:
    while True:
        await asyncio.sleep(ANNOUNCE_EVERY.total_seconds())
        for name, provider in served.items():
            await lanes.announce(name, lane_service(provider, settings), worker=worker)
