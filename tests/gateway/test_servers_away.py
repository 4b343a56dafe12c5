"""A server is away: what can be done is done, what cannot is said, and nothing that was answered is lost."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pressroom.cli.ports import free_port
from pressroom.cli.servers import MongoServer, NatsServer
from pressroom.contracts.events import BatchRequested
from pressroom.contracts.subjects import story_filter
from pressroom.runtime.outbox import Outbox
from pressroom.state import database
from pressroom.state.documents import OutboxMessage

from ..house import WITHIN_S, House, eventually
from .serving import BODY, TOKEN, Gateway, problem_of, serving


async def test_without_nats_a_batch_is_still_taken_and_told_later(nats_server: NatsServer, own_house: House) -> None:
    async with serving(own_house) as gateway:
        nats_server.kill()
        batch = await gateway.batch()
        stored = await own_house.database.batches.get(batch["id"])
        assert stored is not None
        assert [message.subject for message in stored.outbox] == [f"pressroom.event.batch.requested.{batch['id']}"]
        nats_server.start()

        async def relayed() -> bool:
            document = await own_house.database.batches.get(batch["id"])
            return document is not None and not document.outbox

        await eventually(relayed)
        (event,) = await own_house.events(story_filter(batch["id"]))
        assert isinstance(event.data, BatchRequested)
        assert event.id == stored.outbox[0].id


async def test_without_nats_the_same_key_is_still_the_same_batch(nats_server: NatsServer, own_house: House) -> None:
    key = {"Idempotency-Key": "order-1"}
    async with serving(own_house) as gateway:
        nats_server.kill()
        first = await gateway.http.post("/v1/batches", json=BODY, headers=key)
        again = await gateway.http.post("/v1/batches", json=BODY, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]


async def test_without_nats_the_gateway_lives_and_is_not_ready(nats_server: NatsServer, own_house: House) -> None:
    async with serving(own_house) as gateway:
        nats_server.kill()
        assert (await gateway.http.get("/healthz")).status_code == 200
        readiness = await eventually(lambda: not_ready(gateway))
        assert readiness == "nats"
        nats_server.start()

        async def ready() -> bool:
            return (await gateway.http.get("/readyz")).status_code == 200

        assert await eventually(ready)


async def not_ready(gateway: Gateway) -> str | None:
    answer = await gateway.http.get("/readyz")
    return answer.json()["missing"] if answer.status_code == 503 else None


async def test_a_gateway_that_still_waits_for_nats_ends_when_it_is_told_to(tmp_path: Path) -> None:
    nowhere = {
        "PRESSROOM_NATS_URL": "nats://127.0.0.1:9",
        "PRESSROOM_BLOB_URL": tmp_path.as_uri(),
        "PRESSROOM_API_TOKEN": TOKEN,
        "PRESSROOM_GATEWAY_PORT": str(free_port()),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pressroom.gateway"),
        env={**os.environ, **nowhere},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            assert process.stdout is not None
            while b"nats.error" not in await process.stdout.readline():
                assert process.returncode is None
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_without_the_database_the_caller_is_told_when_to_come_again(
    mongo_server: MongoServer, nats_url: str, tmp_path: Path
) -> None:
    house = House(nats_url, mongo_server.url, "test", tmp_path)
    await house.open()
    async with serving(house) as gateway:
        mongo_server.kill()
        asked = gateway.http.post("/v1/batches", json=BODY, headers={"Idempotency-Key": "order-1"})
        refused, missing = await asyncio.gather(asked, not_ready(gateway))
        problem_of(refused, 503, "database-unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert missing == "mongodb"
        mongo_server.start()
        taken = await gateway.http.post("/v1/batches", json=BODY, headers={"Idempotency-Key": "order-1"})
        assert taken.status_code == 202
    await house.close()


async def test_what_is_stored_is_answered_though_the_database_goes_away_in_that_moment(
    mongo_server: MongoServer, nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(nats_url, mongo_server.url, "test", tmp_path)
    await house.open()
    monkeypatch.setattr(database, "SERVER_SELECTION_MS", 500)
    send = Outbox.send

    async def last_before_the_end(self: Outbox, message: OutboxMessage) -> None:
        await send(self, message)
        mongo_server.kill()

    async with serving(house) as gateway:
        with monkeypatch.context() as patch:
            patch.setattr(Outbox, "send", last_before_the_end)
            taken = await gateway.http.post("/v1/batches", json=BODY)
        mongo_server.start()
        # Told that it failed, whoever has no key would ask, and pay, a second time.
        assert taken.status_code == 202, taken.text

        async def is_there() -> bool:
            return (await gateway.http.get(f"/v1/batches/{taken.json()['id']}")).status_code == 200

        await eventually(is_there)
    await house.close()
