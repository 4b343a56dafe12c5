"""Taking the next job of a lane: urgent before normal before bulk, one at a time, never more than asked for.

A lane has one durable consumer per priority. While there is a backlog they are asked in order, without waiting.
When all are empty they are waited on together, and what a slower one sends in the same instant is handed back. A
job that was delivered to a process which then died is offered again when its ack wait has run out.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pressroom.contracts.jobs import Job
from pressroom.contracts.subjects import JOBS_STREAM, job_consumer
from pressroom.contracts.vocabulary import Priority

NANOSECONDS = 1_000_000_000
ANSWER_TIMEOUT_S = 2.0
IDLE_WAIT_S = 5.0
AWAY_WAIT_S = 0.5


class LaneQueue:
    """The jobs of one kind in one lane."""

    def __init__(self, client: Client, job: type[Job], lane: str) -> None:
        self._client = client
        self.job = job
        self.lane = lane
        self._next_subjects = [
            f"$JS.API.CONSUMER.MSG.NEXT.{JOBS_STREAM}.{job_consumer(job, lane, priority)}" for priority in Priority
        ]

    async def next(self) -> Msg:
        """The next job's message, unacknowledged. Waits for as long as it takes, also while the server is away."""
        while True:
            try:
                message = await self._waiting_now() or await self._first_to_come()
            except (nats.errors.Error, OSError):
                # Away or restarting; the client reconnects by itself.
                await asyncio.sleep(AWAY_WAIT_S)
                continue
            if message is not None:
                return message

    async def _waiting_now(self) -> Msg | None:
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        for subject in self._next_subjects:
            # A job comes under its own subject, so the client's shared inbox could not tell whose answer it is.
            message = await self._client.request(subject, request, timeout=ANSWER_TIMEOUT_S, old_style=True)
            if _is_job(message):
                return message
        return None

    async def _first_to_come(self) -> Msg | None:
        request = json.dumps({"batch": 1, "expires": int(IDLE_WAIT_S * NANOSECONDS)}).encode()
        arrived: asyncio.Queue[tuple[int, Msg]] = asyncio.Queue()
        subscriptions: list[Subscription] = []
        try:
            for rank, subject in enumerate(self._next_subjects):
                inbox = self._client.new_inbox()
                subscription = await self._client.subscribe(inbox, cb=_into(arrived, rank))
                subscriptions.append(subscription)
                await self._client.publish(subject, request, reply=inbox)
            first = await _first_job(arrived)
        finally:
            for subscription in subscriptions:
                await subscription.unsubscribe()
        # After the unsubscription nothing more arrives; what raced in goes back, the most urgent stays.
        jobs = [] if first is None else [first]
        while not arrived.empty():
            candidate = arrived.get_nowait()
            if _is_job(candidate[1]):
                jobs.append(candidate)
        jobs.sort(key=lambda ranked: ranked[0])
        for _, message in jobs[1:]:
            await message.nak()
        return jobs[0][1] if jobs else None


def _into(queue: "asyncio.Queue[tuple[int, Msg]]", rank: int) -> Callable[[Msg], Awaitable[None]]:
    async def put(message: Msg) -> None:
        queue.put_nowait((rank, message))

    return put


async def _first_job(arrived: "asyncio.Queue[tuple[int, Msg]]") -> tuple[int, Msg] | None:
    try:
        async with asyncio.timeout(IDLE_WAIT_S):
            while True:
                ranked = await arrived.get()
                if _is_job(ranked[1]):
                    return ranked
    except TimeoutError:
        return None


def _is_job(message: Msg) -> bool:
    """A status (404 nothing there, 408 expired, 409 paused or deleted) has no acknowledgement subject."""
    return message.reply.startswith("$JS.ACK.")
