"""The story of `pressroom demo`: two batches, one asked for over HTTP and one by an event, all the way to the shops.

It is a client like any other: it asks, follows the events, says yes to every picture, and counts. What it counts as
a product is what the shops (here: the sandbox) have, not what Pressroom says that they have.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from nats.js import JetStreamContext
from pydantic import BaseModel

from pressroom.contracts import events
from pressroom.contracts.api import Batch
from pressroom.contracts.cloudevents import body_of, headers_for
from pressroom.contracts.events import BatchRequested, Event
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest, ImageRequest, PublishTarget
from pressroom.contracts.subjects import ALL_EVENTS, EVENTS_STREAM, event_subject
from pressroom.contracts.vocabulary import Mode, PlatformName, ProductType, ProviderName
from pressroom.runtime.tail import EVERYTHING, tail

from .connection import Api
from .data_folder import InstanceFacts
from .errors import CommandFailed
from .nats_connection import TIMEOUT_S, connected

DEADLINE_S = 300.0
_IDLE_S = 1.0

BY_HTTP = BatchRequest(
    provider=ProviderName.STUDIO,
    images=(
        ImageRequest(prompt="Misty pine forest below snowy mountains at sunrise, layered landscape", seed=7),
        ImageRequest(prompt="Wind over a wheat field, flow field in ochre and deep blue", seed=21),
        ImageRequest(prompt='Typographic poster that says "Make something every day"', seed=3),
        ImageRequest(prompt="Wildflowers and ferns, botanical print in sage and terracotta", seed=11),
    ),
    auto_publish=(PublishTarget(platform=PlatformName.PRINTIFY, product_type=ProductType.T_SHIRT),),
    title="Pressroom demo",
)
BY_EVENT = BatchRequest(
    provider=ProviderName.GEMINI,
    mode=Mode.BATCH,
    images=(
        ImageRequest(prompt="A paper crane over a calm sea"),
        ImageRequest(prompt="A lighthouse in the fog, seen from a boat"),
        ImageRequest(prompt="A bowl of ramen, drawn as a blueprint"),
        ImageRequest(prompt="A cat asleep on a stack of vinyl records"),
    ),
    auto_publish=(PublishTarget(platform=PlatformName.SHOPIFY, product_type=ProductType.T_SHIRT),),
    title="Pressroom demo",
)


class Shops(BaseModel):
    """What the sandbox counts of products and provider jobs."""

    printify: int
    shopify: int
    provider_jobs: int


@dataclass
class BatchTally:
    """How far one batch is."""

    label: str
    requested: int
    generated: int = 0
    failed: int = 0
    approved: int = 0
    published: int = 0
    unpublished: int = 0
    over: bool = False

    @property
    def done(self) -> bool:
        settled = self.published + self.unpublished
        return self.over and self.approved == self.generated and settled == self.approved


@dataclass
class Demonstration:
    """Tells the story to an instance; `on_event` is called after every event that changed a tally."""

    facts: InstanceFacts
    on_event: Callable[[Event, "Demonstration"], None]
    batches: dict[str, BatchTally] = field(default_factory=dict[str, BatchTally])

    @property
    def done(self) -> bool:
        return all(tally.done for tally in self.batches.values())

    async def run(self) -> None:
        """From the first request to the last product. Raises `CommandFailed` when it takes too long."""
        async with connected(self.facts.nats_url, self.facts.nats_token) as client:
            js = client.jetstream(timeout=TIMEOUT_S)
            with Api(self.facts.url, self.facts.token) as api:
                await self._ask(api, js)
                try:
                    async with asyncio.timeout(DEADLINE_S):
                        await self._follow(api, js)
                except TimeoutError:
                    raise CommandFailed(f"Not done after {DEADLINE_S:.0f} s: {self.batches}") from None

    async def _ask(self, api: Api, js: JetStreamContext) -> None:
        body = BY_HTTP.model_dump(mode="json", exclude_unset=True)
        answer = await asyncio.to_thread(api.request, "POST", "/v1/batches", json=body)
        batch = Batch.model_validate_json(answer)
        self.batches[batch.id] = BatchTally("studio, realtime, by HTTP", BY_HTTP.image_count)
        requested = BatchRequested(batch_id=new_id("batch"), request=BY_EVENT)
        self.batches[requested.batch_id] = BatchTally("Gemini, batch, by event", BY_EVENT.image_count)
        await js.publish(
            event_subject(requested),
            body_of(requested),
            stream=EVENTS_STREAM,
            headers=headers_for(requested.type_name(), source="demo"),
            timeout=TIMEOUT_S,
        )

    async def _follow(self, api: Api, js: JetStreamContext) -> None:
        async for tailed in tail(js, ALL_EVENTS, EVERYTHING, idle_s=_IDLE_S):
            if tailed is None or tailed.event is None:
                continue
            event = tailed.event.data
            if not self._count(event):
                continue
            self.on_event(event, self)
            if isinstance(event, events.ImageGenerated):
                await asyncio.to_thread(api.request, "POST", f"/v1/images/{event.image_id}/approve")
            if self.done:
                return

    def _count(self, event: Event) -> bool:
        """Add an event to its batch's tally; False for events of no batch of ours."""
        tally = self.batches.get(event.story)
        if tally is None:
            return False
        match event:
            case events.ImageGenerated():
                tally.generated += 1
            case events.ImageFailed():
                tally.failed += 1
            case events.ImageApproved():
                tally.approved += 1
            case events.ImagePublished():
                tally.published += 1
            case events.PublishFailed():
                tally.unpublished += 1
            case events.BatchCompleted() | events.BatchRejected() | events.BatchCancelled():
                tally.over = True
            case _:
                pass
        return True


def look_into_shops(facts: InstanceFacts) -> Shops:
    """What is in the shops and how many jobs the provider had, by the sandbox's own count."""
    stats = httpx.get(f"{facts.sandbox_url}/_sandbox/stats").raise_for_status().json()
    return Shops(
        printify=stats["printify"]["products"],
        shopify=stats["shopify"]["products"],
        provider_jobs=stats["gemini"]["batches"],
    )
