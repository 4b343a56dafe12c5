"""Whose a batch is, remembered in this process: it never changes, and an account's events ask for it with each one."""

from pressroom.contracts.events import BatchEvent, BatchRequested, Event, PostEvent
from pressroom.state.batches import Batches

_MOST = 20_000


class BatchOwners:
    """The owners of the batches that events told of last."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._owners: dict[str, str] = {}

    async def has_told(self, event: Event, owner: str) -> bool:
        """Whether `event` is about one of `owner`'s batches or posts; what is about neither is about nobody's."""
        if isinstance(event, BatchRequested | PostEvent):
            # It says so itself, and a request comes before its batch is stored where a program asks by event.
            return event.owner == owner
        return isinstance(event, BatchEvent) and await self._of(event.batch_id) == owner

    async def _of(self, batch_id: str) -> str | None:
        known = self._owners.get(batch_id)
        if known is not None:
            return known
        owner = await self._batches.owner_of(batch_id)
        if owner is not None:
            if len(self._owners) >= _MOST:
                # The longest remembered: a dict lists its keys in the order in which they came.
                del self._owners[next(iter(self._owners))]
            self._owners[batch_id] = owner
        return owner
