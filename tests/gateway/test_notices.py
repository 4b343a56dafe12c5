"""A batch's notices over HTTP: their log, delivering one again, and what is refused before anything is made."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from pressroom.cli.main import build
from pressroom.contracts.vocabulary import NoticeKind
from pressroom.runtime.notices import Notices
from pressroom.state.documents import NoticeDocument

from ..house import House
from .serving import BODY, TOKEN, Gateway, fields_named_in, problem_of, serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = {"url": "https://shop.example/hooks"}
ANN = {"email": "ann@example.com"}


async def a_notice(house: House, *, failed: bool = False, **fields: Any) -> NoticeDocument:
    batch = await house.request(notify=[HOOK], **fields)
    await Notices(house.database, house.outbox).tell(batch, NoticeKind.COMPLETED, at=datetime.now(UTC))
    (notice,) = await house.database.notices.find({"batch_id": batch.id})
    if not failed:
        return notice
    attempt = {"at": datetime.now(UTC), "seconds": 0.1, "status": 410, "error": "it answered 410 Gone"}
    error = {"kind": "validation", "message": "it answered 410 Gone", "recoverable": False}
    changed = await house.database.notices.change(
        notice.id, {"state": "failed", "attempts": [attempt], "failures": 1, "error": error}
    )
    assert changed is not None
    return changed


async def test_a_batchs_notices_are_listed_with_every_try(gateway: Gateway) -> None:
    notice = await a_notice(gateway.house, failed=True)
    answer = await gateway.http.get(f"/v1/batches/{notice.batch_id}/notices")
    (shown,) = answer.json()
    assert (shown["id"], shown["kind"], shown["channel"]) == (notice.id, "completed", "webhook")
    assert (shown["target"], shown["state"], shown["next_attempt_at"]) == (HOOK["url"], "failed", None)
    assert [(attempt["status"], attempt["error"]) for attempt in shown["attempts"]] == [(410, "it answered 410 Gone")]
    assert shown["error"]["message"] == "it answered 410 Gone"


async def test_a_batch_that_tells_nobody_has_an_empty_list_and_no_batch_has_none(gateway: Gateway) -> None:
    batch = await gateway.house.request()
    assert (await gateway.http.get(f"/v1/batches/{batch.id}/notices")).json() == []
    problem_of(await gateway.http.get("/v1/batches/batch_none/notices"), 404, "not-found")


async def test_a_failed_notice_is_delivered_again_under_its_id(gateway: Gateway) -> None:
    notice = await a_notice(gateway.house, failed=True)
    answer = await gateway.http.post(f"/v1/notices/{notice.id}/redeliver")
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["id"], shown["state"], shown["error"]) == (notice.id, "pending", None)
    assert len(shown["attempts"]) == 1
    job = await gateway.house.js.get_last_msg("JOBS", f"pressroom.job.notice.webhook.normal.{notice.id}")
    assert notice.id in (job.data or b"").decode()


async def test_a_notice_on_its_way_goes_on(gateway: Gateway) -> None:
    notice = await a_notice(gateway.house)
    await gateway.house.database.notices.change(notice.id, {"state": "sending"})
    answer = await gateway.http.post(f"/v1/notices/{notice.id}/redeliver")
    assert (answer.status_code, answer.json()["state"]) == (202, "sending")


async def test_somebody_elses_notice_is_not_there(gateway: Gateway) -> None:
    notice = await a_notice(gateway.house)
    await gateway.house.database.notices.change(notice.id, {"owner": "somebody-else"})
    problem_of(await gateway.http.post(f"/v1/notices/{notice.id}/redeliver"), 404, "not-found")
    problem_of(await gateway.http.post("/v1/notices/notice_none/redeliver"), 404, "not-found")


@pytest.mark.parametrize(
    ("target", "field", "names"),
    [
        (HOOK, "notify.0.url", ["PRESSROOM_NOTICE_SECRET"]),
        (ANN, "notify.0.email", ["PRESSROOM_SMTP_URL", "PRESSROOM_MAIL_FROM"]),
    ],
)
async def test_a_way_to_tell_that_is_not_set_up_is_refused_by_the_settings_name(
    edge: httpx.AsyncClient, target: dict[str, str], field: str, names: list[str]
) -> None:
    problem = problem_of(await edge.post("/v1/batches", json=BODY | {"notify": [target]}), 422, "invalid-request")
    assert list(fields_named_in(problem)) == [field]
    assert all(name in problem["detail"] for name in names)


async def test_a_field_of_a_target_that_nobody_knows_is_refused(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/v1/batches", json=BODY | {"notify": [{**HOOK, "secret": "x"}]})
    assert "notify.0.secret" in fields_named_in(problem_of(answer, 422, "invalid-request"))


async def test_with_its_settings_both_ways_are_taken(house: House) -> None:
    set_up = {"notice_secret": SECRET, "smtp_url": "smtp://127.0.0.1:9", "mail_from": "pressroom@shop.example"}
    async with serving(house, **set_up) as gateway:
        batch = await gateway.batch(notify=[{**HOOK, "on": ["half_done", "completed"]}, ANN])
    assert [target["on"] for target in batch["request"]["notify"]] == [["half_done", "completed"], ["completed"]]


async def test_the_command_shows_every_try_and_delivers_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_URL", gateway.url)
    monkeypatch.setenv("PRESSROOM_API_TOKEN", TOKEN)

    async def said(*words: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, build(["notices"]), ["notices", *words])
        assert done.exit_code == 0, done.output
        return done.output

    notice = await a_notice(gateway.house, failed=True)
    shown = await said(notice.batch_id)
    assert f"{notice.id}  failed" in shown
    assert "410 it answered 410 Gone" in shown
    assert await said("redeliver", notice.id) == f"{notice.id} is pending: {HOOK['url']}\n"
    assert "next try" in await said(notice.batch_id)
    assert '"state":"pending"' in await said(notice.batch_id, "--json")
