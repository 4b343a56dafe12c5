"""Credits over HTTP and by event: held on accept, spent on what is made, given back for the rest, whoever is killed."""

import asyncio
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pressroom.cli.children import Child
from pressroom.cli.own_instance import without_settings
from pressroom.cli.ports import free_port
from pressroom.contracts.events import BatchCompleted, BatchRejected, BatchRequested, TextGenerated
from pressroom.contracts.facts import BatchCounts
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import JOBS_STREAM, event_filter
from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderName, Role, TextKind
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.admission import Admission
from pressroom.runtime.credits import Credits
from pressroom.runtime.dead_letters import REPLAYED
from pressroom.runtime.errors import InvalidRequest
from pressroom.runtime.outbox import OutboxRelay
from pressroom.runtime.retries import NothingToRetry, Retries
from pressroom.runtime.settling import Settling
from pressroom.state.documents import BatchDocument
from pressroom.state.users import UserDocument

from ..house import House, ReadyProvider, eventually
from ..killable import PATIENT_S, as_environment
from ..mongo_gate import mongo_gate
from ..payers import a_payer, audited, balance, comes_to, kinds
from .people import a_user, bearer, token_of
from .serving import BODY, JWT_SECRET, TOKEN, Gateway, fields_named_in, problem_of, serving

MODEL = {"model": "gemini-3-pro-image"}
SMALL = BODY | {"width": 64, "height": 64, "profile": "none"}


async def ask(gateway: Gateway, user: UserDocument, key: str | None = None, **fields: Any) -> httpx.Response:
    """`POST /v1/batches` as that user."""
    headers = bearer(token_of(user)) | ({"Idempotency-Key": key} if key else {})
    return await gateway.http.post("/v1/batches", json=SMALL | fields, headers=headers)


async def a_batch(gateway: Gateway, user: UserDocument, **fields: Any) -> str:
    answer = await ask(gateway, user, **fields)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def failing(*indexes: int) -> ReadyProvider:
    """A provider that makes all images but these."""

    async def answer(request: GenerationRequest) -> None:
        if int(request.image_id.rpartition("-")[2]) in indexes:
            raise InvalidRequest("not this one")

    return ReadyProvider(answer)


async def test_what_is_made_is_spent(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "10")
    async with gateway.house.worker(ReadyProvider()):
        batch_id = await a_batch(gateway, user, count=2)
        await gateway.house.completed(batch_id)
        await comes_to(gateway.house, user, "2", "0", "8")
    assert await kinds(gateway.house, user) == ["topup", "hold", "capture", "capture"]
    await audited(gateway.house)


async def test_too_few_credits_are_refused_with_what_is_missing(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "9.5")
    problem = problem_of(await ask(gateway, user, count=3), 402, "insufficient-credits")
    assert {name: problem[name] for name in ("required", "available", "shortfall")} == {
        "required": "12",
        "available": "9.5",
        "shortfall": "2.5",
    }
    assert await balance(gateway.house, user) == ("9.5", "0", "0")
    assert await gateway.house.database.batches.find({}) == []


