"""A publication's journal in its MongoDB document, fenced by the taker's token.

A write that the fence refuses raises `LeaseLost`, before anything outside is touched.
"""

from pressroom.runtime.errors import LeaseLost
from pressroom.state.collection import Claim, Collection
from pressroom.state.documents import PublicationDocument


class MongoJournal:
    """The `Journal` of one taker of one publication."""

    def __init__(self, publications: Collection[PublicationDocument], claim: Claim[PublicationDocument]) -> None:
        self._publications = publications
        self._claim = claim
        self._intents = list(claim.document.intents)
        self._steps = dict(claim.document.steps)

    def recall(self, step: str) -> str | None:
        return self._steps.get(step)

    def was_intended(self, step: str) -> bool:
        return step in self._intents

    async def intend(self, step: str) -> None:
        if step not in self._intents:
            self._intents.append(step)
            await self._write({"intents": self._intents})

    async def record(self, step: str, outside_id: str) -> None:
        self._steps[step] = outside_id
        await self._write({f"steps.{step}": outside_id})

    async def _write(self, changes: dict[str, object]) -> None:
        if await self._publications.change(self._claim.id, changes, token=self._claim.token) is None:
            raise LeaseLost(self._claim.id)
