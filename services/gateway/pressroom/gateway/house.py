"""What the request handlers work with, reached through the application: the service's connections, and passwords."""

from typing import Annotated

from fastapi import Depends, Request

from pressroom.runtime.admission import Lanes, announced
from pressroom.runtime.passwords import Passwords
from pressroom.runtime.service import Service

from .recent import Recent
from .settings import GatewaySettings

_ALL = "all"


class GatewayService(Service):
    """The service's connections, and what its lanes were a moment ago: every batch that is asked for needs that."""

    def __init__(self, name: str, settings: GatewaySettings) -> None:
        super().__init__(name, settings)
        self.settings = settings
        self._lanes = Recent[Lanes](settings.lanes_cache_s)

    async def lanes(self) -> Lanes:
        """As announced. Of a lane that was closed since, a batch may still be taken: it is rejected when it is planned,
        as one is whose lane closes then."""
        known = self._lanes.get(_ALL)
        if known is None:
            known = await announced(self.database)
            self._lanes.put(_ALL, known)
        return known


async def service_of(request: Request) -> GatewayService:
    service: GatewayService = request.app.state.service
    return service


House = Annotated[GatewayService, Depends(service_of)]


async def passwords_of(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


Hashing = Annotated[Passwords, Depends(passwords_of)]
