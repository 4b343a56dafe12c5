"""Captures and gives back held credits, as images are made, fail, or are never made.

The events say at once which hold to look at; a sweep looks at every open one. One that is lost, or a keeper that dies
in the middle, costs the time until the next look: what is decided is in the documents (`runtime.credit_settling`).
"""

import asyncio

from pressroom.contracts import events
from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.runtime.credit_settling import CreditSettling
from pressroom.runtime.event_subscriber import subscribe
from pressroom.runtime.service import Service
from pressroom.runtime.topology import CREDITS_EVENTS


def keep_credits(service: Service) -> None:
    """Bind the keeper to its events; call it before the broker starts."""
    settling = CreditSettling(service.database)

    async def told(event: ReceivedEvent) -> None:
        fact = event.data
        one = fact.index if isinstance(fact, (events.ImageEvent, events.TextEvent)) else None
        await settling.settle(fact.story, one)

    for consumer in CREDITS_EVENTS:
        subscribe(service.broker, service.core_settings, consumer, told)


async def sweep_credits(service: Service) -> None:
    """The loop that finds what no event told of."""
    settling = CreditSettling(service.database)
    while True:
        await settling.sweep()
        await asyncio.sleep(service.core_settings.sweep_interval_s)
