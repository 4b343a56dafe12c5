"""What our clients send, as it leaves httpx."""

from dataclasses import dataclass, field

import httpx
import pytest


@dataclass
class WireTap:
    """Every request, oldest first."""

    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    def sent(self, method: str, part_of_path: str) -> list[httpx.Request]:
        return [asked for asked in self.requests if asked.method == method and part_of_path in asked.url.path]


def tapped(patch: pytest.MonkeyPatch) -> WireTap:
    """Listens from now on."""
    tap, send = WireTap(), httpx.AsyncClient.send

    async def listening(client: httpx.AsyncClient, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        tap.requests.append(request)
        return await send(client, request, stream=stream)

    patch.setattr(httpx.AsyncClient, "send", listening)
    return tap
