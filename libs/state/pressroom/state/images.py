"""Images: a batch's rows in order, and how many stand where."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument

from pressroom.contracts.vocabulary import ImageState, Mode, ProviderName

from .documents import BatchDocument, ImageDocument, OutboxMessage, Part, ProviderJobDocument, Removal
from .images_under_caps import ImagesUnderCaps
from .machines import IMAGE_READY
from .transactions import Session

_ALIKE_AT_MOST = 5000
"""Of a larger account, a near-duplicate may be missed rather than every image held up."""

FILES = ("raw", "file", "thumbnail")
"""The fields of an image that name files."""

_SHOWN = tuple(state for state in ImageState if state is not ImageState.DELETED)
_NOT_DELETED = {"$ne": str(ImageState.DELETED)}
_ENDED: dict[str, Any] = {"$ifNull": ["$ended_as", "$state"]}
"""How an image stands, or stood when it was deleted: what is counted."""

_WORDS_AND_FILES: Mapping[str, Any] = {
    "prompt": "",
    "full_prompt": None,
    "negative_prompt": None,
    "input_images": [],
    "adapters": [],
    **dict.fromkeys(FILES),
    "checks": [],
    "perceptual_hash": None,
    "hash_bands": [],
    "error": None,
    "review_reason": None,
    "title": None,
    "description": None,
    "tags": [],
    "favourite": False,
    "progress": None,
}
"""What goes of a deleted image. What it cost and how it ended stays, and its subject, by which others are numbered."""


class ImageFate(Part):
    """How one image stands, and no more of it; `retry`: the retry that planned it last."""

    index: int
    state: ImageState
    provider: ProviderName
    retry: str | None = None
    ended_as: ImageState | None = None

    @property
    def ended(self) -> ImageState:
        """How it stands, or stood when it was deleted."""
        return self.ended_as or self.state


class Images(ImagesUnderCaps):
    async def of_batch(
        self, batch_id: str, *, after: int = -1, limit: int = 0, with_deleted: bool = False
    ) -> list[ImageDocument]:
        """Images in order of their index, from after `after`."""
        query: dict[str, Any] = {"batch_id": batch_id, "index": {"$gt": after}}
        if not with_deleted:
            query["state"] = _NOT_DELETED
        return await self.find(query, sort=[("index", 1)], limit=limit)

    async def page(
        self,
        owner: str,
        *,
        states: Sequence[ImageState] = (),
        batch_id: str | None = None,
        provider: ProviderName | None = None,
        subject: str | None = None,
        part: str | None = None,
        favourite: bool | None = None,
        tag: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[ImageDocument]:
        """An owner's images, without texts, newest first, from after the one that `before` (its time and id) names."""
        query: dict[str, Any] = {"owner": owner, "text_kind": None, "state": _NOT_DELETED}
        if states:
            query["state"] = {"$in": [str(state) for state in states if state in _SHOWN]}
        if batch_id is not None:
            query["batch_id"] = batch_id
        if provider is not None:
            query["provider"] = str(provider)
        if subject is not None:
            query["subject"] = subject
        if part is not None:
            query["part"] = part
        if favourite is not None:
            query["favourite"] = True if favourite else {"$ne": True}
        if tag is not None:
            # The type, so that the index of those alone that have tags will do.
            query["tags"] = {"$eq": tag, "$type": "string"}
        return await self.newest(query, before=before, limit=limit)

    async def owned_images(self, owner: str, image_ids: Sequence[str]) -> list[ImageDocument]:
        """Those of these images that are this owner's."""
        query = {"_id": {"$in": list(image_ids)}, "owner": owner, "text_kind": None, "state": _NOT_DELETED}
        return await self.find(query)

    async def awaiting_review(
        self, batch_id: str, *, placeholders: bool, limit: int
    ) -> tuple[list[ImageDocument], int]:
        """The first images of a batch that nobody has reviewed, with or without `placeholders`, and how many more there
        are."""
        query: dict[str, Any] = {"batch_id": batch_id, "state": str(ImageState.GENERATED), "text_kind": None}
        if not placeholders:
            query["provider"] = {"$ne": str(ProviderName.PLACEHOLDER)}
        found = await self.find(query, sort=[("index", 1)], limit=limit)
        if len(found) < limit:
            return found, 0
        return found, max(0, await self.raw.count_documents(query) - len(found))

    async def edit(self, image_id: str, said: Mapping[str, Any], *, seen: int | None) -> ImageDocument | None:
        """Write what a person says of an image, of the version that they have `seen`, or of whatever there is. None
        when it has another version by now, or was deleted."""
        guard: dict[str, Any] = {"state": _NOT_DELETED}
        if seen is not None:
            # An image from before there were versions has none.
            guard["version"] = {"$in": [seen, seen or None]}
        return await self.change(image_id, said, increments={"version": 1}, guard=guard)

    async def entomb(self, image: ImageDocument, message: OutboxMessage, session: Session) -> ImageDocument | None:
        """Delete an image as it was read in this transaction: words and files go, what counts stays."""
        now = datetime.now(UTC)
        keys = sorted({file.key for file in (image.raw, image.file, image.thumbnail) if file is not None})
        fields = {
            **_WORDS_AND_FILES,
            # What a vendor said of a call may quote the prompt.
            "tries": [{**attempt.model_dump(), "error": None} for attempt in image.tries],
            "state": str(ImageState.DELETED),
            "ended_as": str(image.state),
            "removal": Removal(keys=tuple(keys), since=now, due_at=now).model_dump() if keys else None,
        }
        query = {"_id": image.id, "state": str(image.state)}
        return await self._update(query, fields, [message], token=None, release=True, session=session)

    async def has_file(self, key: str) -> bool:
        """Whether any image has this file of the blob store, or is, or was, made from it."""
        name = key.rpartition("/")[2]
        uses: list[dict[str, Any]] = [{f"{kind}.key": key} for kind in FILES]
        # The type, so that the index of those alone that have some will do.
        uses.append({"input_images": {"$eq": name, "$type": "string"}})
        return await self.raw.find_one({"$or": uses}, projection=["_id"]) is not None

    async def take_removal(self, next_at: datetime) -> ImageDocument | None:
        """A deleted image whose files are to be looked at now; looked at again at `next_at`."""
        raw = await self.raw.find_one_and_update(
            {"removal.due_at": {"$lte": datetime.now(UTC)}},
            {"$set": {"removal.due_at": next_at}},
            sort=[("removal.due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return self.read(raw)

    async def numbered(self, owner: str, subject: str) -> dict[str, int]:
        """All images of a subject, by id, counted from 1 in the order in which they were asked for."""
        rows = self.raw.find(
            {"owner": owner, "subject": subject}, projection=["_id"], sort=[("created_at", 1), ("_id", 1)]
        )
        return {row["_id"]: number async for number, row in _counted(rows)}

    async def parts_shown(self, owner: str, subject: str) -> set[str]:
        """The parts of a subject of which there is an image, made by a provider or on its way."""
        gone = [str(ImageState.FAILED), str(ImageState.CANCELLED), str(ImageState.DELETED)]
        query = {"owner": owner, "subject": subject, "part": {"$type": "string"}, "state": {"$nin": gone}}
        names = await self.raw.distinct("part", {**query, "provider": {"$ne": str(ProviderName.PLACEHOLDER)}})
        return {str(name) for name in names}

    def in_states(
        self, batch_id: str, states: Iterable[ImageState], *, in_lanes: bool = False
    ) -> AsyncIterator[ImageDocument]:
        """A batch's images in one of `states`, in order; `in_lanes`: without those that a provider's job makes."""
        query: dict[str, Any] = {"batch_id": batch_id, "state": {"$in": [str(state) for state in states]}}
        if in_lanes:
            query["mode"] = {"$ne": str(Mode.BATCH)}
        return self.stream(query, sort=[("index", 1)])

    def failed(self, batch_id: str) -> AsyncIterator[ImageDocument]:
        """A batch's images that were given up, in order, also those that were deleted since."""
        failed = str(ImageState.FAILED)
        return self.stream(
            {"batch_id": batch_id, "$or": [{"state": failed}, {"ended_as": failed}]}, sort=[("index", 1)]
        )

    def of_job(
        self, job: ProviderJobDocument, states: Iterable[ImageState] = _SHOWN, *, after: int = -1, limit: int = 0
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

    async def failed_of_late(self, batch: BatchDocument) -> int:
        """How many of a batch's images have failed since it was opened last, by its last retry if it had one."""
        latest = batch.retries[-1] if batch.retries else None
        return await self.raw.count_documents({"batch_id": batch.id, "state": str(ImageState.FAILED), "retry": latest})

    async def count_by_state(self, query: dict[str, Any]) -> dict[str, int]:
        """A deleted image counts as it stood before."""
        rows = self.raw.aggregate([{"$match": query}, {"$group": {"_id": _ENDED, "count": {"$sum": 1}}}])
        return {row["_id"]: row["count"] async for row in rows}

    async def deleted(self, batch_ids: Sequence[str]) -> dict[str, int]:
        """How many images of each batch were deleted."""
        query = {"batch_id": {"$in": list(batch_ids)}, "state": str(ImageState.DELETED)}
        rows = self.raw.aggregate([{"$match": query}, {"$group": {"_id": "$batch_id", "count": {"$sum": 1}}}])
        found = {row["_id"]: row["count"] async for row in rows}
        return {batch_id: found.get(batch_id, 0) for batch_id in batch_ids}

    async def counts(self, batch_id: str) -> dict[ImageState, int]:
        """How many of a batch's images are in each state; a deleted one as it stood before."""
        counted = await self.count_by_state({"batch_id": batch_id})
        return {ImageState(state): count for state, count in counted.items()}

    async def counts_of_many(self, batch_ids: list[str]) -> dict[str, dict[ImageState, int]]:
        """The same for several batches in one query."""
        rows = self.raw.aggregate(
            [
                {"$match": {"batch_id": {"$in": batch_ids}}},
                {"$group": {"_id": {"batch": "$batch_id", "state": _ENDED}, "count": {"$sum": 1}}},
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

    async def alike(self, image: ImageDocument, bands: Sequence[str]) -> AsyncGenerator[tuple[str, str]]:
        """The owner's other images that share one of `bands` of a perceptual hash: their ids and hashes."""
        query = {"owner": image.owner, "hash_bands": {"$in": list(bands)}, "_id": {"$ne": image.id}}
        async for row in self.raw.find(query, projection={"perceptual_hash": 1}, limit=_ALIKE_AT_MOST):
            if row.get("perceptual_hash"):
                yield row["_id"], row["perceptual_hash"]

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
        query = {
            "batch_id": batch_id,
            "provider": str(ProviderName.PLACEHOLDER),
            "$or": [{"state": {"$in": ready}}, {"ended_as": {"$in": ready}}],
        }
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
