"""Lists in parts: every item once, in order, also when others are added meanwhile."""

import base64
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import BatchState, ImageState, ProviderName

from .serving import Gateway, fields_named_in, problem_of


async def parts_of(gateway: Gateway, path: str, **params: Any) -> list[list[str]]:
    """The ids on each part of a list, following its cursors to the end."""
    parts: list[list[str]] = []
    while True:
        answer = await gateway.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        parts.append([item["id"] for item in page["items"]])
        if page["next_cursor"] is None:
            return parts
        params["cursor"] = page["next_cursor"]


def joined(parts: list[list[str]]) -> list[str]:
    return list(chain.from_iterable(parts))


async def test_batches_come_newest_first_and_each_once(gateway: Gateway) -> None:
    made = [(await gateway.batch())["id"] for _ in range(5)]
    parts = await parts_of(gateway, "/v1/batches", limit=2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert joined(parts) == made[::-1]


async def test_batches_of_the_same_millisecond_are_not_lost_between_parts(gateway: Gateway) -> None:
    made = [(await gateway.batch())["id"] for _ in range(5)]
    first = await gateway.house.database.batches.get(made[0])
    assert first is not None
    for batch_id in made:
        await gateway.house.database.batches.change(batch_id, {"created_at": first.created_at})
    assert sorted(joined(await parts_of(gateway, "/v1/batches", limit=1))) == sorted(made)


async def test_a_batch_that_comes_meanwhile_neither_repeats_nor_hides_another(gateway: Gateway) -> None:
    made = [(await gateway.batch())["id"] for _ in range(4)]
    first = (await gateway.http.get("/v1/batches", params={"limit": 2})).json()
    await gateway.batch()
    rest = await parts_of(gateway, "/v1/batches", limit=2, cursor=first["next_cursor"])
    assert [batch["id"] for batch in first["items"]] + joined(rest) == made[::-1]


async def test_batches_are_found_by_what_was_asked_for_and_when(gateway: Gateway) -> None:
    house = gateway.house
    await house.open_lane(ProviderName.FLUX)
    plain = (await gateway.batch(tags=["autumn"]))["id"]
    several = (await gateway.batch(provider=None, providers=["flux", "studio"], subject="ann"))["id"]
    later = (await gateway.batch(provider="gemini", mode="batch"))["id"]
    await house.database.batches.change(plain, {"created_at": datetime(2026, 1, 19, 12, tzinfo=UTC)})
    wanted: dict[str, list[str]] = {
        "mode=batch": [later],
        "provider=studio": [several, plain],
        "provider=flux": [several],
        "subject=ann": [several],
        "tag=autumn": [plain],
        "since=2026-01-19T12:00:00Z&until=2026-01-19T12:00:01Z": [plain],
        "until=2026-01-19T12:00:00Z": [],
        "provider=studio&subject=ann&state=requested": [several],
    }
    for query, ids in wanted.items():
        params = dict(httpx.QueryParams(query))
        assert joined(await parts_of(gateway, "/v1/batches", limit=1, **params)) == ids, query


@pytest.mark.parametrize("field", ["mode", "provider", "tag", "since", "until"])
async def test_a_filter_that_says_nothing_is_refused_by_name(gateway: Gateway, field: str) -> None:
    answer = await gateway.http.get("/v1/batches", params={field: " "})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == [field]


async def test_a_list_that_ends_with_its_part_says_so(gateway: Gateway) -> None:
    await gateway.batch()
    await gateway.batch()
    assert (await gateway.http.get("/v1/batches", params={"limit": 2})).json()["next_cursor"] is None


async def test_batches_are_listed_by_state(gateway: Gateway) -> None:
    waiting = await gateway.batch()
    planned = await gateway.planned(count=2)
    assert await parts_of(gateway, "/v1/batches", state="accepted") == [[planned.id]]
    assert await parts_of(gateway, "/v1/batches", state="requested") == [[waiting["id"]]]
    assert await parts_of(gateway, "/v1/batches", state="completed") == [[]]


async def test_a_listed_batch_tells_how_far_it_is(gateway: Gateway) -> None:
    planned = await gateway.planned(count=4)
    images = await gateway.house.database.images.of_batch(planned.id)
    states = (ImageState.APPROVED, ImageState.REJECTED, ImageState.FAILED)
    for image, state in zip(images, states, strict=False):
        await gateway.house.database.images.change(image.id, {"state": str(state)})
    expected = {
        "requested": 4,
        "ready": 2,
        "failed": 1,
        "cancelled": 0,
        "by_state": {"planned": 1, "approved": 1, "rejected": 1, "failed": 1},
        "deleted": 0,
    }
    (listed,) = (await gateway.http.get("/v1/batches")).json()["items"]
    one = (await gateway.http.get(f"/v1/batches/{planned.id}")).json()
    assert listed["progress"] == one["progress"] == expected
    assert one["state"] == str(BatchState.ACCEPTED)


async def test_images_come_in_order_and_each_once(gateway: Gateway) -> None:
    planned = await gateway.planned(count=5)
    parts = await parts_of(gateway, f"/v1/batches/{planned.id}/images", limit=2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert joined(parts) == [f"{planned.id}-{index:04d}" for index in range(5)]


async def test_an_image_tells_what_was_asked_and_its_stored_seed(gateway: Gateway) -> None:
    planned = await gateway.planned(prompt=None, images=[{"prompt": "one", "seed": 5}, {"prompt": "two"}])
    images = (await gateway.http.get(f"/v1/batches/{planned.id}/images")).json()["items"]
    assert [image["prompt"] for image in images] == ["one", "two"]
    assert images[0]["seed"] == 5
    assert 0 <= images[1]["seed"] < 2**32
    assert [image["state"] for image in images] == ["planned", "planned"]
    assert (await gateway.http.get(f"/v1/images/{images[1]['id']}")).json() == images[1]


LATE, EARLY = "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"
"""Moments that are in no year of UTC."""


@pytest.mark.parametrize("moment", [LATE, EARLY])
async def test_a_cursor_from_beyond_the_calendar_is_refused_by_name(edge: httpx.AsyncClient, moment: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{moment}|batch".encode()).decode().rstrip("=")
    answer = await edge.get("/v1/batches", params={"cursor": cursor})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["cursor"]


@pytest.mark.parametrize("moment", [LATE, EARLY, "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize(
    ("path", "field", "body"),
    [
        ("/v1/batches", "schedule_at", {"provider": "studio", "prompt": "a fox"}),
        ("/v1/batches", "deadline_at", {"provider": "studio", "prompt": "a fox"}),
        ("/v1/keys", "expires_at", {"name": "ci", "scopes": ["read"]}),
    ],
)
async def test_a_moment_from_beyond_the_calendar_is_refused_by_name(
    edge: httpx.AsyncClient, moment: str, path: str, field: str, body: dict[str, Any]
) -> None:
    answer = await edge.post(path, json=body | {field: moment})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == [field]


@pytest.mark.parametrize("cursor", ["x", "", "%00", "MjAyNg", "MjAyNi0xMS0yMFQwMDowMDowMHxi", "=" * 9, "\u00e9"])
async def test_a_cursor_that_was_not_given_out_is_refused_by_name(edge: httpx.AsyncClient, cursor: str) -> None:
    answer = await edge.get("/v1/batches", params={"cursor": cursor})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["cursor"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
async def test_a_part_has_between_1_and_200_items(edge: httpx.AsyncClient, limit: str) -> None:
    for path in ("/v1/batches", "/v1/batches/b/images"):
        answer = await edge.get(path, params={"limit": limit})
        assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["limit"]


async def test_a_state_that_does_not_exist_is_refused_by_name(edge: httpx.AsyncClient) -> None:
    answer = await edge.get("/v1/batches", params={"state": "lost"})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["state"]
