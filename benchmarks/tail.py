"""`./run bench tail`: many clients of the gateway's live events while events flow, all of them cut off once.

The lag is from the moment at which the stream stored an event, by the server's clock, to its arrival at a client; both
run on this machine. Lost are events that a client was owed and did not have at the end: each begins at the same place,
and goes on after the cut from the last event that it saw. The clients share this process and its one core, so what
they need to read is in the lag.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.subjects import EVENTS_STREAM

from .bench_house import BenchHouse, bench_house
from .gateway_process import TOKEN, gateway_process
from .table import Table, percentile

CLIENTS = 200
EVENTS = 1000
PER_SECOND = 50
GOAL_MS = 100.0
CUT_AFTER_S = EVENTS / PER_SECOND / 2
END_WITHIN_S = 30.0


@dataclass
class Client:
    """One listener: what it saw, and how late."""

    place: int
    seen: list[int] = field(default_factory=list[int])
    lags_s: list[float] = field(default_factory=list[float])
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, url: str, until: int) -> None:
        """Until the event at `until` has come, over as many connections as it takes."""
        while self.place < until:
            await self._connection(url, until)

    async def _connection(self, url: str, until: int) -> None:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        request = (
            f"GET /v1/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Last-Event-ID: {self.place}\r\nAccept: text/event-stream\r\n\r\n"
        )
        writer.write(request.encode())
        is_first, coming = not self.cut.is_set(), self.place
        try:
            while self.place < until:
                if is_first and self.cut.is_set():
                    return
                line = await reader.readline()
                if not line:
                    return
                if line.startswith(b"id: "):
                    coming = int(line[4:])
                elif line.startswith(b"data: "):
                    now = time.time()
                    self.place = coming
                    self.seen.append(self.place)
                    sent_at = datetime.fromisoformat(json.loads(line[6:])["time"]).timestamp()
                    self.lags_s.append(now - sent_at)
        finally:
            writer.close()


async def measure() -> Table:
    async with bench_house() as house, gateway_process(house) as url:
        first = (await house.js.stream_info(EVENTS_STREAM)).state.last_seq
        clients = [Client(first) for _ in range(CLIENTS)]
        listening = [asyncio.create_task(client.listen(url, first + EVENTS)) for client in clients]
        await asyncio.sleep(2)
        telling = asyncio.create_task(_tell(house))
        await asyncio.sleep(CUT_AFTER_S)
        for client in clients:
            client.cut.set()
        await telling
        await asyncio.wait(listening, timeout=END_WITHIN_S)
        for task in listening:
            task.cancel()
    owed = list(range(first + 1, first + EVENTS + 1))
    lost = sum(len(set(owed) - set(client.seen)) for client in clients)
    repeated = sum(len(client.seen) - len(set(client.seen)) for client in clients)
    lags = [lag for client in clients for lag in client.lags_s]
    p50_ms, p99_ms = percentile(lags, 0.5) * 1000, percentile(lags, 0.99) * 1000
    return Table(
        title=f"tail: {CLIENTS} clients, {PER_SECOND} events a second, {EVENTS} in all, every client cut off once",
        columns=("clients", "p50 ms", "p99 ms", "lost", "repeated"),
        rows=((str(CLIENTS), f"{p50_ms:.1f}", f"{p99_ms:.1f}", str(lost), str(repeated)),),
        note=f"goal: p99 under {GOAL_MS:.0f} ms, none lost",
        metrics={"clients": CLIENTS, "lag_p99_ms": round(p99_ms, 1), "lost": lost},
    )


async def _tell(house: BenchHouse) -> None:
    began = time.perf_counter()
    for number in range(EVENTS):
        await house.outbox.send(house.outbox.event(BatchCancelled(batch_id=f"batch-{number}")))
        due = began + (number + 1) / PER_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
