"""Images: a batch's rows in order, and how many stand where."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pressroom.contracts.vocabulary import ImageState, Mode, ProviderName

from .collection import Collection
from .documents import ImageDocument, Part, ProviderJobDocument
from .machines import IMAGE_READY

_ALIKE_AT_MOST = 5000
"""Of a larger account, a near-duplicate may be missed rather than every image held up."""


class ImageFate(Part):
    """How one image stands, and no more of it; `retry`: the retry that planned it last."""

    index: int
    state: ImageState
    provider: ProviderName
    retry: str | None = None


class Images(Collection[ImageDocument]):
    async def of_batch(self, batch_id: str, *, after: int = -1, limit: int = 0) -> list[ImageDocument]:
        """Images in order of their index, from after `after`."""
        return await self.find({"batch_id": batch_id, "index": {"$gt": after}}, sort=[("index", 1)], limit=limit)

    async def page(
        self,
        owner: str,
        *,
        states: Sequence[ImageState] = (),
        batch_id: str | None = None,
        provider: ProviderName | None = None,
        subject: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[ImageDocument]:
        """An owner's images, without texts, newest first, from after the one that `before` (its time and id) names."""
        query: dict[str, Any] = {"owner": owner, "text_kind": None}
        if states:
            query["state"] = {"$in": [str(state) for state in states]}
        if batch_id is not None:
            query["batch_id"] = batch_id
        if provider is not None:
            query["provider"] = str(provider)
        if subject is not None:
            query["subject"] = subject
        if before is not None:
            moment, image_id = before
            query["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": image_id}}]
        return await self.find(query, sort=[("created_at", -1), ("_id", -1)], limit=limit)

    async def numbered(self, owner: str, subject: str) -> dict[str, int]:
        """All images of a subject, by id, counted from 1 in the order in which they were asked for."""
        rows = self.raw.find(
            {"owner": owner, "subject": subject}, projection=["_id"], sort=[("created_at", 1), ("_id", 1)]
        )
        return {row["_id"]: number async for number, row in _counted(rows)}

    def in_states(
        self, batch_id: str, states: Iterable[ImageState], *, in_lanes: bool = False
    ) -> AsyncIterator[ImageDocument]:
        """A batch's images in one of `states`, in order; `in_lanes`: without those that a provider's job makes."""
        query: dict[str, Any] = {"batch_id": batch_id, "state": {"$in": [str(state) for state in states]}}
        if in_lanes:
            query["mode"] = {"$ne": str(Mode.BATCH)}
        return self.stream(query, sort=[("index", 1)])

    def of_job(
        self, job: ProviderJobDocument, states: Iterable[ImageState] = ImageState, *, after: int = -1, limit: int = 0
    ) -> AsyncIterator[ImageDocument]:
        """A provider job's images in one of `states`, in order, from after the index `after`."""
        query = {"$and": [_of(job), {"state": {"$in": [str(state) for state in states]}, "index": {"$gt": after}}]}
        return self.stream(query, sort=[("index", 1)], limit=limit)

    async def input_images_of_job(self, job: ProviderJobDocument) -> list[str]:
        """The reference pictures of a provider job's images, each once."""
        return [str(name) for name in await self.raw.distinct("input_images", _of(job))]

    async def counts_of_job(self, job: ProviderJobDocument) -> dict[ImageState, int]:
        """How many of a provider job's images are in each state."""
        counted = await self.count_by_state(_of(job))
        return {ImageState(state): count for state, count in counted.items()}

    async def cost_of_job_microusd(self, job: ProviderJobDocument) -> int:
        """What a provider job's images have cost since the job was planned, in millionths of a dollar."""
        began: dict[str, Any] = {"$gte": ["$$attempt.began_at", job.created_at]}
        tries: dict[str, Any] = {"$filter": {"input": {"$ifNull": ["$tries", []]}, "as": "attempt", "cond": began}}
        rows = self.raw.aggregate(
            [
                {"$match": _of(job)},
                {"$project": {"tries": tries}},
                {"$group": {"_id": None, "cost": {"$sum": {"$sum": "$tries.cost_microusd"}}}},
            ]
        )
        return sum([row["cost"] async for row in rows])

    async def begin_job(self, job: ProviderJobDocument) -> None:
        """Its provider is at work on them: the images that are planned are generating, in one write."""
        await self.raw.update_many(
            {"$and": [_of(job), {"state": str(ImageState.PLANNED)}]},
            {"$set": {"state": str(ImageState.GENERATING), "attempt": 1, "updated_at": datetime.now(UTC)}},
        )

    async def plan_again(self, image_ids: Sequence[str], changes: Mapping[str, Any]) -> int:
        """Those of these images that failed are planned, with `changes`, in one write; how many they were."""
        found = await self.raw.update_many(
            {"_id": {"$in": list(image_ids)}, "state": str(ImageState.FAILED)},
            {"$set": {**changes, "state": str(ImageState.PLANNED), "lease": None, "updated_at": datetime.now(UTC)}},
        )
        return found.modified_count

    async def fates(self, batch_id: str, indexes: Sequence[int] | None = None) -> dict[int, ImageFate]:
        """How a batch's images stand, by index: these, or all."""
        query: dict[str, Any] = {"batch_id": batch_id}
        if indexes is not None:
            query["index"] = {"$in": list(indexes)}
        rows = self.raw.find(query, projection=dict.fromkeys(ImageFate.model_fields, 1))
        return {row["index"]: ImageFate.model_validate(row) async for row in rows}

    async def estimates_microusd(self, batch_ids: Sequence[str]) -> dict[str, int | None]:
        """What one image of each batch was expected to cost when it was planned; None where nobody knew."""
        rows = await self.find({"batch_id": {"$in": list(batch_ids)}, "index": 0})
        return {image.batch_id: image.estimated_cost_microusd for image in rows}

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
        """Released images whose job was not handed out yet; those that wait for a provider's job need none."""
        query = {
            "batch_id": batch_id,
            "state": str(ImageState.PLANNED),
            "index": {"$lt": released_through},
            "mode": {"$ne": str(Mode.BATCH)},
        }
        return await self.find(query, sort=[("index", 1)])


def _of(job: ProviderJobDocument) -> dict[str, Any]:
    query: dict[str, Any] = {"batch_id": job.batch_id}
    if job.image_ids is not None:
        query["_id"] = {"$in": list(job.image_ids)}
    else:
        last = {} if job.last_index is None else {"$lt": job.last_index}
        query["index"] = {"$gte": job.first_index, **last}
    return query


async def _counted(rows: AsyncIterable[dict[str, Any]]) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    number = 0
    async for row in rows:
        number += 1
        yield number, row
