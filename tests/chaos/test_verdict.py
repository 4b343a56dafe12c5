"""The judge of a chaos run sees what it is there for: a clean run as clean, a loss, a drift, a doubled product, a
job that was paid twice."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from pressroom.cli.data_folder import DataFolder, InstanceFacts
from pressroom.cli.nats_connection import connected
from pressroom.cli.own_instance import OwnInstance, without_settings
from pressroom.contracts.facts import ProviderTry
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import ProviderName, TryOutcome
from pressroom.state.accounts import AccountDocument
from pressroom.state.budgets import BudgetDocument
from pressroom.state.documents import BatchDocument, ImageDocument

from .load import WAYS, Load
from .overspend import overspent
from .paid_jobs import label_of, reckon
from .verdict import drained, judge

WITHIN_S = 90.0
UNCAPPED, CAPPED = "number 2-", "number 9-"
"""Batches of flux."""

UNPAID = "chaos-7"
"""Of the payer, by event, who had too few credits left."""

MADE, FAILED, UNKNOWN = TryOutcome.MADE, TryOutcome.FAILED, TryOutcome.UNKNOWN


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceFacts]:
    folder: Path = tmp_path_factory.mktemp("chaos")
    instance = OwnInstance(DataFolder(folder), environment=without_settings(os.environ))
    yield instance.start()
    instance.stop()


async def quiet_run(facts: InstanceFacts) -> Load:
    """One batch of each way of asking, and some more of who pays and under caps; nothing killed."""
    load = Load(facts, random.Random(5))
    await load.let_a_payer_in()
    async with connected(facts.nats_url, facts.nats_token) as client:
        js = client.jetstream(timeout=5.0)
        approving = asyncio.create_task(load.approve_all(js))
        for number in range(len(WAYS) + 3):
            await load.ask(js, number)
        assert await drained(facts, load.acknowledged, WITHIN_S) == []
        approving.cancel()
    return load


async def test_the_judge_sees_what_is_clean_what_is_lost_and_what_is_there_twice(facts: InstanceFacts) -> None:
    load = await quiet_run(facts)
    acknowledged, given = load.acknowledged, load.given
    clean = await judge(facts, acknowledged, given, 20.0)
    assert clean.complaints == []
    assert clean.images == sum(count for batch, count in acknowledged.items() if batch != UNPAID)

    await double_a_job(facts, UNCAPPED)
    paid_twice = await judge(facts, acknowledged, given, 0.0)
    assert (paid_twice.duplicates, paid_twice.unsure, paid_twice.lost, paid_twice.drift) == (1, 0, 0, 0)
    assert any("flux has 2 jobs for" in complaint for complaint in paid_twice.complaints)

    explain_the_job(facts)
    explained = await judge(facts, acknowledged, given, 0.0)
    assert (explained.complaints, explained.unsure) == ([], 1)

    await double_a_job(facts, CAPPED)
    too_dear = await judge(facts, acknowledged, given, 0.0)
    assert (too_dear.overspend, too_dear.duplicates, too_dear.drift) == (1, 1, 0)
    assert any("by the vendors" in complaint for complaint in too_dear.complaints)

    robbed = await judge(facts, acknowledged, {owner: amount + 1000 for owner, amount in given.items()}, 0.0)
    assert robbed.overspend == 2

    await double_a_product(facts)
    doubled = await judge(facts, acknowledged, given, 0.0)
    assert (doubled.doubled_products, doubled.lost, doubled.drift) == (1, 0, 0)

    with MongoClient[dict[str, object]](facts.mongo_url) as client:
        client[facts.mongo_database]["images"].delete_one({})
    robbed = await judge(facts, acknowledged, given, 0.0)
    assert robbed.lost > 0
    assert robbed.drift > 0
    assert not robbed.clean

    unknown = await judge(facts, {**acknowledged, "chaos-never-stored": 2}, given, 0.0)
    assert any("chaos-never-stored is not there" in complaint for complaint in unknown.complaints)


REMOTE = (ProviderName.FLUX, ProviderName.RUNPOD, ProviderName.COMFYUI, ProviderName.OPENAI)


def an_image(vendor: ProviderName, label: str, *outcomes: TryOutcome) -> ImageDocument:
    now = datetime.now(UTC)
    tries = tuple(ProviderTry(provider=vendor, outcome=outcome, calls=1, began_at=now) for outcome in outcomes)
    return ImageDocument.model_construct(prompt=f"a fox, {label}", tries=tries)


@pytest.mark.parametrize("vendor", REMOTE)
def test_each_job_beyond_the_first_needs_a_try_of_the_same_image_of_which_nobody_heard(vendor: ProviderName) -> None:
    once, twice = "number 1-0", "number 1-1"
    images = [an_image(vendor, once, MADE), an_image(vendor, twice, UNKNOWN, MADE)]
    clean = reckon(images, {vendor: Counter({once: 1, twice: 2})})
    assert (clean.unsure, clean.doubled, clean.missing) == (1, [], [])
    # That nobody heard of a call does not mean that it was made.
    assert reckon(images, {vendor: Counter({once: 1, twice: 1})}).unsure == 0
    # Another image's loss explains nothing.
    paid_twice = reckon(images, {vendor: Counter({once: 2, twice: 1})})
    assert (paid_twice.unsure, len(paid_twice.doubled), paid_twice.missing) == (0, 1, [])
    too_often = reckon(images, {vendor: Counter({once: 1, twice: 3})})
    assert (too_often.unsure, len(too_often.doubled)) == (1, 1)
    assert len(reckon(images, {vendor: Counter({twice: 2})}).missing) == 1


def test_a_refused_call_makes_nothing_and_the_next_provider_one_picture() -> None:
    label = "number 6-0"
    openai, comfyui = ProviderName.OPENAI, ProviderName.COMFYUI
    tries = (*an_image(openai, label, FAILED).tries, *an_image(comfyui, label, MADE).tries)
    image = ImageDocument.model_construct(prompt=label, tries=tries)
    clean = reckon([image], {openai: Counter(), comfyui: Counter({label: 1})})
    assert (clean.unsure, clean.doubled, clean.missing) == (0, [], [])
    assert len(reckon([image], {openai: Counter({label: 1}), comfyui: Counter({label: 1})}).doubled) == 1


OWNER, GIVEN = "user_ann", 8_000


@pytest.mark.parametrize(
    ("available", "held", "spent", "complaints"),
    [(0, 4_000, 4_000, 0), (4_000, 0, 4_000, 0), (-4_000, 4_000, 8_000, 1), (4_000, 4_000, 4_000, 1), (0, 0, 4_000, 1)],
)
def test_an_account_has_what_it_was_given_and_never_less_than_nothing(
    available: int, held: int, spent: int, complaints: int
) -> None:
    account = AccountDocument(_id=OWNER, available=available, held=held, spent=spent)
    assert len(overspent([account], {OWNER: GIVEN}, {}, [], [], {})) == complaints


def test_what_was_booked_and_is_nowhere_is_missed() -> None:
    assert overspent([], {OWNER: 0}, {}, [], [], {}) == []
    assert len(overspent([], {OWNER: GIVEN}, {}, [], [], {})) == 1


@pytest.mark.parametrize(
    ("tries", "reserved", "jobs", "by"),
    [
        (2, 0, 2, None),
        (1, 1, 1, None),
        (3, 0, 2, "its images, $0.018 by its budget"),
        (2, 1, 2, "its budget"),
        (2, 0, 3, "the vendors"),
    ],
)
def test_a_cap_is_kept_by_the_images_by_the_budget_and_by_the_vendors_books(
    tries: int, reserved: int, jobs: int, by: str | None
) -> None:
    price, now, label = 6_000, datetime.now(UTC), "number 1-0"
    request = BatchRequest(provider=ProviderName.OPENAI, prompt=label, max_cost=Decimal("0.012"))
    batch = BatchDocument.model_construct(id="capped", request=request)
    called = [
        ProviderTry(provider=ProviderName.OPENAI, outcome=MADE, calls=1, cost_microusd=price, began_at=now)
    ] * tries
    image = ImageDocument.model_construct(
        id="capped-0000", batch_id="capped", prompt=label, tries=tuple(called), estimated_cost_microusd=price
    )
    sums = {"spent": tries * price, "reserved": reserved * price}
    budget = BudgetDocument(_id="batch/capped", **sums, created_at=now, updated_at=now, recount_at=now)
    found = overspent([], {}, {"capped": batch}, [budget], [image], {ProviderName.OPENAI: Counter({label: jobs})})
    assert found == ([] if by is None else [f"batch capped may cost $0.012 and has cost $0.018 by {by}"])


async def double_a_job(facts: InstanceFacts, batch: str) -> None:
    """What an image-worker without a memory would do: ask for a job once more, and hear nothing of the first."""
    async with httpx.AsyncClient(base_url=facts.sandbox_url or "", headers={"x-key": "sandbox-flux-key"}) as http:
        listed = (await http.get("/_sandbox/flux/tasks")).raise_for_status().json()["items"]
        first = next(item for item in listed if label_of(item["prompt"]).startswith(batch))
        again = {name: first[name] for name in ("prompt", "seed", "width", "height")}
        (await http.post(f"/flux/v1/{first['model']}", json=again)).raise_for_status()


def explain_the_job(facts: InstanceFacts) -> None:
    """As an image-worker leaves it that counts what its dead predecessor may have asked for."""
    sandbox = httpx.get(f"{facts.sandbox_url}/_sandbox/flux/tasks").raise_for_status().json()["items"]
    labels = Counter(label_of(item["prompt"]) for item in sandbox)
    with MongoClient[dict[str, Any]](facts.mongo_url) as client:
        images = client[facts.mongo_database]["images"]
        (image,) = [image for image in images.find() if labels[label_of(image["prompt"])] == 2]
        lost = {**image["tries"][0], "outcome": "unknown"}
        images.update_one({"_id": image["_id"]}, {"$push": {"tries": lost}})


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
