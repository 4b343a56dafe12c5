"""Asks Pressroom for images by event and follows the batch to its end, with nats-py and the contracts alone.

The request is kept once the stream has confirmed it: whatever dies after that, here or there, the images are made.
Run it again with the same `--batch-id` and the same words, and it follows the same batch. With `--retry`, what failed
is asked for once more, by an event whose id follows from the one that it answers: said twice, it is one.
"""
# ruff: noqa: T201 - a program for a terminal

import argparse
import asyncio
import os
import sys

import nats
from nats.js import JetStreamContext

from pressroom.contracts import events
from pressroom.contracts.cloudevents import body_of, headers_for, read_event
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import EVENTS_STREAM, event_subject, story_filter
from pressroom.contracts.vocabulary import Mode, ProviderName

CONFIRMED_WITHIN_S = 5.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ask Pressroom for images by event.")
    parser.add_argument("prompt")
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--provider", type=ProviderName, choices=ProviderName, default=ProviderName.STUDIO)
    parser.add_argument("--mode", type=Mode, choices=Mode, default=Mode.REALTIME)
    parser.add_argument("--batch-id", default=new_id("batch"))
    parser.add_argument("--retry", type=Mode, choices=(Mode.REALTIME, Mode.BATCH))
    return parser.parse_args()


def line_of(event: events.Event) -> str:
    """What happened, for a person."""
    match event:
        case events.BatchRequested():
            return f"asked for {event.request.image_count} images by {event.request.provider}"
        case events.BatchAccepted():
            return f"accepted: {event.image_count} images are planned"
        case events.BatchRejected():
            return "rejected: " + "; ".join(f"{reason.field}: {reason.message}" for reason in event.reasons)
        case events.ImageGenerated():
            size = f"{event.file.width_px} x {event.file.height_px} px, {event.file.size_bytes} bytes"
            return f"image {event.index} is ready: {size}, seed {event.seed}"
        case events.ImageFailed():
            return f"image {event.index} failed: {event.error.message}"
        case events.BatchRetryRequested():
            return f"asked for what failed again, {event.mode}"
        case events.BatchCompleted():
            return f"completed: {event.counts.generated} of {event.counts.requested} images"
        case _:
            return event.type_name()


async def say(stream: JetStreamContext, event: events.Event, event_id: str | None = None) -> str:
    """Publish an event; where it is kept."""
    headers = headers_for(event.type_name(), source="upstream-python", event_id=event_id)
    confirmed = await stream.publish(event_subject(event), body_of(event), stream=EVENTS_STREAM, headers=headers)
    return f"kept as event {confirmed.seq} of {confirmed.stream}"


async def ask_and_follow(asked: events.BatchRequested, retry: Mode | None) -> bool:
    """True when the batch was completed."""
    url = os.environ.get("PRESSROOM_NATS_URL", "nats://127.0.0.1:4222")
    client = await nats.connect(url, token=os.environ.get("PRESSROOM_NATS_TOKEN"))
    stream = client.jetstream(timeout=CONFIRMED_WITHIN_S)
    print(f"batch {asked.batch_id}: {await say(stream, asked)}", flush=True)
    # From the story's beginning, so nothing that happened before this line is missed.
    story = await stream.subscribe(story_filter(asked.batch_id), stream=EVENTS_STREAM, ordered_consumer=True)
    try:
        async for message in story.messages:
            received = read_event(message.headers, message.data)
            event = received.data
            print(line_of(event), flush=True)
            if retry is not None and isinstance(event, events.BatchCompleted) and event.counts.failed:
                wish = events.BatchRetryRequested(batch_id=asked.batch_id, mode=retry)
                print(f"what failed: {await say(stream, wish, f'retry-of-{received.id}')}", flush=True)
                retry = None
            elif isinstance(event, events.BatchCompleted | events.BatchRejected | events.BatchCancelled):
                return isinstance(event, events.BatchCompleted)
    finally:
        await client.close()
    return False


def main() -> int:
    given = arguments()
    request = BatchRequest(provider=given.provider, mode=given.mode, prompt=given.prompt, count=given.count)
    asked = events.BatchRequested(batch_id=given.batch_id, request=request)
    return 0 if asyncio.run(ask_and_follow(asked, given.retry)) else 1


if __name__ == "__main__":
    sys.exit(main())
