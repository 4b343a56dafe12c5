"""Which way a batch goes that leaves it open: three and more, not urgent, with time, and what batch mode can make."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Mode
from pressroom.runtime.admission import mode_choice, refusals
from pressroom.runtime.modes import settled
from pressroom.runtime.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def asked(**fields: Any) -> BatchRequest:
    return BatchRequest.model_validate({"providers": ["flux", "gemini"], "prompt": "x", "mode": "auto", **fields})


@pytest.mark.parametrize("count", [3, 10, 25])
def test_three_and_more_that_nobody_waits_for_go_the_cheap_way(count: int) -> None:
    choice = settled(asked(count=count), now=NOW, saves_microusd=50_000)
    assert choice is not None
    assert (choice.asked, choice.mode, choice.saves_microusd) == (Mode.AUTO, Mode.BATCH, 50_000)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"count": 2}, "fewer than 3"),
        ({"count": 9, "priority": "urgent"}, "urgent"),
        ({"count": 9, "deadline_at": (NOW + timedelta(hours=23)).isoformat()}, "24 h"),
        ({"count": 9, "providers": ["flux", "studio"]}, "none of its providers"),
        ({"count": 9, "transparent": True}, "transparency"),
    ],
)
def test_what_batch_mode_does_not_serve_is_made_one_by_one(fields: dict[str, Any], reason: str) -> None:
    choice = settled(asked(**fields), now=NOW)
    assert choice is not None
    assert choice.mode is Mode.REALTIME
    assert reason in choice.reason


@pytest.mark.parametrize(
    "fields",
    [
        {"providers": ["gemini", "openai"], "transparent": True},
        {"input_images": [f"{'0' * 64}.png"]},
    ],
)
def test_what_a_providers_batches_take_goes_the_cheap_way(fields: dict[str, Any]) -> None:
    choice = settled(asked(count=3, **fields), now=NOW)
    assert choice is not None
    assert choice.mode is Mode.BATCH


def test_texts_are_made_in_batches_however_few_and_urgent() -> None:
    choice = settled(asked(text_kind="plain", count=1, priority="urgent"), now=NOW)
    assert choice is not None
    assert (choice.mode, choice.reason) == (Mode.BATCH, "texts are made in batches only")


def test_a_deadline_that_batch_mode_cannot_meet_turns_a_batch_to_realtime_and_says_so() -> None:
    near = asked(mode="batch", count=9, deadline_at=(NOW + timedelta(hours=2)).isoformat())
    choice = settled(near, now=NOW)
    assert choice is not None
    assert (choice.asked, choice.mode) == (Mode.BATCH, Mode.REALTIME)
    far = asked(mode="batch", count=9, deadline_at=(NOW + timedelta(hours=30)).isoformat())
    assert settled(far, now=NOW) is None


def test_the_time_until_a_deadline_counts_from_when_a_batch_begins() -> None:
    later = {"schedule_at": (NOW + timedelta(hours=20)).isoformat()}
    near = asked(mode="batch", count=9, deadline_at=(NOW + timedelta(hours=30)).isoformat(), **later)
    choice = mode_choice(near, Settings(), NOW)
    assert choice is not None
    assert choice.mode is Mode.REALTIME
    far = asked(mode="batch", count=9, deadline_at=(NOW + timedelta(hours=50)).isoformat(), **later)
    assert mode_choice(far, Settings(), NOW) is None


def test_a_deadline_that_is_over_when_the_batch_begins_is_refused() -> None:
    now = datetime.now(UTC)
    past = asked(mode="batch", text_kind="plain", deadline_at=now.isoformat())
    before = asked(
        deadline_at=(now + timedelta(hours=1)).isoformat(), schedule_at=(now + timedelta(hours=2)).isoformat()
    )
    for wrong in (past, before):
        assert [reason.field for reason in refusals(wrong, Settings(), None)] == ["deadline_at"]


def test_who_says_how_is_taken_at_their_word() -> None:
    assert settled(asked(mode="batch", count=1), now=NOW) is None
    assert settled(asked(mode="realtime", count=25), now=NOW) is None
