"""Limits of a lane that hold across workers: how many hold a place in it at once, and how soon after each other.

A place is a lease by the database's clock, so a worker that dies gives its places back by dying. One document a lane,
changed by one atomic update: two workers never get the last place both.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

Raw = dict[str, Any]

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """Whether a place was given; if not, in how many seconds the lane's pace allows the next, 0 when it waits for a
    place alone."""

    is_inside: bool
    wait_s: float


class Gates:
    """The gates of all lanes."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]") -> None:
        self._raw = raw

    async def enter(self, lane: str, holder: str, *, places: int | None, interval_s: float, lease_s: float) -> Entry:
        """Ask for a place in `lane`; `holder` names who asks, and has one place at most. `interval_s`: the least time
        between two entries."""
        others: Raw = {
            "$filter": {
                "input": {"$ifNull": ["$holders", []]},
                "cond": {"$and": [{"$gt": ["$$this.until", "$$NOW"]}, {"$ne": ["$$this.holder", holder]}]},
            }
        }
        has_room: object = True if places is None else {"$lt": [{"$size": "$holders"}, places]}
        place: Raw = {"holder": holder, "until": {"$add": ["$$NOW", _ms(lease_s)]}}
        update: list[Raw] = [
            {"$set": {"holders": others, "next_at": {"$ifNull": ["$next_at", _LONG_AGO]}, "asked_at": "$$NOW"}},
            {"$set": {"is_inside": {"$and": [has_room, {"$lte": ["$next_at", "$$NOW"]}]}}},
            {
                "$set": {
                    "holders": {"$cond": ["$is_inside", {"$concatArrays": ["$holders", [place]]}, "$holders"]},
                    "next_at": {"$cond": ["$is_inside", {"$add": ["$$NOW", _ms(interval_s)]}, "$next_at"]},
                }
            },
        ]
        while True:
            try:
                gate = await self._raw.find_one_and_update(
                    {"_id": lane}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # Two workers made the gate in the same moment; the second finds it.
            wait_s = (gate["next_at"] - gate["asked_at"]).total_seconds()
            return Entry(is_inside=gate["is_inside"], wait_s=max(0.0, wait_s))

    async def stay(self, lane: str, holder: str, *, lease_s: float) -> None:
        """Keep the place."""
        holders: Raw = {
            "$map": {
                "input": {"$ifNull": ["$holders", []]},
                "in": {
                    "$cond": [
                        {"$eq": ["$$this.holder", holder]},
                        {"holder": holder, "until": {"$add": ["$$NOW", _ms(lease_s)]}},
                        "$$this",
                    ]
                },
            }
        }
        await self._raw.update_one({"_id": lane}, [{"$set": {"holders": holders}}])

    async def leave(self, lane: str, holder: str, *, gap_s: float) -> None:
        """Give the place back; nobody enters for `gap_s` from now."""
        holders: Raw = {
            "$filter": {"input": {"$ifNull": ["$holders", []]}, "cond": {"$ne": ["$$this.holder", holder]}},
        }
        next_at = {"$max": ["$next_at", {"$add": ["$$NOW", _ms(gap_s)]}]}
        await self._raw.update_one({"_id": lane}, [{"$set": {"holders": holders, "next_at": next_at}}])


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
