"""What was read a moment ago: kept for a moment, and never without end."""

import pytest

from pressroom.gateway import recent
from pressroom.gateway.recent import Recent


def test_an_item_is_there_until_it_is_forgotten() -> None:
    kept = Recent[str](60)
    kept.put("ann", "an admin")
    assert kept.get("ann") == "an admin"
    kept.forget("ann")
    kept.forget("ann")
    assert kept.get("ann") is None


def test_for_no_time_nothing_is_kept() -> None:
    kept = Recent[str](0)
    kept.put("ann", "an admin")
    assert kept.get("ann") is None


def test_of_too_many_the_longest_kept_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST", 3)
    kept = Recent[int](60)
    for number in (1, 2, 3, 1, 4):
        kept.put(str(number), number)
    assert [kept.get(str(number)) for number in (1, 2, 3, 4)] == [1, None, 3, 4]
