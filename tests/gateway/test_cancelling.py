"""`POST /v1/batches/{id}/cancel`: told once, harmless twice, refused when there is nothing left to cancel."""

import asyncio
from collections import Counter

import pytest

from pressroom.contracts.events import BatchCancelled, Event
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import BatchState

from .serving import Gateway, problem_of


async def told(gateway: Gateway, kind: type[Event], story: str) -> list[Event]:
    return [event.data for event in await gateway.house.events(event_filter(kind, story))]


async def test_a_batch_that_nobody_planned_yet_is_cancelled(gateway: Gateway) -> None:
    batch = await gateway.batch()
    answer = await gateway.http.post(f"/v1/batches/{batch['id']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert await told(gateway, BatchCancelled, batch["id"]) == [BatchCancelled(batch_id=batch["id"])]


async def test_a_batch_in_work_is_cancelled(gateway: Gateway) -> None:
    batch = await gateway.planned(count=2)
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


async def test_cancelling_ten_times_at_once_is_cancelling_once(gateway: Gateway) -> None:
    batch = await gateway.planned(count=2)
    answers = await asyncio.gather(*(gateway.http.post(f"/v1/batches/{batch.id}/cancel") for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {200: 10}
    assert len(await told(gateway, BatchCancelled, batch.id)) == 1


@pytest.mark.parametrize("state", [BatchState.COMPLETED, BatchState.REJECTED])
async def test_a_batch_that_is_over_cannot_be_cancelled(gateway: Gateway, state: BatchState) -> None:
    batch = await gateway.planned()
    await gateway.house.database.batches.change(batch.id, {"state": str(state)})
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/cancel")
    assert str(state) in problem_of(answer, 409, "batch-over")["detail"]
    assert await told(gateway, BatchCancelled, batch.id) == []
