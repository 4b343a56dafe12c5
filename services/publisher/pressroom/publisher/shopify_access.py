"""The token that Shopify's Admin API is asked with: a given one, or one that is granted for a day at a time.

A granted token lives in memory only, so it is in no file and no log; a process that dies asks for another.
"""

import asyncio
import time

from pressroom.runtime.errors import AuthFailed, InvalidRequest
from pressroom.runtime.vendor_http import VendorClient

from .settings import PublisherSettings
from .shopify_wire import Granted

KEY_SETTINGS = "PRESSROOM_SHOPIFY_TOKEN, or PRESSROOM_SHOPIFY_CLIENT_ID and PRESSROOM_SHOPIFY_CLIENT_SECRET"
RENEW_BEFORE_S = 300.0
"""A token is not used in its last minutes, as a request may take some."""


class ShopifyAccess:
    """Whichever of the two ways the settings name; a given token wins."""

    def __init__(self, settings: PublisherSettings, client: VendorClient) -> None:
        self._given = settings.shopify_token
        self._client_id = settings.shopify_client_id
        self._client_secret = settings.shopify_client_secret
        self._client = client
        self._granted: str | None = None
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        if self._given is not None:
            return self._given.get_secret_value()
        async with self._asking:
            if self._granted is None or time.monotonic() >= self._good_until:
                granted = await self._ask()
                self._granted = granted.access_token
                self._good_until = time.monotonic() + max(granted.expires_in - RENEW_BEFORE_S, granted.expires_in / 2)
            return self._granted

    def forget(self, token: str) -> bool:
        """Drop a token that was refused; whether another can be asked for."""
        if self._given is not None:
            return False
        if self._granted == token:
            self._granted = None
        return True

    async def _ask(self) -> Granted:
        if self._client_id is None or self._client_secret is None:
            raise AuthFailed(f"Shopify needs a token: set {KEY_SETTINGS}")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
        }
        request = self._client.http.build_request("POST", "/admin/oauth/access_token", data=form)
        try:
            response = await self._client.send(request)
        except InvalidRequest as error:
            raise AuthFailed(f"Shopify grants no token ({error}); check {KEY_SETTINGS}") from error
        return self._client.read(response, Granted)
