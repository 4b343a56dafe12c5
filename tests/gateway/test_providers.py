"""`/v1/providers` and `/v1/profiles`: who makes images here, what it costs, what waits, and opening what was closed."""

from typing import Any

import pytest

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.events import ImageApproved
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import ImageState, ProviderName
from pressroom.runtime.lanes import Lanes
from pressroom.state.documents import LaneService

from ..house import House
from .serving import Gateway, fields_named_in, problem_of, serving

OPENAI = LaneService(
    capabilities=Capabilities(prompt_max_characters=4000, is_billed=True, grade="medium", input_images=4),
    model="gpt-image-2",
    requests_per_minute=30,
    in_flight=5,
    timeout_s=300,
    max_attempts=4,
)


def lanes(gateway: Gateway) -> Lanes:
    house = gateway.house
    return Lanes(house.database, house.client, house.outbox, GenerateImage)


async def provider(gateway: Gateway, name: str) -> dict[str, Any]:
    answer = await gateway.http.get("/v1/providers")
    assert answer.status_code == 200
    (found,) = [each for each in answer.json() if each["name"] == name]
    return found


async def test_every_provider_is_listed_in_one_order_whether_served_or_not(gateway: Gateway) -> None:
    listed = (await gateway.http.get("/v1/providers")).json()
    assert [each["name"] for each in listed] == [str(name) for name in ProviderName]
    assert {each["name"]: each["state"] for each in listed} == {
        str(name): "open" if name is ProviderName.STUDIO else "closed" for name in ProviderName
    }


async def test_a_lane_that_nobody_served_says_which_setting_decides(gateway: Gateway) -> None:
    flux = await provider(gateway, "flux")
    assert (flux["state"], flux["capabilities"], flux["price"], flux["served_at"]) == ("closed", None, None, None)
    assert "PRESSROOM_IMAGE_WORKER_LANES" in flux["reason"]


async def test_a_lane_whose_worker_lacks_a_key_says_which(gateway: Gateway) -> None:
    await lanes(gateway).cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="w")
    flux = await provider(gateway, "flux")
    assert (flux["state"], flux["reason"]) == ("closed", "set PRESSROOM_FLUX_API_KEY")


async def test_a_served_lane_tells_what_it_can_do_its_limits_and_its_price(gateway: Gateway) -> None:
    await lanes(gateway).announce("openai", OPENAI, worker="w")
    openai = await provider(gateway, "openai")
    assert (openai["state"], openai["reason"], openai["model"]) == ("open", None, "gpt-image-2")
    assert (openai["requests_per_minute"], openai["in_flight"]) == (30, 5)
    assert (openai["timeout_s"], openai["max_attempts"]) == (300, 4)
    assert openai["capabilities"]["input_images"] == 4
    assert float(openai["price"]["usd"]) == 0.053
    assert (openai["price"]["unit"], openai["is_free"]) == ("area", False)
    assert openai["price"]["source"]
    assert openai["served_at"]


async def test_a_machine_of_ones_own_is_free(gateway: Gateway) -> None:
    studio = await provider(gateway, "studio")
    assert (studio["is_free"], studio["price"]) == (True, None)


async def test_a_deployments_own_price_is_the_one_that_is_told(house: House, tmp_path: Any) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "gpt-image-2"\ngrade = "medium"\nunit = "image"\nusd = 0.01\n'
        'source = "our contract"\nseen = 2026-11-21\n'
    )
    async with serving(house, price_table=table) as gateway:
        await lanes(gateway).announce("openai", OPENAI, worker="w")
        price = (await provider(gateway, "openai"))["price"]
    assert (float(price["usd"]), price["source"], price["seen"]) == (0.01, "our contract", "2026-11-21")


async def test_the_backlog_counts_what_waits_in_every_priority(gateway: Gateway) -> None:
    for priority in ("urgent", "normal", "bulk"):
        job = GenerateImage(batch_id="b", image_id=f"b-{priority}", provider=ProviderName.STUDIO, priority=priority)
        await gateway.house.outbox.send(gateway.house.outbox.job(job))
    studio, flux = await provider(gateway, "studio"), await provider(gateway, "flux")
    assert ((studio["waiting"], studio["taken"]), flux["waiting"]) == ((3, 0), 0)


async def test_a_paused_lane_says_until_when_and_why(gateway: Gateway) -> None:
    await lanes(gateway).pause("studio", 600, "429 from the vendor")
    studio = await provider(gateway, "studio")
    assert (studio["state"], studio["reason"]) == ("paused", "429 from the vendor")
    assert studio["paused_until"]


@pytest.mark.parametrize("how", ["pause", "close"])
async def test_a_person_opens_what_was_paused_or_closed(gateway: Gateway, how: str) -> None:
    shut = lanes(gateway)
    await (shut.pause("studio", 600, "429") if how == "pause" else shut.close("studio", "no credit"))
    answer = await gateway.http.post("/v1/providers/studio/open")
    opened = answer.json()
    assert (answer.status_code, opened["state"], opened["reason"], opened["paused_until"]) == (200, "open", None, None)
    told = [event.type for event in await gateway.house.events("pressroom.event.lane.>")]
    assert told[-1] == "pressroom.lane.resumed.v1"
    # Twice is once.
    assert (await gateway.http.post("/v1/providers/studio/open")).json()["state"] == "open"
    assert len(await gateway.house.events("pressroom.event.lane.>")) == len(told)
    assert (await gateway.house.audit()).drifts == ()


