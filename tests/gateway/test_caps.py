"""Caps in money over HTTP: set by admins, shown to whom they hold for, and said no by, with the field and the limit."""

from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import ImageState, ProviderName, Role
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import NetworkFailed
from pressroom.state.budgets import Scope
from pressroom.state.users import UserDocument

from ..house import House
from ..image_worker.stand_ins import Told, worker
from .people import a_user, bearer, token_of
from .serving import BODY, Gateway, problem_of, serving

PAID = BODY | {"provider": "openai", "width": 1024, "height": 1024}
"""Costs $0.006 at gpt-image-2 in low quality, by the built-in table."""


@pytest.fixture
async def gateway(gateway: Gateway) -> Gateway:
    """With a lane that costs."""
    lane = Told(ProviderName.OPENAI, model="gpt-image-2", is_billed=True, grade="low")
    await gateway.house.open_lane(lane.name, lane.capabilities, lane.model)
    return gateway


async def ask(gateway: Gateway, user: UserDocument, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = bearer(token_of(user)) | ({"Idempotency-Key": key} if key else {})
    return await gateway.http.post("/v1/batches", json=PAID | fields, headers=headers)


async def cap(gateway: Gateway, user: UserDocument, **caps: Any) -> dict[str, Any]:
    answer = await gateway.http.patch(f"/v1/users/{user.id}", json=caps)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def account(gateway: Gateway, user: UserDocument) -> dict[str, Any]:
    return (await gateway.http.get("/v1/account", headers=bearer(token_of(user)))).json()


def reasons_of(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(error["field"], error["message"]) for error in problem_of(answer, 422, "invalid-request")["errors"]]


@pytest.mark.parametrize("limit", ["0.011999", 0.011999, "0.006"])
async def test_a_batch_that_costs_more_than_its_own_cap_is_refused_with_both(gateway: Gateway, limit: object) -> None:
    answer = await gateway.http.post("/v1/batches", json=PAID | {"count": 2, "max_cost": limit})
    says = f"it costs $0.012 at least (2 x $0.006 at 'openai'); the limit is ${limit}"
    assert reasons_of(answer) == [("max_cost", says)]


async def test_a_batch_that_costs_exactly_its_cap_is_taken_and_shown_with_it(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/batches", json=PAID | {"count": 2, "max_cost": 0.0120})
    assert answer.status_code == 202, answer.text
    assert answer.json()["request"]["max_cost"] == "0.012"


async def test_the_cheapest_of_several_providers_decides_and_one_of_ones_own_machine_is_free(gateway: Gateway) -> None:
    fields = PAID | {"provider": None, "providers": ["openai", "studio"], "max_cost": "0.000001"}
    assert (await gateway.http.post("/v1/batches", json=fields)).status_code == 202


@pytest.mark.parametrize("wrong", [0, -1, "0.0000001", 1_000_001, "nan", True, "much"])
async def test_a_cap_that_is_no_amount_is_refused_by_its_field(gateway: Gateway, wrong: object) -> None:
    answer = await gateway.http.post("/v1/batches", json=PAID | {"max_cost": wrong})
    assert {field.split(".")[0] for field, _ in reasons_of(answer)} == {"max_cost"}


async def test_a_cap_with_a_provider_whose_price_nobody_knows_is_refused_by_name(gateway: Gateway) -> None:
    await gateway.house.open_lane(ProviderName.RUNPOD)
    fields = PAID | {"provider": None, "providers": ["openai", "runpod"], "max_cost": "5"}
    ((field, message),) = reasons_of(await gateway.http.post("/v1/batches", json=fields))
    assert (field, message.startswith("'runpod': ")) == ("max_cost", True)
    assert "PRESSROOM_PRICE_TABLE" in message


async def test_an_admin_caps_a_user_who_sees_what_is_left_and_takes_the_cap_away_again(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    shown = await cap(gateway, user, max_cost=1, max_cost_per_month="0.0120")
    assert (shown["max_cost"], shown["max_cost_per_month"]) == ("1", "0.012")
    async with worker(gateway.house, Told(ProviderName.OPENAI, model="gpt-image-2", is_billed=True, grade="low")):
        await gateway.house.completed((await ask(gateway, user)).json()["id"])
    whole, monthly = (await account(gateway, user))["caps"]
    assert whole == {
        "name": "account.max_cost",
        "month": None,
        "limit_usd": "1",
        "spent_usd": "0.006",
        "reserved_usd": "0",
        "left_usd": "0.994",
    }
    assert (monthly["name"], monthly["left_usd"]) == ("account.max_cost_per_month", "0.006")
    ((field, message),) = reasons_of(await ask(gateway, user, count=2))
    assert field == "account.max_cost_per_month"
    assert "the limit is $0.012, of which $0.006 is spent and $0 put aside" in message
    shown = await cap(gateway, user, max_cost_per_month=None)
    assert (shown["max_cost"], shown["max_cost_per_month"]) == ("1", None)
    assert (await ask(gateway, user, count=2)).status_code == 202


async def test_a_cap_that_is_set_again_counts_what_was_spent_without_it(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    async with worker(gateway.house, Told(ProviderName.OPENAI, model="gpt-image-2", is_billed=True, grade="low")):
        for caps in ({"max_cost": 1}, {"max_cost": None}, {}):
            await cap(gateway, user, **caps)
            await gateway.house.completed((await ask(gateway, user)).json()["id"])
    await cap(gateway, user, max_cost="0.018")
    ((whole,),) = ((await account(gateway, user))["caps"],)
    assert (whole["spent_usd"], whole["left_usd"]) == ("0.018", "0")


async def test_a_wish_that_comes_again_is_the_same_batch_when_nothing_is_left(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    await cap(gateway, user, max_cost="0.006")
    first = await ask(gateway, user, key="one-wish")
    await gateway.house.database.budgets.open(Scope(owner=user.id))
    await gateway.house.database.budgets.raw.update_one({}, {"$set": {"before": 6_000}})
    again = await ask(gateway, user, key="one-wish")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert [field for field, _ in reasons_of(await ask(gateway, user, key="another"))] == ["account.max_cost"]


@pytest.mark.parametrize("wrong", [-1, "0.0000001", "nan"])
async def test_a_users_cap_that_is_no_amount_is_refused(gateway: Gateway, wrong: object) -> None:
    user = await a_user(gateway.house)
    answer = await gateway.http.patch(f"/v1/users/{user.id}", json={"max_cost_per_month": wrong})
    assert {field.split(".")[0] for field, _ in reasons_of(answer)} == {"max_cost_per_month"}


async def test_the_deployments_month_is_shown_to_who_operates_and_holds_for_everybody(house: House) -> None:
    lane = Told(ProviderName.OPENAI, model="gpt-image-2", is_billed=True, grade="low")
    await house.open_lane(lane.name, lane.capabilities, lane.model)
    async with serving(house, max_cost_per_month="0.01") as gateway:
        user, operator = await a_user(house), await a_user(house, Role.OPERATOR)
        assert (await account(gateway, user))["caps"] == []
        (seen,) = (await account(gateway, operator))["caps"]
        assert (seen["name"], seen["limit_usd"]) == ("PRESSROOM_MAX_COST_PER_MONTH", "0.01")
        for answer in (
            await gateway.http.post("/v1/batches", json=PAID | {"count": 2}),
            await ask(gateway, user, count=2),
        ):
            assert [field for field, _ in reasons_of(answer)] == ["PRESSROOM_MAX_COST_PER_MONTH"]
        estimate = (await gateway.http.post("/v1/batches/estimate", json=PAID | {"count": 2})).json()
        assert [reason["field"] for reason in estimate["refusals"]] == ["PRESSROOM_MAX_COST_PER_MONTH"]


async def test_a_retry_beyond_the_batchs_cap_is_refused_and_one_that_brings_a_higher_cap_is_taken(
    gateway: Gateway,
) -> None:
    async def torn_once(_request: GenerationRequest) -> None:
        if len(lane.asked) == 1:
            raise NetworkFailed("nobody knows whether it was billed")

    lane = Told(ProviderName.OPENAI, torn_once, model="gpt-image-2", is_billed=True, grade="low")
    async with worker(gateway.house, lane):
        asked = await gateway.http.post("/v1/batches", json=PAID | {"max_cost": "0.006", "max_attempts": 1})
        batch_id = asked.json()["id"]
        (image,) = await gateway.house.completed(batch_id)
        assert image.state is ImageState.FAILED
        ((field, message),) = reasons_of(await gateway.http.post(f"/v1/batches/{batch_id}/retry"))
        assert (field, "the limit is $0.006, of which $0.006 is spent" in message) == ("max_cost", True)
        again = await gateway.http.post(f"/v1/batches/{batch_id}/retry", json={"max_cost": "0.012"})
        assert (again.status_code, again.json()["request"]["max_cost"]) == (202, "0.012")
        (image,) = await gateway.house.completed(batch_id)
    assert (image.state, image.cost_microusd) == (ImageState.GENERATED, 12_000)
    assert (await gateway.http.get(f"/v1/batches/{batch_id}")).json()["cost_usd"] == "0.012"
