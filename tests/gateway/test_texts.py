"""`/v1/batches/{id}/texts` and `/v1/texts/{id}`: what a batch of texts has made, apart from what has pixels."""

from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.settings import BatchPollerSettings

from ..house import running
from ..vendor_sandbox import GEMINI_KEY, VendorSandbox, vendor_sandbox_process, vendors
from .serving import Gateway, problem_of

__all__ = ["vendor_sandbox_process", "vendors"]

TEXTS = {"provider": "gemini", "mode": "batch", "text_kind": "image_prompts", "prompt": "five foxes", "count": 3}


@pytest.fixture
async def made(gateway: Gateway, vendors: VendorSandbox) -> str:
    """The id of a batch of three texts, all written."""
    settings = BatchPollerSettings(
        **gateway.house.values,
        gemini_url=vendors.url,
        gemini_api_key=GEMINI_KEY,
        poll_initial_s=0.1,
        due_interval_s=0.05,
    )
    answer = await gateway.http.post("/v1/batches", json=TEXTS)
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["id"]
    async with running(build(settings)):
        await gateway.house.completed(batch_id)
    return batch_id


async def got(gateway: Gateway, path: str, **query: str) -> dict[str, Any]:
    answer = await gateway.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_texts_are_listed_in_order_page_by_page(gateway: Gateway, made: str) -> None:
    first = await got(gateway, f"/v1/batches/{made}/texts", limit="2")
    rest = await got(gateway, f"/v1/batches/{made}/texts", limit="2", cursor=first["next_cursor"])

    texts = [*first["items"], *rest["items"]]
    assert [text["index"] for text in texts] == [0, 1, 2]
    assert rest["next_cursor"] is None
    assert {text["kind"] for text in texts} == {"image_prompts"}
    assert all(text["fields"]["prompts"] for text in texts)
    assert await got(gateway, f"/v1/texts/{texts[1]['id']}") == texts[1]
    batch = await got(gateway, f"/v1/batches/{made}")
    assert (batch["progress"]["ready"], batch["state"]) == (3, "completed")


async def test_a_text_is_no_image(gateway: Gateway, made: str) -> None:
    assert (await got(gateway, f"/v1/batches/{made}/images"))["items"] == []
    for path in ("", "/content", "/thumbnail"):
        assert (await gateway.http.get(f"/v1/images/{made}-0000{path}")).status_code == 404
    for verb in ("approve", "reject"):
        assert (await gateway.http.post(f"/v1/images/{made}-0000/{verb}")).status_code == 404


async def test_an_image_is_no_text(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/batches", json={"provider": "studio", "prompt": "a fox"})
    batch_id = answer.json()["id"]

    assert (await got(gateway, f"/v1/batches/{batch_id}/texts"))["items"] == []
    assert problem_of(await gateway.http.get(f"/v1/texts/{batch_id}-0000"), 404, "not-found")


async def test_texts_in_a_lane_are_refused_by_the_field(gateway: Gateway) -> None:
    problem = problem_of(
        await gateway.http.post("/v1/batches", json={**TEXTS, "mode": "realtime"}), 422, "invalid-request"
    )
    assert [error["field"] for error in problem["errors"]] == ["mode"]
