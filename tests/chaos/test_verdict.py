"""The judge of a chaos run sees what it is there for: a clean run as clean, a loss, a drift, a doubled product."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from pressroom.cli.data_folder import DataFolder, InstanceFacts
from pressroom.cli.nats_connection import connected
from pressroom.cli.own_instance import OwnInstance, without_settings

from .load import Load
from .verdict import drained, judge

WITHIN_S = 90.0


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceFacts]:
    folder: Path = tmp_path_factory.mktemp("chaos")
    instance = OwnInstance(DataFolder(folder), environment=without_settings(os.environ))
    yield instance.start()
    instance.stop()


async def quiet_run(facts: InstanceFacts) -> dict[str, int]:
    """One batch of each way of asking, nothing killed."""
    load = Load(facts, random.Random(5))
    async with connected(facts.nats_url, facts.nats_token) as client:
        js = client.jetstream(timeout=5.0)
        approving = asyncio.create_task(load.approve_all(js))
        for number in range(4):
            await load.ask(js, number)
        assert await drained(facts, load.acknowledged, WITHIN_S) == []
        approving.cancel()
    return load.acknowledged


async def test_the_judge_sees_what_is_clean_what_is_lost_and_what_is_there_twice(facts: InstanceFacts) -> None:
    acknowledged = await quiet_run(facts)
    clean = await judge(facts, acknowledged, 20.0)
    assert clean.complaints == []
    assert clean.images == sum(acknowledged.values())

    await double_a_product(facts)
    doubled = await judge(facts, acknowledged, 0.0)
    assert (doubled.doubled_products, doubled.lost, doubled.drift) == (1, 0, 0)

    with MongoClient[dict[str, object]](facts.mongo_url) as client:
        client[facts.mongo_database]["images"].delete_one({})
    robbed = await judge(facts, acknowledged, 0.0)
    assert robbed.lost > 0
    assert robbed.drift > 0
    assert not robbed.clean

    unknown = await judge(facts, {**acknowledged, "chaos-never-stored": 2}, 0.0)
    assert any("chaos-never-stored is not there" in complaint for complaint in unknown.complaints)


async def double_a_product(facts: InstanceFacts) -> None:
    """What a publisher without a memory would do: make the first product once more."""
    headers = {"Authorization": "Bearer sandbox-printify-token", "User-Agent": "test"}
    async with httpx.AsyncClient(base_url=f"{facts.sandbox_url}/printify/v1", headers=headers) as printify:
        (shop, *_others) = (await printify.get("/shops.json")).raise_for_status().json()
        listed = (await printify.get(f"/shops/{shop['id']}/products.json")).raise_for_status().json()
        product = listed["data"][0]
        wanted = ("title", "description", "blueprint_id", "print_provider_id", "variants", "print_areas")
        again = {name: product[name] for name in wanted}
        (await printify.post(f"/shops/{shop['id']}/products.json", json=again)).raise_for_status()
