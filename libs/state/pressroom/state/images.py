"""Images: a batch's rows in order, and how many stand where."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from pressroom.contracts.vocabulary import ImageState, ProviderName

from .collection import Collection
from .documents import ImageDocument
from .machines import IMAGE_READY

_ALIKE_AT_MOST = 5000
"""Of a larger account, a near-duplicate may be missed rather than every image held up."""


class Images(Collection[ImageDocument]):
    async def of_batch(self, batch_id: str, *, after: int = -1, limit: int = 0) -> list[ImageDocument]:
        """Images in order of their index, from after `after`."""
        return await self.find({"batch_id": batch_id, "index": {"$gt": after}}, sort=[("index", 1)], limit=limit)

    def in_states(
        self, batch_id: str, states: Iterable[ImageState], *, first: int = 0, last: int | None = None
    ) -> AsyncIterator[ImageDocument]:
        """A batch's images in one of `states`, in order; of those from `first` to before `last`."""
        query = {"batch_id": batch_id, "state": {"$in": [str(state) for state in states]}, **_between(first, last)}
        return self.stream(query, sort=[("index", 1)])

    async def counts_between(self, batch_id: str, first: int, last: int | None) -> dict[ImageState, int]:
        """How many of these images are in each state."""
        counted = await self.count_by_state({"batch_id": batch_id, **_between(first, last)})
        return {ImageState(state): count for state, count in counted.items()}

    async def cost_between_microusd(self, batch_id: str, first: int, last: int | None) -> int:
        """What these images have cost, in millionths of a dollar."""
        rows = self.raw.aggregate(
            [
                {"$match": {"batch_id": batch_id, **_between(first, last)}},
                {"$group": {"_id": None, "cost": {"$sum": {"$sum": "$tries.cost_microusd"}}}},
            ]
        )
        return sum([row["cost"] async for row in rows])

    async def has_any(self, batch_id: str, states: Iterable[ImageState]) -> bool:
        """Whether any of a batch's images is in one of `states`."""
        query = {"batch_id": batch_id, "state": {"$in": [str(state) for state in states]}}
        return await self.raw.find_one(query, projection=["_id"]) is not None

    async def counts(self, batch_id: str) -> dict[ImageState, int]:
        """How many of a batch's images are in each state."""
        counted = await self.count_by_state({"batch_id": batch_id})
        return {ImageState(state): count for state, count in counted.items()}

    async def counts_of_many(self, batch_ids: list[str]) -> dict[str, dict[ImageState, int]]:
        """The same for several batches in one query."""
        rows = self.raw.aggregate(
            [
                {"$match": {"batch_id": {"$in": batch_ids}}},
                {"$group": {"_id": {"batch": "$batch_id", "state": "$state"}, "count": {"$sum": 1}}},
            ]
        )
        counts: dict[str, dict[ImageState, int]] = {batch_id: {} for batch_id in batch_ids}
        async for row in rows:
            counts[row["_id"]["batch"]][ImageState(row["_id"]["state"])] = row["count"]
        return counts

    async def costs_microusd(self, batch_ids: list[str]) -> dict[str, int]:
        """What the images of each batch have cost, in millionths of a dollar."""
        rows = self.raw.aggregate(
            [
                {"$match": {"batch_id": {"$in": batch_ids}}},
                {"$group": {"_id": "$batch_id", "cost": {"$sum": {"$sum": "$tries.cost_microusd"}}}},
            ]
        )
        found = {row["_id"]: row["cost"] async for row in rows}
        return {batch_id: found.get(batch_id, 0) for batch_id in batch_ids}

    async def alike(self, image: ImageDocument, bands: Sequence[str]) -> list[tuple[str, str]]:
        """The owner's other images that share one of `bands` of a perceptual hash: their ids and hashes."""
        query = {"owner": image.owner, "hash_bands": {"$in": list(bands)}, "_id": {"$ne": image.id}}
        rows = self.raw.find(query, projection={"perceptual_hash": 1}, limit=_ALIKE_AT_MOST)
        return [(row["_id"], row["perceptual_hash"]) async for row in rows if row.get("perceptual_hash")]

    async def note_vendor_id(self, provider: ProviderName, key: str, vendor_id: str) -> ImageDocument | None:
        """Write down what the vendor calls the job that has our `key`; what is known already stays. The image, or None
        where no image has such a job. Needs no lease, as no taker writes this field."""
        image = self.read(await self.raw.find_one({"remote.key": key, "remote.provider": str(provider)}))
        if image is None:
            return None
        guard = {"remote.key": key, "remote.vendor_id": None}
        return await self.change(image.id, {"remote.vendor_id": vendor_id}, guard=guard) or image

    async def placeholders(self, batch_id: str) -> int:
        """How many of a batch's images that are ready are placeholders."""
        ready = [str(state) for state in IMAGE_READY]
        query = {"batch_id": batch_id, "provider": str(ProviderName.PLACEHOLDER), "state": {"$in": ready}}
        return await self.raw.count_documents(query)

    async def released_and_open(self, batch_id: str, released_through: int, states: Iterable[ImageState]) -> int:
        """How many of the first `released_through` images still hold a place in the window."""
        return await self.raw.count_documents(
            {
                "batch_id": batch_id,
                "index": {"$lt": released_through},
                "state": {"$in": [str(state) for state in states]},
            }
        )

    async def unqueued(self, batch_id: str, released_through: int) -> list[ImageDocument]:
        """Released images whose job was not handed out yet."""
        query = {"batch_id": batch_id, "state": str(ImageState.PLANNED), "index": {"$lt": released_through}}
        return await self.find(query, sort=[("index", 1)])


def _between(first: int, last: int | None) -> dict[str, Any]:
    if first == 0 and last is None:
        return {}
    return {"index": {"$gte": first} if last is None else {"$gte": first, "$lt": last}}
