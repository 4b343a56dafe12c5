"""Publications: looked up by owner."""

from datetime import datetime
from typing import Any

from pressroom.contracts.vocabulary import PlatformName, PublicationState

from .collection import Collection
from .documents import PublicationDocument


class Publications(Collection[PublicationDocument]):
    async def page(
        self,
        owner: str,
        *,
        state: PublicationState | None = None,
        platform: PlatformName | None = None,
        batch_id: str | None = None,
        image_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[PublicationDocument]:
        """An owner's publications, newest first, from after the one that `before` (its time and id) names."""
        wanted = {"state": state, "platform": platform, "batch_id": batch_id, "image_id": image_id}
        query: dict[str, Any] = {"owner": owner}
        query |= {field: str(value) for field, value in wanted.items() if value is not None}
        return await self.newest(query, before=before, limit=limit)
