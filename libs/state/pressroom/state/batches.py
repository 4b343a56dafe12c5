"""Batches: looked up by owner, by idempotency key, by what is left to do."""

from datetime import datetime
from typing import Any

from pressroom.contracts.vocabulary import BatchState

from .collection import Collection
from .documents import BatchDocument


class Batches(Collection[BatchDocument]):
    async def by_idempotency_key(self, owner: str, key: str) -> BatchDocument | None:
        found = await self.find({"owner": owner, "idempotency_key": key}, limit=1)
        return found[0] if found else None

    async def page(
        self, owner: str, *, state: BatchState | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[BatchDocument]:
        """An owner's batches, newest first, from after the one that `before` (its time and id) names."""
        query: dict[str, Any] = {"owner": owner}
        if state is not None:
            query["state"] = str(state)
        if before is not None:
            moment, batch_id = before
            query["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": batch_id}}]
        return await self.find(query, sort=[("created_at", -1), ("_id", -1)], limit=limit)

    async def release(self, batch_id: str, *, before: int, through: int) -> bool:
        """Move the mark of released images; False when somebody else moved it first."""
        changed = await self.change(
            batch_id,
            {"released_through": through},
            guard={"state": str(BatchState.ACCEPTED), "released_through": before},
        )
        return changed is not None

    async def stalled(self, states: tuple[BatchState, ...], since: datetime, limit: int) -> list[BatchDocument]:
        """Batches in one of `states` that nobody has written since `since`, longest first."""
        query = {"state": {"$in": [str(state) for state in states]}, "updated_at": {"$lt": since}}
        return await self.find(query, sort=[("updated_at", 1)], limit=limit)
