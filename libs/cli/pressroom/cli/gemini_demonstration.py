"""The story of `pressroom demo gemini`: one provider job of twenty images, two of which the provider refuses, and a
poller that is killed in the middle of it.

It is a client like any other, but for the kill: that is a SIGKILL to the batch-poller's process as soon as the provider
has the job, and the launcher starts the poller again. How many jobs there were is what the provider (here: the sandbox)
counts.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from nats.js import JetStreamContext
from pydantic import TypeAdapter

from pressroom.contracts.api import BatchWithJobs, Image, Page
from pressroom.contracts.events import BatchCompleted, Event, ImageFailed, ImageGenerated, ProviderJobSubmitted
from pressroom.contracts.requests import BatchRequest, ImageRequest
from pressroom.contracts.subjects import story_filter
from pressroom.contracts.vocabulary import ImageState, Mode, ProviderName
from pressroom.runtime.tail import EVERYTHING, tail
from pressroom.state.machines import IMAGE_READY

from .connection import Api
from .data_folder import DataFolder, InstanceFacts, ProgramFacts
from .errors import CommandFailed
from .nats_connection import TIMEOUT_S, connected

POLLER = "batch-poller"
DEADLINE_S = 300.0
_AGAIN_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.05
_IDLE_S = 1.0
_IMAGES = TypeAdapter(Page[Image])

_SUBJECTS = ("A paper crane", "A lighthouse", "A bowl of ramen", "A sleeping cat", "A mountain hut")
_STYLES = ("as a linocut", "as a blueprint", "in watercolour", "as a travel poster")
_REFUSED = {6: "[sandbox:moderated]", 13: "[sandbox:error]"}
"""Words by which the sandbox's Gemini refuses a row, as the real one does by its own lights."""

REQUEST = BatchRequest(
    provider=ProviderName.GEMINI,
    mode=Mode.BATCH,
    images=tuple(
        ImageRequest(prompt=f"{subject} {style} {_REFUSED.get(number, '')}", seed=number)
        for number, (subject, style) in enumerate((subject, style) for subject in _SUBJECTS for style in _STYLES)
    ),
    title="Pressroom demo",
)


@dataclass
class GeminiDemonstration:
    """Tells the story to the instance of `folder`; `on_event` is called after every event of its batch, `on_kill` when
    the poller was killed."""

    folder: DataFolder
    facts: InstanceFacts
    on_event: Callable[[Event, "GeminiDemonstration"], None]
    on_kill: Callable[[int], None]
    requested: int = REQUEST.image_count
    generated: int = 0
    failed: int = 0
    restarts: int = 0

    async def run(self) -> list[Image]:
        """From the request to the last image; the images. Raises `CommandFailed` when it takes too long."""
        body = REQUEST.model_dump(mode="json", exclude_unset=True)
        before = self._poller().restarts
        async with connected(self.facts.nats_url, self.facts.nats_token) as client:
            with Api(self.facts.url, self.facts.token) as api:
                answer = await asyncio.to_thread(api.request, "POST", "/v1/provider-jobs", json=body)
                batch = BatchWithJobs.model_validate_json(answer)
                try:
                    async with asyncio.timeout(DEADLINE_S):
                        await self._follow(client.jetstream(timeout=TIMEOUT_S), batch.id)
                except TimeoutError:
                    raise CommandFailed(f"Not done after {DEADLINE_S:.0f} s: {self}") from None
                shown = await asyncio.to_thread(api.request, "GET", f"/v1/batches/{batch.id}/images")
        images = _IMAGES.validate_json(shown).items
        self.generated = sum(image.state in IMAGE_READY for image in images)
        self.failed = sum(image.state is ImageState.FAILED for image in images)
        # All of them: a poller that died of itself shows here.
        self.restarts = self._poller().restarts - before
        return images

    async def _follow(self, js: JetStreamContext, batch_id: str) -> None:
        async for tailed in tail(js, story_filter(batch_id), EVERYTHING, idle_s=_IDLE_S):
            if tailed is None or tailed.event is None:
                continue
            event = tailed.event.data
            self.generated += isinstance(event, ImageGenerated)
            self.failed += isinstance(event, ImageFailed)
            self.on_event(event, self)
            if isinstance(event, ProviderJobSubmitted) and not self.restarts:
                await self._kill_the_poller()
            if isinstance(event, BatchCompleted):
                return

    async def _kill_the_poller(self) -> None:
        """And see it started again."""
        before = self._poller()
        if before.pid is None:
            raise CommandFailed(f"{POLLER} does not run, so it cannot be killed.")
        os.kill(before.pid, signal.SIGKILL)
        self.on_kill(before.pid)
        deadline = time.monotonic() + _AGAIN_WITHIN_S
        while (now := self._poller()).restarts == before.restarts or now.state != "ready":
            if time.monotonic() > deadline:
                raise CommandFailed(f"{POLLER} was not started again within {_AGAIN_WITHIN_S:.0f} s.")
            await asyncio.sleep(_LOOK_EVERY_S)
        self.restarts = now.restarts - before.restarts

    def _poller(self) -> ProgramFacts:
        facts = self.folder.running()
        found = next((program for program in facts.programs if program.name == POLLER), None) if facts else None
        if found is None:
            raise CommandFailed(f"There is no {POLLER} in {self.folder.path}.")
        return found