async def test_an_answer_to_opening_counts_what_waits(gateway: Gateway) -> None:
    await lanes(gateway).close("studio", "no credit")
    job = GenerateImage(batch_id="b", image_id="b-0000", provider=ProviderName.STUDIO)
    await gateway.house.outbox.send(gateway.house.outbox.job(job))
    assert (await gateway.http.post("/v1/providers/studio/open")).json()["waiting"] == 1


async def test_a_lane_that_nobody_serves_cannot_be_opened(gateway: Gateway) -> None:
    problem = problem_of(await gateway.http.post("/v1/providers/flux/open"), 409, "lane-not-served")
    assert "flux" in problem["detail"]
    await lanes(gateway).cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="w")
    problem = problem_of(await gateway.http.post("/v1/providers/flux/open"), 409, "lane-not-served")
    assert "PRESSROOM_FLUX_API_KEY" in problem["detail"]


async def test_there_is_no_provider_of_another_name(gateway: Gateway) -> None:
    problem_of(await gateway.http.post("/v1/providers/dalle/open"), 422, "invalid-request")


@pytest.mark.parametrize(("method", "path"), [("GET", "providers"), ("POST", "providers/studio/open")])
async def test_only_who_has_a_token_sees_and_opens_lanes(gateway: Gateway, method: str, path: str) -> None:
    answer = await gateway.http.request(method, f"/v1/{path}", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


async def test_profiles_are_listed_with_the_deployments_own(house: House) -> None:
    own = {"sticker": {"width_px": 1800, "height_px": 1800, "fit": "pad"}}
    async with serving(house, profiles=own) as gateway:
        profiles = (await gateway.http.get("/v1/profiles")).json()
        taken = await gateway.http.post(
            "/v1/batches", json={"provider": "studio", "prompt": "a cat", "profile": "sticker"}
        )
        refused = await gateway.http.post(
            "/v1/batches", json={"provider": "studio", "prompt": "a cat", "profile": "stickre"}
        )
    assert (profiles["sticker"]["width_px"], profiles["t-shirt"]["width_px"]) == (1800, 4500)
    assert taken.status_code == 202
    assert fields_named_in(problem_of(refused, 422, "invalid-request")) == ["profile"]


async def test_a_batch_is_refused_for_what_none_of_its_providers_can_do_naming_each(gateway: Gateway) -> None:
    await lanes(gateway).announce("openai", OPENAI, worker="w")
    body = {"providers": ["openai", "studio", "flux"], "prompt": "a cat", "transparent": True}
    problem = problem_of(await gateway.http.post("/v1/batches", json=body), 422, "invalid-request")
    told = [(error["field"], error["message"].split(":")[0]) for error in problem["errors"]]
    assert told == [("transparent", "'openai'"), ("transparent", "'studio'"), ("providers", "'flux'")]


async def test_a_batch_that_one_of_its_providers_can_make_is_taken(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/batches", json={"providers": ["flux", "studio"], "prompt": "a cat"})
    assert answer.status_code == 202


async def test_a_placeholder_cannot_be_approved_and_nobody_is_told_that_it_was(gateway: Gateway) -> None:
    image_id = await gateway.image(auto_publish=[{"platform": "shopify", "product_type": "poster"}])
    await gateway.house.database.images.change(image_id, {"provider": "placeholder"})
    problem = problem_of(await gateway.http.post(f"/v1/images/{image_id}/approve"), 409, "image-is-placeholder")
    assert "never published" in problem["detail"]
    image = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    assert (image["state"], image["placeholder"]) == (str(ImageState.GENERATED), True)
    assert await gateway.house.events(event_filter(ImageApproved)) == []
    rejected = await gateway.http.post(f"/v1/images/{image_id}/reject")
    assert (rejected.status_code, rejected.json()["state"]) == (200, "rejected")
    problem_of(await gateway.http.post(f"/v1/images/{image_id}/approve"), 409, "image-is-placeholder")


async def test_an_image_tells_its_tries_and_what_they_cost(gateway: Gateway) -> None:
    image_id = await gateway.image()
    attempt = {"provider": "openai", "outcome": "made", "calls": 1, "cost_microusd": 53_000}
    lost = {"provider": "flux", "outcome": "unknown", "calls": 1, "cost_microusd": 30_000}
    moment = (await gateway.house.image(image_id)).created_at
    tries = [each | {"began_at": moment} for each in (lost, attempt)]
    await gateway.house.database.images.change(image_id, {"tries": tries})
    image = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    assert (float(image["cost_usd"]), image["calls"]) == (0.083, 2)
    assert [each["outcome"] for each in image["tries"]] == ["unknown", "made"]
    batch = (await gateway.http.get(f"/v1/batches/{image['batch_id']}")).json()
    assert float(batch["cost_usd"]) == 0.083
