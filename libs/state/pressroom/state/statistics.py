"""Counting images, and what they took, by day, by provider, or by batch: one question to the database, however many.

An image counts once, for who made it or had it last; each try counts for the provider that was tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection

from pressroom.contracts.vocabulary import ImageState, ProviderName

from .machines import IMAGE_READY

Raw = dict[str, Any]


@dataclass(frozen=True)
class Tally:
    """How many images stand where, and what they took. `states` count placeholders too, and `placeholders` those that
    are ready. `retries`: of the tries, those that were not the first of their image. `made_s`: how long providers
    worked on those that they made."""

    name: str
    date: str | None
    states: Mapping[ImageState, int]
    placeholders: int
    tries: int
    retries: int
    calls: int
    cost_microusd: int
    seconds: float
    made_s: float


@dataclass(frozen=True)
class Tallies:
    """`rows` may be cut off; `total` is of everything."""

    rows: tuple[Tally, ...]
    total: Tally


_KEYS: dict[str, Any] = {
    "day": {"$dateToString": {"date": "$created_at", "format": "%Y-%m-%d"}},
    "provider": "$part.provider",
    "batch": "$batch_id",
}

_SUMS = ("placeholders", "tries", "retries", "calls", "cost_microusd", "seconds", "made_s")
_SUMMED: Raw = {name: {"$sum": f"${name}"} for name in (*map(str, ImageState), *_SUMS)}


async def tallies(
    images: "AsyncIOMotorCollection[Raw]",
    *,
    by: str,
    owner: str | None = None,
    batch_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> Tallies:
    """A row for each day, provider or batch (`by`) that has any, at most `limit`, latest day or batch first. Without an
    `owner`, everybody's."""
    match: Raw = {}
    if owner is not None:
        match["owner"] = owner
    if batch_id is not None:
        match["batch_id"] = batch_id
    if since is not None or until is not None:
        bounds = {"$gte": since, "$lt": until}
        match["created_at"] = {name: bound for name, bound in bounds.items() if bound is not None}
    order: Raw = {"_id": 1} if by == "provider" else {"first_at": -1, "_id": -1}
    pipeline: list[Raw] = [
        {"$match": match},
        {
            "$project": {
                "batch_id": 1,
                "created_at": 1,
                "provider": 1,
                # A deleted image counts as it ended.
                "state": {"$ifNull": ["$ended_as", "$state"]},
                # First the image itself, then each try: its place says which it is.
                "part": {"$concatArrays": [[{"provider": "$provider"}], {"$ifNull": ["$tries", []]}]},
            }
        },
        {"$unwind": {"path": "$part", "includeArrayIndex": "place"}},
        {"$group": {"_id": _KEYS[by], "first_at": {"$min": "$created_at"}, **_counting()}},
        {
            "$facet": {
                "rows": [{"$sort": order}, {"$limit": limit}],
                "total": [{"$group": {"_id": None, **_SUMMED}}],
            }
        },
    ]
    (found,) = await images.aggregate(pipeline, allowDiskUse=True).to_list(1)
    rows = [_tally(row, row["first_at"].date().isoformat() if by == "batch" else None) for row in found["rows"]]
    return Tallies(tuple(rows), _tally(found["total"][0] if found["total"] else {}))


def _counting() -> Raw:
    """What is summed over the parts of images: of the first, how the image stands; of the others, what tries took."""
    is_image: Raw = {"$eq": ["$place", 0]}
    is_ready: Raw = {"$in": ["$state", sorted(str(state) for state in IMAGE_READY)]}
    is_placeholder: Raw = {"$eq": ["$provider", str(ProviderName.PLACEHOLDER)]}

    def count(*conditions: Raw) -> Raw:
        return {"$sum": {"$cond": [{"$and": list(conditions)}, 1, 0]}}

    return {
        **{str(state): count(is_image, {"$eq": ["$state", str(state)]}) for state in ImageState},
        "placeholders": count(is_image, is_ready, is_placeholder),
        "tries": count({"$gt": ["$place", 0]}),
        "retries": count({"$gt": ["$place", 1]}),
        "calls": {"$sum": "$part.calls"},
        "cost_microusd": {"$sum": "$part.cost_microusd"},
        "seconds": {"$sum": "$part.seconds"},
        "made_s": {
            "$sum": {"$cond": [{"$and": [is_ready, {"$eq": ["$part.provider", "$provider"]}]}, "$part.seconds", 0]}
        },
    }


def _tally(row: Raw, date: str | None = None) -> Tally:
    return Tally(
        name=str(row.get("_id")),
        date=date,
        states={state: row.get(str(state), 0) for state in ImageState},
        **{name: row.get(name, 0) for name in _SUMS},
    )
