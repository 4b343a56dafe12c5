"""Batches: looked up by owner, by idempotency key, by what is left to do."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument

from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.vocabulary import BatchState, Category, Mode, ProviderName

from .collection import Collection
from .documents import BatchDocument, Part


class BatchFate(Part):
    """How one batch stands, and no more of it."""

    state: BatchState
    retries: tuple[str, ...] = ()


class BatchPause(Part):
    """What holds up a batch's next image, for a while or for good."""

    state: BatchState
    paused_at: datetime | None = None
    next_image_at: datetime | None = None


class Batches(Collection[BatchDocument]):
    async def by_idempotency_key(self, owner: str, key: str) -> BatchDocument | None:
        found = await self.find({"owner": owner, "idempotency_key": key}, limit=1)
        return found[0] if found else None

    async def next_turn(self, owner: str) -> int:
        """The turn of whoever looks now at what an owner has, and asks for what is not there. Of several that got the
        same, one is stored; what the others saw is old then."""
        # The type, so that the index of those alone that have one will do.
        had = {"owner": owner, "turn": {"$type": "number"}}
        last = await self.raw.find_one(had, projection={"turn": 1}, sort=[("turn", -1)])
        return 0 if last is None else int(last["turn"]) + 1

    async def parts_awaited(self, owner: str) -> set[tuple[str, str]]:
        """The subjects, each with one of its parts, that an owner's batches will show whose images are not planned
        yet."""
        waiting = {"$in": [str(BatchState.SCHEDULED), str(BatchState.REQUESTED)]}
        rows = self.raw.find(
            {"owner": owner, "state": waiting, "request.images.part": {"$type": "string"}},
            projection={"request.subject": 1, "request.images.subject": 1, "request.images.part": 1},
        )
        return {
            (image.get("subject") or row["request"].get("subject"), image["part"])
            async for row in rows
            for image in row["request"]["images"]
            if image.get("part")
        }

    async def owner_of(self, batch_id: str) -> str | None:
        """Whose a batch is; None when there is no such batch."""
        raw = await self.raw.find_one({"_id": batch_id}, projection={"owner": 1})
        return None if raw is None else str(raw["owner"])

    async def fate(self, batch_id: str) -> BatchFate | None:
        """How a batch stands, without its request, which may be long."""
        raw = await self.raw.find_one({"_id": batch_id}, projection=dict.fromkeys(BatchFate.model_fields, 1))
        return None if raw is None else BatchFate.model_validate(raw)

    async def pause(self, batch_id: str) -> BatchPause | None:
        """What holds up a batch's images, without its request, which may be long."""
        raw = await self.raw.find_one({"_id": batch_id}, projection=dict.fromkeys(BatchPause.model_fields, 1))
        return None if raw is None else BatchPause.model_validate(raw)

    async def publishing_rules(self, batch_ids: Iterable[str]) -> dict[str, tuple[PublishTarget, ...]]:
        """The products that each of these batches wants of its approved images, without the rest of its request."""
        rows = self.raw.find({"_id": {"$in": list(batch_ids)}}, projection={"request.auto_publish": 1})
        return {
            row["_id"]: tuple(PublishTarget.model_validate(target) for target in row["request"].get("auto_publish", ()))
            async for row in rows
        }

    async def page(
        self,
        owner: str,
        *,
        state: BatchState | None = None,
        mode: Mode | None = None,
        provider: ProviderName | None = None,
        subject: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[BatchDocument]:
        """An owner's batches, newest first, from after the one that `before` (its time and id) names. `provider`: any
        of those that may make it."""
        query: dict[str, Any] = {"owner": owner}
        wanted = {"state": state, "request.mode": mode, "request.subject": subject, "request.tags": tag}
        query |= {field: str(value) for field, value in wanted.items() if value is not None}
        if provider is not None:
            query["$or"] = [{"request.provider": str(provider)}, {"request.providers": str(provider)}]
        bounds = {"$gte": since, "$lt": until}
        if since is not None or until is not None:
            query["created_at"] = {name: bound for name, bound in bounds.items() if bound is not None}
        return await self.newest(query, before=before, limit=limit)

    async def in_categories(
        self, owner: str, categories: Sequence[Category], mode: Mode, *, limit: int
    ) -> list[BatchDocument]:
        """An owner's batches of these categories and this mode, newest first."""
        query = {
            "owner": owner,
            "request.category": {"$in": [str(category) for category in categories]},
            "request.mode": str(mode),
        }
        return await self.find(query, sort=[("created_at", -1), ("_id", -1)], limit=limit)

    async def tagged(
        self, owner: str, tag: str, *, since: datetime | None, before: datetime | None, limit: int
    ) -> list[BatchDocument]:
        """An owner's batches with a tag, oldest first, asked for from `since` on and before `before`."""
        moments = {name: moment for name, moment in (("$gte", since), ("$lt", before)) if moment is not None}
        query: dict[str, Any] = {"owner": owner, "request.tags": tag}
        if moments:
            query["created_at"] = moments
        return await self.find(query, sort=[("created_at", 1), ("_id", 1)], limit=limit)

    async def will_use(self, name: str) -> bool:
        """Whether a batch that is not planned yet wants this stored file as a reference picture."""
        waiting = {"$in": [str(BatchState.SCHEDULED), str(BatchState.REQUESTED)]}
        wanted = [{"request.input_images": name}, {"request.images.input_images": name}]
        return await self.raw.find_one({"state": waiting, "$or": wanted}, projection=["_id"]) is not None

    async def release(self, batch_id: str, *, before: int, through: int) -> bool:
        """Move the mark of released images; False when somebody else moved it first, or has paused the batch."""
        changed = await self.change(
            batch_id,
            {"released_through": through},
            guard={"state": str(BatchState.ACCEPTED), "released_through": before, "paused_at": None},
        )
        return changed is not None

    async def next_to_sweep(
        self, states: tuple[BatchState, ...], mode: Mode, *, not_since: datetime
    ) -> BatchDocument | None:
        """A batch in one of `states` that no sweep has looked at since `not_since`; marked as looked at now."""
        raw = await self.raw.find_one_and_update(
            {
                "state": {"$in": [str(state) for state in states]},
                "request.mode": str(mode),
                "swept_at": {"$lt": not_since},
            },
            {"$set": {"swept_at": datetime.now(UTC)}},
            sort=[("swept_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return self.read(raw)
