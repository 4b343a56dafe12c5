"""`/v1/lanes`: what waits where, and holding it up for a while."""

import pytest

from pressroom.contracts.events import LanePaused, LaneResumed
from pressroom.contracts.subjects import JOBS_STREAM
from pressroom.contracts.vocabulary import ImageState

from .serving import Gateway, fields_named_in, problem_of


async def lane(gateway: Gateway, name: str) -> dict[str, object]:
    return next(lane for lane in (await gateway.http.get("/v1/lanes")).json() if lane["name"] == name)


async def is_held(gateway: Gateway, name: str) -> bool:
    """Whether the server itself gives out none of its jobs."""
    return bool((await gateway.house.js.consumer_info(JOBS_STREAM, f"{name}-normal")).paused)


async def test_every_lane_is_listed_with_what_waits_in_it(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    body = {"platform": "printify", "product_type": "mug"}
    await gateway.http.post(f"/v1/images/{image_id}/publish", json=body)
    assert await lane(gateway, "publish-printify") == {
        "name": "publish-printify",
        "state": "open",
        "reason": None,
        "paused_until": None,
        "waiting": 1,
        "taken": 0,
    }
    names = [lane["name"] for lane in (await gateway.http.get("/v1/lanes")).json()]
    assert {"image-studio", "image-gemini", "publish-shopify", "notice-webhook", "notice-mail"} <= set(names)
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["image-studio", "publish-shopify", "notice-webhook"])
async def test_a_lane_is_held_up_and_let_go(gateway: Gateway, name: str) -> None:
    paused = await gateway.http.post(f"/v1/lanes/{name}/pause", json={"seconds": 600, "reason": "the shop is away"})
    assert (paused.json()["state"], paused.json()["reason"]) == ("paused", "the shop is away")
    assert await is_held(gateway, name)
    resumed = await gateway.http.post(f"/v1/lanes/{name}/resume")
    assert (resumed.json()["state"], resumed.json()["paused_until"]) == ("open", None)
    assert not await is_held(gateway, name)
    told = [event.data for event in await gateway.house.events()]
    assert [type(event) for event in told] == [LanePaused, LaneResumed]


async def test_a_closed_lane_is_not_paused_and_is_resumed(gateway: Gateway) -> None:
    await gateway.http.post("/v1/lanes/image-studio/pause", json={"seconds": 1})
    await gateway.house.database.lanes.change("studio", {"state": "closed", "reason": "no key"})
    problem = problem_of(
        await gateway.http.post("/v1/lanes/image-studio/pause", json={"seconds": 5}), 409, "lane-closed"
    )
    assert "no key" in problem["detail"]
    assert (await gateway.http.post("/v1/lanes/image-studio/resume")).json()["state"] == "open"


@pytest.mark.parametrize("seconds", [0, -1, 604801, "long"])
async def test_a_pause_has_an_end(gateway: Gateway, seconds: object) -> None:
    answer = await gateway.http.post("/v1/lanes/image-studio/pause", json={"seconds": seconds})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["seconds"]


@pytest.mark.parametrize("name", ["studio", "image-", "image-studio-normal", "..%2Fx"])
async def test_what_is_no_lane_is_not_found(gateway: Gateway, name: str) -> None:
    problem_of(await gateway.http.post(f"/v1/lanes/{name}/resume"), 404, "not-found")


async def test_a_lane_whose_queues_are_not_there_is_told_of_the_streams(gateway: Gateway) -> None:
    await gateway.house.js.delete_consumer(JOBS_STREAM, "image-studio-normal")
    answer = await gateway.http.post("/v1/lanes/image-studio/pause", json={"seconds": 5})
    assert "PRESSROOM_NATS_URL" in problem_of(answer, 503, "streams-unavailable")["detail"]