async def test_fifty_at_once_on_a_balance_for_ten_are_ten(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "43")
    answers = await asyncio.gather(*(ask(gateway, user) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {202: 10, 402: 40}
    assert await balance(gateway.house, user) == ("3", "40", "0")
    assert len(await gateway.house.database.batches.find({})) == 10
    assert (await kinds(gateway.house, user)).count("hold") == 10


async def test_the_same_key_by_ten_at_once_is_held_once_also_when_nothing_is_left(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "4")
    answers = await asyncio.gather(*(ask(gateway, user, key="one-wish") for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {202: 10}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await balance(gateway.house, user) == ("0", "4", "0")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
async def test_operators_and_admins_do_not_pay(gateway: Gateway, role: Role) -> None:
    user = await a_user(gateway.house, role)
    await a_batch(gateway, user, count=2)
    account = (await gateway.http.get("/v1/account", headers=bearer(token_of(user)))).json()
    assert account["credits"] is None
    assert "hold" not in await kinds(gateway.house, user)


async def test_what_failed_is_given_back(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "12")
    async with gateway.house.worker(failing(1)):
        await gateway.house.completed(await a_batch(gateway, user, count=3))
        await comes_to(gateway.house, user, "4", "0", "8")
    assert Counter(await kinds(gateway.house, user)) == {"topup": 1, "hold": 1, "capture": 2, "release": 1}
    await audited(gateway.house)


async def test_what_an_operator_has_made_again_from_a_dead_letter_costs_its_owner_nothing(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "4")
    async with house.worker(failing(0)):
        batch_id = await a_batch(gateway, user)
        await house.completed(batch_id)
        await comes_to(house, user, "4", "0", "0")
        (letter,) = await eventually(house.dead)
    await house.js.publish(
        letter.headers["Pressroom-Subject"], letter.data, stream=JOBS_STREAM, headers={REPLAYED: "1"}
    )
    async with house.worker(ReadyProvider()):

        async def is_made() -> bool:
            return (await house.image(f"{batch_id}-0000")).state is ImageState.GENERATED

        await eventually(is_made)
        await house.completed(batch_id)
    assert await balance(house, user) == ("4", "0", "0")
    await audited(house)


async def test_a_placeholder_costs_nothing(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "4")
    await gateway.house.open_lane(ProviderName.PLACEHOLDER)
    batch = await planned(gateway, user, fallback="placeholder")
    image_id = f"{batch.id}-0000"
    changes = {"provider": str(ProviderName.PLACEHOLDER), "state": str(ImageState.GENERATED)}
    await gateway.house.database.images.change(image_id, changes)
    await tell_completed(gateway.house, batch.id)
    await comes_to(gateway.house, user, "4", "0", "0")


async def test_a_text_is_spent_at_its_own_price(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "5")
    admission = Admission(house.database, house.outbox, house.settings)
    wanted = {"provider": "gemini", "mode": "batch", "prompt": "a poem", "text_kind": "plain", "count": 2}
    request = BatchRequest.model_validate(wanted)
    batch = await admission.plan((await admission.store("texts", user.id, request, announce=True)).batch)
    assert batch is not None
    assert await balance(house, user) == ("4", "1", "0")
    text_id = f"{batch.id}-0001"
    told = TextGenerated(
        batch_id=batch.id,
        text_id=text_id,
        index=1,
        kind=TextKind.PLAIN,
        provider=ProviderName.GEMINI,
        attempt=1,
        model="m",
        text="o",
    )
    changes = {"state": str(ImageState.GENERATED), "text": "o"}
    await house.database.images.change(text_id, changes, messages=[house.outbox.event(told)])
    await OutboxRelay(house.database, house.outbox, age_s=0, interval_s=1).once()
    await comes_to(house, user, "4", "0.5", "0.5")


async def test_a_batch_that_is_cancelled_before_it_is_planned_is_given_back(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "8")
    batch_id = await a_batch(gateway, user, count=2)
    assert await balance(gateway.house, user) == ("0", "8", "0")
    await gateway.http.post(f"/v1/batches/{batch_id}/cancel", headers=bearer(token_of(user)))
    await comes_to(gateway.house, user, "8", "0", "0")


async def test_of_a_cancelled_batch_what_was_made_is_spent_and_the_rest_given_back(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "12")
    batch = await planned(gateway, user, count=3)
    await house.database.images.change(f"{batch.id}-0000", {"state": str(ImageState.GENERATED)})
    await gateway.http.post(f"/v1/batches/{batch.id}/cancel", headers=bearer(token_of(user)))
    await Settling(house.database, house.outbox).settle(batch.id)
    # As after a keeper that saw the cancellation too soon: told again of the end.
    await tell_completed(house, batch.id)
    await comes_to(house, user, "8", "0", "4")


async def test_a_retry_holds_again_for_exactly_what_failed(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "16")
    async with gateway.house.worker(failing(0, 2)):
        batch_id = await a_batch(gateway, user, count=3)
        await gateway.house.completed(batch_id)
        await comes_to(gateway.house, user, "12", "0", "4")
    retried = await gateway.http.post(f"/v1/batches/{batch_id}/retry", headers=bearer(token_of(user)))
    assert retried.status_code == 202, retried.text
    assert await balance(gateway.house, user) == ("4", "8", "4")
    async with gateway.house.worker(failing(2)):
        await gateway.house.completed(batch_id)
        await comes_to(gateway.house, user, "8", "0", "8")
    await audited(gateway.house)


async def test_a_retry_that_is_not_covered_is_refused_and_nothing_is_made_again(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "4")
    async with gateway.house.worker(failing(0)):
        batch_id = await a_batch(gateway, user)
        await gateway.house.completed(batch_id)
        await comes_to(gateway.house, user, "4", "0", "0")
    await a_batch(gateway, user)
    retried = await gateway.http.post(f"/v1/batches/{batch_id}/retry", headers=bearer(token_of(user)))
    assert problem_of(retried, 402, "insufficient-credits")["shortfall"] == "4"
    stored = await gateway.house.database.batches.get(batch_id)
    assert stored is not None
    assert stored.state is BatchState.COMPLETED


async def test_of_two_retries_at_once_one_is_paid(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "12")
    async with house.worker(failing(0)):
        batch_id = await a_batch(gateway, user)
        await house.completed(batch_id)
        await comes_to(house, user, "12", "0", "0")
    batch = await house.database.batches.get(batch_id)
    assert batch is not None
    retries = Retries(house.database, house.outbox, house.settings)
    found = await asyncio.gather(*(retries.retry(batch, Mode.REALTIME, None) for _ in range(2)), return_exceptions=True)
    assert Counter(type(one) for one in found) == {BatchDocument: 1, NothingToRetry: 1}
    assert await balance(house, user) == ("8", "4", "0")


async def test_a_retry_whose_hold_was_given_back_is_over(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "8")
    batch = await planned(gateway, user)
    await house.database.images.change(f"{batch.id}-0000", {"state": str(ImageState.FAILED)})
    await house.database.batches.change(batch.id, {"state": str(BatchState.COMPLETED)})
    await tell_completed(house, batch.id)
    await comes_to(house, user, "8", "0", "0")
    completed = await house.database.batches.get(batch.id)
    assert completed is not None
    retries = Retries(house.database, house.outbox, house.settings)
    # As a retry that died before it opened the batch, and whose hold the keeper found.
    credits_of = Credits(house.database, house.settings)
    held = await credits_of.hold(completed, Mode.REALTIME, [0], "wish")
    assert held is not None
    await credits_of.give_back(held)
    with pytest.raises(NothingToRetry, match="given back"):
        await retries.retry(completed, Mode.REALTIME, None, "wish")
    assert await balance(house, user) == ("8", "0", "0")


async def test_a_batch_by_event_without_credits_is_rejected_with_the_reason(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "3")
    async with house.worker(ReadyProvider()):
        request = BatchRequest.model_validate(SMALL)
        await house.outbox.send(house.outbox.event(BatchRequested(batch_id="by-event", owner=user.id, request=request)))
        await house.batch_in("by-event", BatchState.REJECTED)
        (event,) = await eventually(lambda: rejections(house, "by-event"))
    (reason,) = event.reasons
    assert reason.field == "credits"
    assert "it costs 4 credits (1 x 4), and the account has 3: 1 are missing" in reason.message
    assert await balance(house, user) == ("3", "0", "0")


async def test_a_batch_by_event_that_is_covered_is_paid(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "5")
    async with house.worker(ReadyProvider()):
        request = BatchRequest.model_validate(SMALL)
        event = house.outbox.event(BatchRequested(batch_id="by-event", owner=user.id, request=request))
        await house.outbox.send(event)
        await house.completed("by-event")
        await comes_to(house, user, "1", "0", "4")
    await audited(house)


async def test_a_batch_that_is_refused_when_it_is_planned_is_given_back(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_payer(house, "4")
    batch_id = await a_batch(gateway, user)
    await house.database.lanes.raw.delete_many({})
    batch = await house.database.batches.get(batch_id)
    assert batch is not None
    refused = await Admission(house.database, house.outbox, house.settings).plan(batch)
    assert refused is not None
    assert refused.state is BatchState.REJECTED
    await comes_to(house, user, "4", "0", "0")
    await audited(house)


STEPS = {
    "before it begins": b"$filter",
    "before the account": b"findAndModify\0\x09\0\0\0accounts\0",
    "before the ledger": b"insert\0\x07\0\0\0ledger\0",
    "before the commit": b"commitTransaction",
}


@pytest.mark.parametrize("step", list(STEPS))
async def test_a_keeper_that_is_killed_leaves_a_ledger_that_sums(house: House, step: str, tmp_path: Path) -> None:
    user = await a_payer(house, "20")
    batch = await stored_batch(house, user, count=2)
    await house.database.images.change(f"{batch.id}-0000", {"state": str(ImageState.GENERATED)})
    await house.database.images.change(f"{batch.id}-0001", {"state": str(ImageState.FAILED)})
    await tell_completed(house, batch.id)
    async with mongo_gate(house.settings.mongo_url, (STEPS[step],)) as gate:
        keeper = keeper_process(house, tmp_path, mongo_url=gate.url)
        await gate.reached.wait()
        keeper.kill()
    account = await house.database.ledger.account(user.id)
    assert account.available == sum([entry.amount async for entry in house.database.ledger.every_entry(user.id)])
    assert await balance(house, user) == ("12", "8", "0")
    # No event tells of it again so soon; the sweep finds it.
    await house.database.ledger.holds.update_many({}, {"$set": {"swept_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    keeper = keeper_process(house, tmp_path)
    await comes_to(house, user, "16", "0", "4", within_s=PATIENT_S)
    keeper.kill()
    assert Counter(await kinds(house, user)) == {"topup": 1, "hold": 1, "capture": 1, "release": 1}


@pytest.mark.parametrize("step", ["before the account", "before the ledger", "before the commit"])
async def test_a_gateway_that_is_killed_while_it_takes_a_batch_holds_nothing(
    house: House, step: str, tmp_path: Path
) -> None:
    user = await a_payer(house, "4")
    async with mongo_gate(house.settings.mongo_url, (STEPS[step],)) as gate:
        port = free_port()
        killed = keeper_process(house, tmp_path, mongo_url=gate.url, gateway_port=port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENT_S) as http:
            await eventually(lambda: is_up(http), PATIENT_S)
            asking = asyncio.create_task(http.post("/v1/batches", json=SMALL, headers=bearer(token_of(user))))
            await gate.reached.wait()
            killed.kill()
            with pytest.raises(httpx.HTTPError):
                await asking
    assert await balance(house, user) == ("4", "0", "0")
    assert await house.database.batches.find({}) == []
    # What it left open locks the account until the server ends it; whoever asks again waits so long and is served.
    async with serving(house) as other:
        await a_batch(other, user)
    assert await balance(house, user) == ("0", "4", "0")
    assert await kinds(house, user) == ["topup", "hold"]


async def test_an_account_shows_its_credits_and_its_ledger_page_by_page(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "10.25")
    await a_batch(gateway, user, category="product")
    headers = bearer(token_of(user))
    account = (await gateway.http.get("/v1/account", headers=headers)).json()
    assert account["credits"] == {"available": "5.25", "held": "5", "spent": "0"}
    first = (await gateway.http.get("/v1/account/ledger", params={"limit": 1}, headers=headers)).json()
    (entry,) = first["items"]
    assert {name: entry[name] for name in ("kind", "amount", "balance", "price", "images", "sequence")} == {
        "kind": "hold",
        "amount": "-5",
        "balance": "5.25",
        "price": "5",
        "images": 1,
        "sequence": 2,
    }
    query = {"limit": 1, "cursor": first["next_cursor"]}
    second = (await gateway.http.get("/v1/account/ledger", params=query, headers=headers)).json()
    assert [(entry["kind"], entry["balance"]) for entry in second["items"]] == [("topup", "10.25")]
    assert second["next_cursor"] is None


async def test_nobody_sees_anothers_ledger(gateway: Gateway) -> None:
    ann, ben = await a_payer(gateway.house, "10"), await a_payer(gateway.house)
    headers = bearer(token_of(ben))
    assert (await gateway.http.get("/v1/account/ledger", headers=headers)).json()["items"] == []
    problem_of(await gateway.http.get(f"/v1/users/{ann.id}/ledger", headers=headers), 403, "insufficient-scope")
    assert len((await gateway.http.get(f"/v1/users/{ann.id}/ledger")).json()["items"]) == 1


async def test_an_admin_tops_up_once_for_a_key(gateway: Gateway) -> None:
    user = await a_payer(gateway.house)
    path, body = f"/v1/users/{user.id}/credits", {"amount": "25.5", "note": "invoice 7"}
    headers = {"Idempotency-Key": "invoice-7"}
    answers = await asyncio.gather(*(gateway.http.post(path, json=body, headers=headers) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {201: 5}
    assert Counter(answer.headers.get("Idempotency-Replayed") for answer in answers) == {None: 1, "true": 4}
    assert len({answer.text for answer in answers}) == 1
    entry = answers[0].json()
    assert (entry["kind"], entry["amount"], entry["note"], entry["by"]) == ("topup", "25.5", "invoice 7", "default")
    other = await gateway.http.post(path, json=body | {"amount": "26"}, headers=headers)
    problem_of(other, 409, "idempotency-key-reused")
    assert await balance(gateway.house, user) == ("25.5", "0", "0")


async def test_an_admin_puts_right_what_was_booked(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "10")
    body = {"amount": "-2.125", "kind": "adjustment", "note": "counted twice"}
    answer = await gateway.http.post(f"/v1/users/{user.id}/credits", json=body)
    assert (answer.status_code, answer.json()["balance"]) == (201, "7.875")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": "0"}, "body"),
        ({"amount": "-1"}, "body"),
        ({"amount": "0.0001"}, "amount"),
        ({"amount": "1e10"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"kind": "capture"}, "kind"),
        ({"note": "  "}, "note"),
        ({"owner": "me"}, "owner"),
    ],
)
async def test_what_cannot_be_booked_is_refused_by_its_field(
    gateway: Gateway, wrong: dict[str, str], field: str
) -> None:
    user = await a_payer(gateway.house)
    body = {"amount": "1", "note": "x"} | wrong
    problem = problem_of(await gateway.http.post(f"/v1/users/{user.id}/credits", json=body), 422, "invalid-request")
    assert fields_named_in(problem) == [field]
    assert await kinds(gateway.house, user) == []


async def test_an_estimate_says_what_it_would_cost_and_makes_nothing(gateway: Gateway) -> None:
    user = await a_payer(gateway.house, "15")
    body = BODY | {"provider": "gemini", "mode": "auto", "count": 10, "category": "product"} | MODEL
    answer = await gateway.http.post("/v1/batches/estimate", json=body, headers=bearer(token_of(user)))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["mode"], said["mode_choice"]["reason"]) == ("batch", "10 images that nobody waits for")
    assert (said["price"], said["credits"], said["saves_credits"]) == ("2.5", "25", "25")
    assert (said["is_metered"], said["available"], said["shortfall"]) == (True, "15", "10")
    assert [reason["field"] for reason in said["refusals"]] == ["credits"]
    assert float(said["cost_usd"]) == pytest.approx(float(said["saves_usd"]))
    assert float(said["cost_usd"]) > 0
    assert said["mode_choice"]["saves_microusd"] == round(float(said["saves_usd"]) * 1_000_000)
    assert await kinds(gateway.house, user) == ["topup"]
    assert await gateway.house.database.batches.find({}) == []


async def test_an_estimate_names_what_would_be_refused(gateway: Gateway) -> None:
    body = BODY | {"provider": "flux", "count": 3}
    said = (await gateway.http.post("/v1/batches/estimate", json=body)).json()
    assert [reason["field"] for reason in said["refusals"]] == ["provider"]
    assert (said["provider"], said["cost_usd"], said["is_metered"], said["available"]) == (None, None, False, None)


async def is_up(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def rejections(house: House, batch_id: str) -> list[BatchRejected]:
    told = [event.data for event in await house.events(event_filter(BatchRejected, batch_id))]
    return [event for event in told if isinstance(event, BatchRejected)]


async def stored_batch(house: House, user: UserDocument, **fields: Any) -> BatchDocument:
    """A planned batch of that user, whose credits are held."""
    admission = Admission(house.database, house.outbox, house.settings)
    request = BatchRequest.model_validate(SMALL | fields)
    admitted = await admission.store("stored", user.id, request, announce=True)
    batch = await admission.plan(admitted.batch)
    assert batch is not None
    return batch


async def planned(gateway: Gateway, user: UserDocument, **fields: Any) -> BatchDocument:
    return await stored_batch(gateway.house, user, **fields)


async def tell_completed(house: House, batch_id: str) -> None:
    counts = BatchCounts(requested=1, generated=1, failed=0, cancelled=0)
    await house.outbox.send(house.outbox.event(BatchCompleted(batch_id=batch_id, counts=counts)))


def keeper_process(house: House, folder: Path, **settings: Any) -> Child:
    """A gateway as a process of its own."""
    own = {"gateway_port": free_port(), "api_token": TOKEN, "jwt_secret": JWT_SECRET, "log_level": "warning"}
    environment = {**without_settings(os.environ), **as_environment({**house.values, **own, **settings})}
    return Child("gateway", [sys.executable, "-m", "pressroom.gateway"], folder / "keeper.log", environment=environment)
