"""Counting images, and what they took, by day, by provider, or by batch: one question to the database, however many."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection

from pressroom.contracts.vocabulary import ImageState

from .machines import IMAGE_READY

Raw = dict[str, Any]


@dataclass(frozen=True)
class Tally:
    """How many images stand where, and what they took. `made_s`: how long providers worked on those that were made."""

    name: str
    date: str | None
    states: Mapping[ImageState, int]
    tried: int
    tries: int
    calls: int
    cost_microusd: int
    seconds: float
    made_s: float


_KEYS: dict[str, Any] = {
    "day": {"$dateToString": {"date": "$created_at", "format": "%Y-%m-%d"}},
    "provider": "$provider",
    "batch": "$batch_id",
}


async def tallies(
    images: "AsyncIOMotorCollection[Raw]",
    *,
    by: str,
    owner: str | None = None,
    batch_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[Tally]:
    """One for each day, provider or batch (`by`) that has any, at most `limit`, latest day or batch first. Without an
    `owner`, everybody's."""
    match: Raw = {}
    if owner is not None:
        match["owner"] = owner
    if batch_id is not None:
        match["batch_id"] = batch_id
    if since is not None or until is not None:
        bounds = {"$gte": since, "$lt": until}
        match["created_at"] = {name: bound for name, bound in bounds.items() if bound is not None}
    tries: Raw = {"$ifNull": ["$tries", []]}
    # A deleted image counts as it ended.
    state = {"$ifNull": ["$ended_as", "$state"]}
    ready = {"$in": [state, sorted(str(state) for state in IMAGE_READY)]}
    rows = images.aggregate(
        [
            {"$match": match},
            {
                "$project": {
                    "key": _KEYS[by],
                    "created_at": 1,
                    "state": state,
                    "tries": {"$size": tries},
                    "calls": {"$sum": "$tries.calls"},
                    "cost": {"$sum": "$tries.cost_microusd"},
                    "seconds": {"$sum": "$tries.seconds"},
                    "is_ready": ready,
                }
            },
            {
                "$group": {
                    "_id": {"key": "$key", "state": "$state"},
                    "first_at": {"$min": "$created_at"},
                    "count": {"$sum": 1},
                    "tried": {"$sum": {"$cond": [{"$gt": ["$tries", 0]}, 1, 0]}},
                    "tries": {"$sum": "$tries"},
                    "calls": {"$sum": "$calls"},
                    "cost": {"$sum": "$cost"},
                    "seconds": {"$sum": "$seconds"},
                    "made_s": {"$sum": {"$cond": ["$is_ready", "$seconds", 0]}},
                }
            },
            {
                "$group": {
                    "_id": "$_id.key",
                    "first_at": {"$min": "$first_at"},
                    "states": {"$push": {"state": "$_id.state", "count": "$count"}},
                    **{name: {"$sum": f"${name}"} for name in ("tried", "tries", "calls", "cost", "seconds", "made_s")},
                }
            },
            {"$sort": {"_id": 1} if by == "provider" else {"first_at": -1, "_id": -1}},
            {"$limit": limit},
        ],
        allowDiskUse=True,
    )
    return [
        Tally(
            name=str(row["_id"]),
            date=row["first_at"].date().isoformat() if by == "batch" else None,
            states={ImageState(part["state"]): part["count"] for part in row["states"]},
            tried=row["tried"],
            tries=row["tries"],
            calls=row["calls"],
            cost_microusd=row["cost"],
            seconds=row["seconds"],
            made_s=row["made_s"],
        )
        async for row in rows
    ]
