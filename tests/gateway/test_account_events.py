"""`/v1/account/events`: one account's batches and nobody else's, resumable, and alive while only others' go by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from pressroom.contracts.events import BatchAccepted, BatchCancelled, BatchRequested, LaneClosed
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Role

from ..house import House, eventually
from .event_stream import EventStream, listening
from .people import a_user, bearer, token_of
from .serving import BODY, Gateway, problem_of, serving
from .test_live_events import is_listening

PATH = "/v1/account/events"


async def asked_for(gateway: Gateway, token: str) -> str:
    """A batch that the token's user asked for."""
    answer = await gateway.http.post("/v1/batches", json=BODY, headers=bearer(token))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@asynccontextmanager
async def heard(gateway: Gateway, token: str, path: str = PATH) -> AsyncIterator[EventStream]:
    async with listening(gateway, path, **bearer(token)) as stream:
        yield stream


async def test_a_user_hears_of_their_own_batches_and_an_operator_of_their_own_too(gateway: Gateway) -> None:
    ann, ben = [token_of(await a_user(gateway.house, role)) for role in (Role.USER, Role.OPERATOR)]
    async with heard(gateway, ann) as anns, heard(gateway, ben) as bens:
        await is_listening(anns)
        await is_listening(bens)
        made = [(await asked_for(gateway, ann), await asked_for(gateway, ben)) for _ in range(3)]
        await gateway.batch()
        told = [[frame.data["data"]["batch_id"] for frame in await stream.events(3)] for stream in (anns, bens)]
    assert told == [[first for first, _ in made], [second for _, second in made]]


async def test_whatever_happens_to_the_batch_is_heard_and_what_happens_to_lanes_is_not(gateway: Gateway) -> None:
    ann = token_of(await a_user(gateway.house))
    async with heard(gateway, ann) as stream:
        await is_listening(stream)
        batch_id = await asked_for(gateway, ann)
        await gateway.house.outbox.send(
            gateway.house.outbox.event(LaneClosed(lane="studio", reason="it is out of ink"))
        )
        await gateway.http.post(f"/v1/batches/{batch_id}/cancel", headers=bearer(ann))
        told = [(frame.event, frame.data["data"]["batch_id"]) for frame in await stream.events(2)]
    assert told == [(BatchRequested.type_name(), batch_id), (BatchCancelled.type_name(), batch_id)]


async def test_a_request_by_event_is_heard_by_whom_it_names_before_its_batch_is_stored(gateway: Gateway) -> None:
    outbox = gateway.house.outbox
    ann, ben = [await a_user(gateway.house) for _ in range(2)]
    request = BatchRequest.model_validate(BODY)
    async with heard(gateway, token_of(ann)) as stream:
        await is_listening(stream)
        for owner, batch_id in ((ben.id, "order-1"), (ann.id, "order-2")):
            await outbox.send(outbox.event(BatchRequested(batch_id=batch_id, owner=owner, request=request)))
        assert (await stream.event()).data["data"]["batch_id"] == "order-2"


async def test_nobody_hears_of_a_batch_by_claiming_its_id(gateway: Gateway) -> None:
    """The request is shown to whom it names; the story of the batch that has the id stays its owner's."""
    outbox = gateway.house.outbox
    ann, ben = [await a_user(gateway.house) for _ in range(2)]
    anns = await asked_for(gateway, token_of(ann))
    request = BatchRequest.model_validate(BODY)
    async with heard(gateway, token_of(ben)) as stream:
        await is_listening(stream)
        await outbox.send(outbox.event(BatchRequested(batch_id=anns, owner=ben.id, request=request)))
        accepted = BatchAccepted(batch_id=anns, owner=ann.id, provider="studio", image_count=1)
        await outbox.send(outbox.event(accepted))
        bens = await asked_for(gateway, token_of(ben))
        told = [frame.data["data"]["batch_id"] for frame in await stream.events(2)]
    assert told == [anns, bens]


async def test_a_listener_goes_on_after_the_last_event_that_it_saw(gateway: Gateway) -> None:
    ann = token_of(await a_user(gateway.house))
    made = [await asked_for(gateway, ann) for _ in range(2)]
    await gateway.batch()
    made += [await asked_for(gateway, ann)]
    async with heard(gateway, ann, f"{PATH}?after=0") as stream:
        seen = await stream.events(2)
    async with heard(gateway, ann, f"{PATH}?after={seen[-1].id}") as stream:
        rest = await stream.event()
    assert [frame.data["data"]["batch_id"] for frame in (*seen, rest)] == made


async def test_a_stream_is_alive_while_only_others_events_go_by(house: House) -> None:
    ann = token_of(await a_user(house))
    async with serving(house, live_heartbeat_s=0.5) as gateway, heard(gateway, ann) as stream:
        await is_listening(stream)

        async def others() -> None:
            while True:
                await gateway.batch()

        # Never silent for half a second, so the tail itself has nothing to say.
        busy = asyncio.create_task(others())
        try:
            assert [(await stream.frame()).comment for _ in range(3)] == ["alive"] * 3
        finally:
            busy.cancel()


async def test_an_operator_who_is_one_no_more_hears_no_more_of_everybody(gateway: Gateway) -> None:
    user = await a_user(gateway.house, Role.OPERATOR)
    token = token_of(user)
    await gateway.http.patch(f"/v1/users/{user.id}", json={"role": "user"})

    async def is_refused() -> bool:
        async with gateway.http.stream("GET", "/v1/events", headers=bearer(token)) as answer:
            return answer.status_code == 403

    assert await eventually(is_refused)


async def test_a_stream_ends_after_its_lifetime_and_goes_on_for_who_may_still_listen(house: House) -> None:
    user = await a_user(house)
    token = token_of(user)
    async with serving(house, live_heartbeat_s=0.5, live_lifetime_s=1, auth_cache_s=0) as gateway:
        first = await asked_for(gateway, token)
        async with heard(gateway, token, f"{PATH}?after=0") as stream:
            seen = await stream.event()
            await stream.end()
        second = await asked_for(gateway, token)
        async with heard(gateway, token, f"{PATH}?after={seen.id}") as stream:
            assert (await stream.event()).data["data"]["batch_id"] == second
        assert seen.data["data"]["batch_id"] == first
        await house.database.users.change(user.id, {"disabled_at": datetime.now(UTC)})
        problem_of(await gateway.http.get(f"{PATH}?after={seen.id}", headers=bearer(token)), 403, "account-disabled")
