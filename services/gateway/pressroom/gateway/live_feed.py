"""One reader of the EVENTS stream for all listeners of a gateway: each event is read, parsed and framed once.

A listener begins with what happened since its place, of which the feed remembers the latest and the stream has the
rest, and goes on with what the feed hands out; the stream's sequence tells them apart, so nothing is missed or repeated
in between. Who reads too slowly is handed nothing more, and reads from the stream again where it was: no listener slows
another. A gateway that dies takes nothing along, as every frame has the place to go on from. A stream that was lost and
made anew is heard from its beginning.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cached_property

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from pressroom.contracts.events import Event
from pressroom.contracts.subjects import ALL_EVENTS
from pressroom.runtime.logs import get_logger
from pressroom.runtime.tail import Beginning, TailedEvent, last_sequence, past, tail

LINES_AHEAD = 1000
"""Handed to a listener before it has sent them on; some seconds of a busy stream."""

REMEMBERED_BYTES = 16 * 1024 * 1024
"""Of bodies, all in all: parsed and framed they take some times as much."""

REMEMBERED = 5000
"""The latest events, for listeners that come back: all of them come at once when a connection to many is lost."""

_TOGETHER = 100
"""Of the past, in one piece: some tens of kilobytes for each listener that comes back."""

_ASK_AGAIN_S = 0.5
_IDLE_S = 60.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Line:
    """One event, as it is sent. `event` is None for a message that is no event we know."""

    sequence: int
    event: Event | None
    frame: str


class _Listener:
    def __init__(self, wanted: Callable[[str], bool], last: int) -> None:
        self.lines: asyncio.Queue[Line | None] = asyncio.Queue(LINES_AHEAD)
        self.last = last
        self.is_behind = False
        self.is_elsewhere = False
        self._wanted = wanted

    @property
    def is_over(self) -> bool:
        """Nothing more is handed to it, and it has had everything that was."""
        return (self.is_behind or self.is_elsewhere) and self.lines.empty()

    def offer(self, told: "_Told") -> None:
        if self.is_behind or self.is_elsewhere or not self._wanted(told.tailed.subject):
            return
        try:
            self.lines.put_nowait(told.line)
        except asyncio.QueueFull:
            self.is_behind = True

    def leave_behind(self) -> None:
        """It listens to a stream that is no more."""
        self.is_elsewhere = True
        with suppress(asyncio.QueueFull):
            self.lines.put_nowait(None)  # A sign of life, for one that waits.


class LiveFeed:
    """Hands out what happens. `run` it in the background."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._listeners: set[_Listener] = set()
        self._last = 0
        self._remembered: deque[_Told] = deque()
        self._remembered_bytes = 0
        self._began = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled."""
        while not self._began.is_set():
            try:
                self._last = await last_sequence(self._js)
                self._began.set()
            except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
                log.debug("live.waiting", reason=str(error))
                await asyncio.sleep(_ASK_AGAIN_S)
        async for tailed in tail(self._js, ALL_EVENTS, Beginning(after_sequence=self._last), idle_s=_IDLE_S):
            if tailed is not None:
                if tailed.sequence <= self._last:
                    self._begin_anew()
                told = _Told(tailed)
                self._last = tailed.sequence
                self._remember(told)
                for listener in self._listeners:
                    listener.offer(told)

    def _remember(self, told: "_Told") -> None:
        """What is forgotten is read from the stream by who still needs it."""
        self._remembered.append(told)
        self._remembered_bytes += len(told.tailed.raw)
        while len(self._remembered) > REMEMBERED or self._remembered_bytes > REMEMBERED_BYTES:
            self._remembered_bytes -= len(self._remembered.popleft().tailed.raw)

    def _begin_anew(self) -> None:
        """The stream is another one; its sequences say nothing of what was told before."""
        self._last = 0
        self._remembered.clear()
        self._remembered_bytes = 0
        for listener in self._listeners:
            listener.leave_behind()

    async def _since(
        self, subject: str, wanted: Callable[[str], bool], *, after: int, through: int
    ) -> AsyncGenerator[list[Line]]:
        """What happened after `after` up to `through`: from the stream only what is remembered no more."""
        remembered = tuple(self._remembered)
        begins = remembered[0].tailed.sequence - 1 if remembered else through
        if after < begins:
            async with aclosing(past(self._js, subject, after=after, through=begins)) as held:
                async for tailed in held:
                    yield [] if tailed is None else [_Told(tailed).line]
        owed = [told for told in remembered if after < told.tailed.sequence <= through and wanted(told.tailed.subject)]
        for first in range(0, len(owed), _TOGETHER):
            yield [told.line for told in owed[first : first + _TOGETHER]]

    async def listen(
        self, subject: str, wanted: Callable[[str], bool], after: int | None, *, idle_s: float
    ) -> AsyncGenerator[list[Line]]:
        """Every event after the sequence `after`, or from now on, together what has come together; none of them
        whenever `idle_s` passed without one.

        `subject` is what to read of the past; `wanted` says the same of a subject of what comes.
        """
        while not self._began.is_set():
            yield []
            with suppress(TimeoutError):
                await asyncio.wait_for(self._began.wait(), idle_s)
        place = self._last if after is None else await self._still_there(after)
        while True:
            listener = _Listener(wanted, self._last)
            self._listeners.add(listener)
            try:
                before = self._since(subject, wanted, after=place, through=listener.last)
                async with aclosing(before), aclosing(_handed(listener, idle_s)) as handed:
                    async for lines in before:
                        place = lines[-1].sequence if lines else place
                        yield lines
                    async for lines in handed:
                        # What comes before its place was told by another gateway, which had read on further than this.
                        new = [line for line in lines if line.sequence > place]
                        place = new[-1].sequence if new else place
                        yield new
            finally:
                self._listeners.discard(listener)
            if listener.is_elsewhere:
                place = 0
            log.debug("live.reads_again", after=place)

    async def _still_there(self, after: int) -> int:
        """A place beyond the stream's end is one of a stream that was lost, and all of the new one comes after it."""
        if after > self._last:
            with suppress(nats.errors.Error, nats.js.errors.Error, OSError):
                return after if after <= await last_sequence(self._js) else 0
        return after


async def _handed(listener: _Listener, idle_s: float) -> AsyncGenerator[list[Line]]:
    """What is handed to a listener, until it has to read from the stream again."""
    while not listener.is_over:
        lines: list[Line | None] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(idle_s):
                lines.append(await listener.lines.get())
        while not listener.lines.empty():
            lines.append(listener.lines.get_nowait())
        yield [line for line in lines if line is not None]


class _Told:
    """An event of the stream, framed when the first listener wants it."""

    def __init__(self, tailed: TailedEvent) -> None:
        self.tailed = tailed

    @cached_property
    def line(self) -> Line:
        event = self.tailed.event
        return Line(self.tailed.sequence, event.data if event is not None else None, _frame(self.tailed))


def _frame(tailed: TailedEvent) -> str:
    if tailed.event is None:
        return f"id: {tailed.sequence}\nevent: unreadable\ndata: {json.dumps({'subject': tailed.subject})}\n\n"
    event = tailed.event
    envelope = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": event.time,
        "data": event.data.model_dump(mode="json"),
    }
    return f"id: {tailed.sequence}\nevent: {event.type}\ndata: {json.dumps(envelope, ensure_ascii=False)}\n\n"
