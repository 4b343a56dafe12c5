"""Provider jobs: looked up by owner and by batch, and asked to end or be deleted by who does not hold their lease."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName

from .collection import Claim, Collection
from .documents import ProviderJobDocument
from .machines import PROVIDER_JOB_FINAL

_FIRST_OWNER = "default"
"""Jobs from before a job had an owner have none, and are this one's."""


class ProviderJobs(Collection[ProviderJobDocument]):
    async def page(
        self,
        owner: str,
        *,
        states: Sequence[ProviderJobState] = (),
        is_running: bool | None = None,
        provider: ProviderName | None = None,
        batch_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[ProviderJobDocument]:
        """An owner's jobs, newest first, from after the one that `before` (its time and id) names."""
        query: dict[str, Any] = {"owner": {"$in": [owner, None]} if owner == _FIRST_OWNER else owner}
        if states:
            query["state"] = {"$in": [str(state) for state in states]}
        if is_running is not None:
            query["is_running"] = True if is_running else {"$ne": True}
        if provider is not None:
            query["provider"] = str(provider)
        if batch_id is not None:
            query["batch_id"] = batch_id
        return await self.newest(query, before=before, limit=limit)

    async def of_batch(self, batch_id: str) -> list[ProviderJobDocument]:
        """All of a batch, in the order in which they were planned."""
        return await self.find({"batch_id": batch_id}, sort=[("created_at", 1), ("first_index", 1)])

    async def note_looks(self, looks: Sequence[tuple[str, datetime, Mapping[str, object]]]) -> None:
        """Write what was seen of jobs under way, in one go: of each its id, the date that it was to be looked at, and
        the changes. One that is claimed, has moved on, or was given another date since stays as it is."""
        still = {"state": str(ProviderJobState.SUBMITTED), "lease": None}
        writes = [
            UpdateOne({"_id": job, "next_poll_at": due_at, **still}, {"$set": dict(changes)})
            for job, due_at, changes in looks
        ]
        if writes:
            await self.raw.bulk_write(writes, ordered=False)

    async def put_back(self, claim: Claim[ProviderJobDocument], date: str, changes: Mapping[str, Any]) -> bool:
        """End a turn with `changes`, of which the field `date` says when the next one is. Where somebody has set that
        since, to have the job ended or looked at now, theirs stays. False when the lease is lost."""
        unchanged = {date: getattr(claim.document, date)}
        rest = {name: value for name, value in changes.items() if name != date}
        put = await self.change(claim.id, changes, guard=unchanged, token=claim.token, release=True)
        return (put or await self.change(claim.id, rest, token=claim.token, release=True)) is not None

    async def ask_to_cancel(self, job_id: str, now: datetime) -> bool:
        """Let the poller end it; False when it has ended."""
        over = {"state": {"$nin": [str(state) for state in PROVIDER_JOB_FINAL]}}
        changes = {"cancel_requested": True, "next_poll_at": now}
        return await self.change(job_id, changes, guard=over) is not None

    async def ask_to_delete(self, job_id: str, now: datetime) -> bool:
        """Let the poller delete it at the provider; False when it has not ended, or is deleted already."""
        guard = {"state": {"$in": [str(state) for state in PROVIDER_JOB_FINAL]}, "deleted_at": None}
        return await self.change(job_id, {"delete_at": now}, guard=guard) is not None
