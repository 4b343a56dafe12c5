"""Callers are told what becomes of their batches: once up, once taken, under one id, whoever else is dead."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from standardwebhooks import Webhook

from pressroom.contracts.events import BatchCancelled, BatchCompleted, NoticeDelivered, NoticeFailed
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.jobs import SendNotice
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import BatchState, ErrorKind, LaneState, NoticeChannel, NoticeKind, NoticeState
from pressroom.image_worker.providers import GenerationRequest
from pressroom.publisher.app import build
from pressroom.publisher.notice_jobs import NoticeWork
from pressroom.publisher.settings import PublisherSettings
from pressroom.runtime.admission import Admission
from pressroom.runtime.dead_letters import REPLAYED
from pressroom.runtime.errors import InvalidRequest, Moderated
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.notices import Notices
from pressroom.runtime.settings import Settings
from pressroom.state.collection import Collection
from pressroom.state.documents import BatchDocument, NoticeDocument

from ..house import House, ReadyProvider, eventually, running
from .notice_receivers import Received, Receiver, mailbox, receiver, says

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
ANN = "ann@example.com"


@pytest.fixture(autouse=True)
def _notices_are_set_up(house: House) -> None:  # pyright: ignore[reportUnusedFunction] pytest calls it
    """Every service of the house has the settings that they need, and retries quickly."""
    house.values |= {
        "notice_secret": SECRET,
        "smtp_url": "smtp://127.0.0.1:9",
        "mail_from": "pressroom@shop.example",
        "public_url": "https://press.example",
        "webhook_secret": "not-guessed-by-anybody",
        "trusted_private_hosts": ("127.0.0.1",),
        "notice_backoff_initial_s": 0.1,
        "notice_backoff_max_s": 0.3,
        "notice_timeout_s": 5.0,
    }


def publisher(house: House, **more: Any) -> AbstractAsyncContextManager[None]:
    return running(build(PublisherSettings(**{**house.values, **more})))


async def completed(house: House, *notify: dict[str, Any], **fields: Any) -> BatchDocument:
    async with house.worker(ReadyProvider()):
        batch = await house.request(notify=list(notify), **fields)
        await house.completed(batch.id)
    return await house.batch_in(batch.id, BatchState.COMPLETED)


async def notices_in(house: House, batch_id: str, state: NoticeState, count: int = 1) -> list[NoticeDocument]:
    async def look() -> list[NoticeDocument] | None:
        found = await house.database.notices.find({"batch_id": batch_id, "state": str(state)}, sort=[("created_at", 1)])
        return found if len(found) == count else None

    return await eventually(look, within_s=30)


async def tried(house: House, batch_id: str, times: int) -> NoticeDocument:
    async def look() -> NoticeDocument | None:
        found = await house.database.notices.find({"batch_id": batch_id}, limit=1)
        return found[0] if found and len(found[0].attempts) >= times else None

    return await eventually(look, within_s=30)


async def test_a_receiver_that_is_down_for_a_while_gets_every_notice_once_up_under_one_id(house: House) -> None:
    async with receiver(up=False) as hook, publisher(house):
        batches = [await completed(house, {"url": hook.url}) for _ in range(2)]
        waiting = [await tried(house, batch.id, times=2) for batch in batches]
        assert {notice.state for notice in waiting} <= {NoticeState.PENDING, NoticeState.SENDING}
        await hook.start()
        delivered = [(await notices_in(house, batch.id, NoticeState.DELIVERED))[0] for batch in batches]
    assert sorted(hook.ids) == sorted(notice.id for notice in delivered) == sorted(notice.id for notice in waiting)
    for notice in delivered:
        *failed, last = notice.attempts
        assert all(attempt.error and attempt.status is None for attempt in failed)
        assert (last.status, last.error) == (204, None)
    assert (await house.audit()).drifts == ()


async def test_a_notice_is_signed_as_standard_webhooks_are_and_says_how_the_batch_ended(house: House) -> None:
    async with receiver() as hook, publisher(house, notice_secret=f"{SECRET} {OLD_SECRET}"):
        batch = await completed(house, {"url": hook.url}, count=2, title="Foxes")
        await notices_in(house, batch.id, NoticeState.DELIVERED)
    (request,) = hook.received
    for secret in (SECRET, OLD_SECRET):
        told = Webhook(secret).verify(request.body, request.headers)
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert told["type"] == "batch.completed"
    assert told["timestamp"]
    assert told["data"]["batch_id"] == batch.id
    assert told["data"]["state"] == "completed"
    assert told["data"]["title"] == "Foxes"
    assert told["data"]["url"] == f"https://press.example/v1/batches/{batch.id}"
    counts = {"requested": 2, "generated": 2, "failed": 0, "cancelled": 0, "placeholders": 0}
    assert told["data"]["counts"] == counts


async def test_a_publisher_killed_after_the_receiver_took_it_sends_the_same_id_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = None
    async with receiver() as hook:
        real = Collection.transition
        reached = asyncio.Event()

        async def die(self: Collection[Any], document_id: str, target: Any, **more: Any) -> Any:
            if target is NoticeState.DELIVERED:
                reached.set()
                await asyncio.Event().wait()
            return await real(self, document_id, target, **more)

        async def nothing(*_args: Any, **_more: Any) -> None:
            return None

        with monkeypatch.context() as patch:
            patch.setattr(Collection, "transition", die)
            patch.setattr(NoticeWork, "give_back", nothing)
            async with publisher(house):
                batch = await completed(house, {"url": hook.url})
                async with asyncio.timeout(20):
                    await reached.wait()
        async with publisher(house):
            (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert hook.ids == [notice.id, notice.id]
    assert notice.crashes == 1
    assert len({request.body for request in hook.received}) == 1
    assert (await house.audit()).drifts == ()


async def test_a_receiver_that_is_gone_is_not_asked_again_until_somebody_says_so(house: House) -> None:
    async with receiver() as hook, publisher(house):
        hook.answers(410)
        batch = await completed(house, {"url": hook.url})
        (failed,) = await notices_in(house, batch.id, NoticeState.FAILED)
        (letter,) = await eventually(house.dead)
        assert failed.error is not None
        assert "410" in failed.error.message
        assert [attempt.status for attempt in failed.attempts] == [410]
        assert letter.subject == "pressroom.dead.JOBS.notice-webhook-normal"
        hook.answers(200)
        await Notices(house.database, house.outbox).send_again(failed)
        (delivered,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert [attempt.status for attempt in delivered.attempts] == [410, 200]
    assert hook.ids == [failed.id, failed.id]
    events = await house.events(event_filter(NoticeFailed)) + await house.events(event_filter(NoticeDelivered))
    assert [event.data.fact for event in events] == ["failed", "delivered"]
    assert (await house.audit()).drifts == ()


async def test_what_is_not_taken_for_its_whole_time_is_given_up_and_its_dead_letter_can_be_sent_again(
    house: House,
) -> None:
    async with receiver() as hook, publisher(house, notice_retry_for_s=0.5):
        hook.answers(500)
        batch = await completed(house, {"url": hook.url})
        (failed,) = await notices_in(house, batch.id, NoticeState.FAILED)
        (letter,) = await eventually(house.dead)
        assert len(failed.attempts) > 1
        assert failed.error is not None
        assert "given up after" in failed.error.message
        hook.answers(200)
        headers = {"Nats-Msg-Id": "replay-1", REPLAYED: "1"}
        await house.js.publish(letter.headers["Pressroom-Subject"], letter.data, stream="JOBS", headers=headers)
        (delivered,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert delivered.id == failed.id
    assert (await house.audit()).drifts == ()


async def test_a_slow_receiver_is_asked_again_later(house: House) -> None:
    async with receiver() as hook, publisher(house, notice_timeout_s=0.3):
        hook.never_answers()
        batch = await completed(house, {"url": hook.url})
        notice = await tried(house, batch.id, times=1)
        assert notice.attempts[0].error == "no answer within 0.3 s"
        hook.answers(202)
        await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert set(hook.ids) == {notice.id}


async def test_an_answer_without_end_is_not_read(house: House) -> None:
    async def endless(_request: Received) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000

    async with receiver() as hook, publisher(house):
        hook.answer = endless
        batch = await completed(house, {"url": hook.url})
        (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert hook.ids == [notice.id]


async def test_a_redirect_is_not_followed(house: House) -> None:
    async with receiver() as hook, receiver() as elsewhere, publisher(house, notice_retry_for_s=0):
        hook.answers(307, f"Location: {elsewhere.url}")
        batch = await completed(house, {"url": hook.url})
        (notice,) = await notices_in(house, batch.id, NoticeState.FAILED)
    assert elsewhere.received == []
    assert "redirects are not followed" in str(notice.attempts[0].error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"])
async def test_a_private_address_is_never_asked_unless_the_operator_trusts_it(house: House, host: str) -> None:
    async with receiver() as hook, publisher(house, trusted_private_hosts=()):
        batch = await completed(house, {"url": f"http://{host}:{hook.port}/"})
        (notice,) = await notices_in(house, batch.id, NoticeState.FAILED)
    assert hook.received == []
    assert notice.error is not None
    assert "PRESSROOM_TRUSTED_PRIVATE_HOSTS" in notice.error.message


async def test_a_receiver_that_asks_for_time_gets_it_and_the_lane_goes_on(house: House) -> None:
    async with receiver() as busy, receiver() as other, publisher(house):
        busy.answers(429, "Retry-After: 2")
        first = await completed(house, {"url": busy.url})
        waiting = await tried(house, first.id, times=1)
        busy.answers(200)
        second = await completed(house, {"url": other.url})
        await notices_in(house, second.id, NoticeState.DELIVERED)
        lane = await house.database.lanes.get(str(NoticeChannel.WEBHOOK))
        assert lane is None or lane.state is LaneState.OPEN
        (delivered,) = await notices_in(house, first.id, NoticeState.DELIVERED)
    assert (waiting.not_before - waiting.attempts[0].at).total_seconds() >= 2
    assert (delivered.attempts[1].at - waiting.attempts[0].at).total_seconds() >= 2


async def test_a_dead_receiver_does_not_delay_anothers_notices(house: House) -> None:
    async with receiver() as dead, receiver() as alive, publisher(house, notices_at_once=4, notice_timeout_s=60):
        dead.never_answers()
        for _ in range(6):
            await completed(house, {"url": dead.url})
        await eventually(_has_some(dead))
        batch = await completed(house, {"url": alive.url})
        (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
        assert notice.delivered_at is not None
        assert (notice.delivered_at - notice.created_at).total_seconds() < 10
        assert len(dead.received) == 1


def _has_some(hook: Receiver) -> Any:
    async def look() -> bool:
        return bool(hook.received)

    return look


async def test_half_of_the_images_is_told_while_the_others_are_made(house: House) -> None:
    go_on = asyncio.Event()

    async def answer(request: Any) -> None:
        if not request.image_id.endswith(("-0000", "-0001")):
            await go_on.wait()

    async with receiver() as hook, publisher(house), house.worker(ReadyProvider(answer)):
        asked = {"url": hook.url, "on": ["half_done", "completed"]}
        batch = await house.request(notify=[asked], count=4, max_concurrent=4)
        (half,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
        assert half.kind is NoticeKind.HALF_DONE
        go_on.set()
        await house.completed(batch.id)
        await notices_in(house, batch.id, NoticeState.DELIVERED, count=2)
    first, second = (json.loads(request.body) for request in hook.received)
    assert (first["type"], first["data"]["state"]) == ("batch.half_done", "accepted")
    assert first["data"]["counts"]["generated"] == 2
    assert second["type"] == "batch.completed"
    assert len(set(hook.ids)) == 2
    assert (await house.audit()).drifts == ()


async def test_half_of_the_texts_is_told_as_texts(house: House) -> None:
    on: list[str] = ["half_done"]
    async with receiver() as hook, mailbox() as box, publisher(house, smtp_url=box.url):
        asked = await house.request(
            provider="gemini",
            mode="batch",
            text_kind="plain",
            count=2,
            notify=[{"url": hook.url, "on": on}, {"email": ANN, "on": on}],
        )
        await Admission(house.database, house.outbox, Settings(**house.values)).plan(asked)
        error = ErrorReport(kind=ErrorKind.MODERATION, message="not this", recoverable=False)
        text = await house.image(f"{asked.id}-0000")
        await Finishing(house.database, house.blobs, house.outbox, house.settings).fail(text, error, claim=None)
        await notices_in(house, asked.id, NoticeState.DELIVERED, count=2)
    (request,), (mail,) = hook.received, box.mails
    assert json.loads(request.body)["type"] == "batch.half_done"
    assert json.loads(request.body)["data"]["failures"] == [{"text_id": text.id, "message": "moderation: not this"}]
    assert "0 of 2 texts are ready" in mail.get_content()


async def test_only_what_was_asked_for_is_told(house: House) -> None:
    async with receiver() as hook, publisher(house):
        batch = await completed(house, {"url": hook.url, "on": ["rejected", "cancelled"]})
        told = await completed(house, {"url": hook.url})
        await notices_in(house, told.id, NoticeState.DELIVERED)
        assert await house.database.notices.find({"batch_id": batch.id}) == []


async def test_an_event_that_comes_twice_is_told_once(house: House) -> None:
    async with receiver() as hook, publisher(house):
        batch = await completed(house, {"url": hook.url})
        (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
        (event,) = await house.events(event_filter(BatchCompleted, batch.id))
        await house.outbox.send(house.outbox.event(event.data))
        marker = await completed(house, {"url": hook.url})
        await notices_in(house, marker.id, NoticeState.DELIVERED)
    assert hook.ids.count(notice.id) == 1


async def test_a_refused_and_a_cancelled_batch_are_told_with_their_reasons(house: House) -> None:
    asked = {"on": ["rejected", "cancelled"]}
    async with receiver() as hook, publisher(house):
        async with house.worker(ReadyProvider()):
            refused = await house.request(notify=[{**asked, "url": hook.url}], profile="no-such-profile")
            await notices_in(house, refused.id, NoticeState.DELIVERED)
        cancelled = await house.request(notify=[{**asked, "url": hook.url}])
        moved = await house.database.batches.transition(
            cancelled.id,
            BatchState.CANCELLED,
            messages=[house.outbox.event(BatchCancelled(batch_id=cancelled.id))],
        )
        assert moved is not None
        await house.outbox.publish(house.database.batches, moved)
        await notices_in(house, cancelled.id, NoticeState.DELIVERED)
    first, second = (json.loads(request.body) for request in hook.received)
    assert (first["type"], second["type"]) == ("batch.rejected", "batch.cancelled")
    assert first["data"]["reasons"][0]["field"] == "profile"


async def test_what_came_to_nothing_is_told_as_failed_whether_it_was_refused_or_tried(house: House) -> None:
    async def refuse(_request: GenerationRequest) -> bytes | None:
        raise InvalidRequest("the provider does not like it")

    async with receiver() as hook, publisher(house):
        asked = {"on": ["failed"], "url": hook.url}
        async with house.worker(ReadyProvider(refuse)):
            tried_in_vain = await house.request(notify=[asked])
            await notices_in(house, tried_in_vain.id, NoticeState.DELIVERED)
            refused = await house.request(notify=[asked], profile="no-such-profile")
            await notices_in(house, refused.id, NoticeState.DELIVERED)
        fine = await completed(house, {"on": ["failed", "completed"], "url": hook.url})
        await notices_in(house, fine.id, NoticeState.DELIVERED)
    told = [json.loads(request.body) for request in hook.received]
    assert [(one["type"], one["data"]["batch_id"]) for one in told] == [
        ("batch.failed", tried_in_vain.id),
        ("batch.failed", refused.id),
        ("batch.completed", fine.id),
    ]


async def test_a_notice_whose_job_got_lost_is_queued_again(house: House) -> None:
    async with receiver() as hook, publisher(house):
        batch = await completed(house, {"url": hook.url})
        (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    lost = await house.database.notices.change(
        notice.id, {"state": "pending", "due_at": notice.created_at, "outbox": []}
    )
    assert lost is not None
    async with receiver() as other, publisher(house):
        await house.database.notices.change(notice.id, {"target": other.url})
        await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert other.ids == [notice.id]


async def test_a_mail_says_what_a_person_wants_to_know(house: House) -> None:
    async def answer(request: Any) -> bytes | None:
        if request.image_id.endswith("-0001"):
            raise Moderated("the easel fell over")
        return None

    async with mailbox() as box, publisher(house, smtp_url=box.url), house.worker(ReadyProvider(answer)):
        batch = await house.request(notify=[{"email": ANN}], count=2, title="Foxes\r\nBcc: eve@example.com")
        (notice,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
    (mail,) = box.mails
    assert box.recipients == [ANN]
    assert mail["Message-ID"] == f"<{notice.id}@shop.example>"
    assert (mail["From"], mail["To"]) == ("pressroom@shop.example", ANN)
    assert mail["Subject"] == "Batch “Foxes Bcc: eve@example.com” is complete: 1 of 2 images, 1 failed"
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "1 of 2 images are ready" in text
    assert f"{batch.id}-0001: moderation: " in text
    assert "the easel fell over" in text
    assert f"https://press.example/v1/batches/{batch.id}" in text
    assert notice.attempts[0].status == 250
    assert (await house.audit()).drifts == ()


async def test_a_mail_server_that_is_away_gets_the_mail_once_up_and_one_that_refuses_is_not_asked_again(
    house: House,
) -> None:
    async with publisher(house):
        batch = await completed(house, {"email": ANN})
        away = await tried(house, batch.id, times=1)
        assert "cannot be reached" in str(away.attempts[0].error)
    async with mailbox() as box, publisher(house, smtp_url=box.url):
        (delivered,) = await notices_in(house, batch.id, NoticeState.DELIVERED)
        assert [mail["Message-ID"] for mail in box.mails] == [f"<{delivered.id}@shop.example>"]
        box.refuses = "450 try again later"
        patient = await completed(house, {"email": ANN})
        assert (await tried(house, patient.id, times=2)).attempts[0].status == 450
        box.refuses = "550 no such user"
        await notices_in(house, patient.id, NoticeState.FAILED)
    (failed,) = await notices_in(house, patient.id, NoticeState.FAILED)
    assert failed.error is not None
    assert "550 no such user" in failed.error.message
    assert (await house.audit()).drifts == ()


async def test_a_redelivery_of_what_waits_is_tried_at_once(house: House) -> None:
    async with receiver(up=False) as hook, publisher(house, notice_backoff_initial_s=600, notice_backoff_max_s=600):
        batch = await completed(house, {"url": hook.url})
        waiting = await tried(house, batch.id, times=1)
        await hook.start()
        # A message that comes before its time is no try.
        await house.outbox.send(
            house.outbox.job(SendNotice(batch_id=batch.id, notice_id=waiting.id, channel=NoticeChannel.WEBHOOK))
        )

        async def sent() -> NoticeDocument | None:
            found = await house.database.notices.get(waiting.id)
            return await Notices(house.database, house.outbox).send_again(found) if found else None

        await eventually(sent)
        await notices_in(house, batch.id, NoticeState.DELIVERED)
    assert hook.ids == [waiting.id]


async def test_an_answer_that_makes_no_sense_is_tried_again(house: House) -> None:
    async def nonsense(_request: Received) -> bytes:
        return b"SSH-2.0-nobody\r\n"

    async with receiver() as hook, publisher(house):
        hook.answer = nonsense
        batch = await completed(house, {"url": hook.url})
        await tried(house, batch.id, times=1)

        async def takes(_request: Received) -> bytes:
            return says(200)

        hook.answer = takes
        await notices_in(house, batch.id, NoticeState.DELIVERED)
