"""`tail` goes through a restart of nats-server: nothing twice, nothing left out."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import nats
import pytest

from pressroom.cli.commands.tail import read_beginning, subject_filter
from pressroom.cli.errors import CommandFailed
from pressroom.cli.own_instance import without_settings
from pressroom.cli.servers import NatsServer
from pressroom.contracts.cloudevents import body_of, headers_for
from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.subjects import event_subject
from pressroom.runtime.settings import Settings
from pressroom.runtime.topology import provision_streams

from .conftest import wait_until


class Tail:
    """A `pressroom tail --json` that runs, and what it has said so far."""

    def __init__(self, url: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pressroom.cli", "tail", "--json", *words],
            env={**without_settings(os.environ), "PRESSROOM_NATS_URL": url},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.batches: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.batches.append(json.loads(line)["data"]["batch_id"])

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def stream_url(nats_server: NatsServer) -> str:
    asyncio.run(_provision(nats_server.url))
    return nats_server.url


@pytest.fixture
def tail(stream_url: str) -> Iterator[Tail]:
    running = Tail(stream_url, "--since", "1")
    yield running
    running.end()


def test_a_restart_of_the_server_loses_and_repeats_nothing(
    tail: Tail, stream_url: str, nats_server: NatsServer
) -> None:
    first = [f"before-{number}" for number in range(50)]
    second = [f"after-{number}" for number in range(50)]
    asyncio.run(_publish(stream_url, first))
    wait_until(lambda: tail.batches == first)
    nats_server.kill()
    nats_server.start()
    asyncio.run(_publish(stream_url, second))
    wait_until(lambda: len(tail.batches) >= len(first) + len(second))
    assert tail.batches == first + second


def test_a_filter_is_a_subject() -> None:
    assert subject_filter(None, None) == "pressroom.event.>"
    assert subject_filter("b1", None) == "pressroom.event.*.*.b1"
    assert subject_filter("b1", "ImageGenerated") == "pressroom.event.image.generated.b1"
    assert subject_filter(None, "image.generated") == "pressroom.event.image.generated.*"


@pytest.mark.parametrize("name", ["Imagegenerate", ""])
def test_an_unknown_type_lists_the_known_ones(name: str) -> None:
    with pytest.raises(CommandFailed, match="ImageGenerated"):
        subject_filter(None, name)


@pytest.mark.parametrize("since", ["yesterday", "h", "1w", "-5m"])
def test_an_unreadable_since_says_what_it_may_be(since: str) -> None:
    with pytest.raises(CommandFailed, match="90s, 5m, 1h, 2d"):
        read_beginning(since)


def test_since_is_a_sequence_or_an_age() -> None:
    assert read_beginning("42").after_sequence == 41
    assert read_beginning("1h").since is not None
    assert read_beginning(None).since is None


async def _provision(url: str) -> None:
    client = await nats.connect(url)
    await provision_streams(client.jetstream(), Settings())
    await client.close()


async def _publish(url: str, batches: list[str]) -> None:
    client = await nats.connect(url)
    stream = client.jetstream(timeout=5)
    for batch in batches:
        event = BatchCancelled(batch_id=batch)
        headers = headers_for(event.type_name(), source="test")
        await stream.publish(event_subject(event), body_of(event), stream="EVENTS", headers=headers)
    await client.close()
