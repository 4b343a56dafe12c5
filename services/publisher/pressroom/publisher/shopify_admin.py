"""Shopify's Admin GraphQL API as calls: paced by what each reply says of the cost bucket, every failure a `WorkError`.

A document is sent again in one case only: its token was refused, so nothing was done, and another can be had. All else
is left to whoever knows what was intended; a process that dies in a call leaves it to their journal.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pressroom.runtime.errors import ApiFailed, AuthFailed, InvalidRequest, RateLimited, TimedOut, WorkError
from pressroom.runtime.vendor_http import VendorClient

from .pacing import PATIENCE_S
from .settings import PublisherSettings
from .shopify_access import KEY_SETTINGS, ShopifyAccess
from .shopify_wire import Cost, Payload, Reply

Data = TypeVar("Data", bound=BaseModel)

VENDOR = "Shopify"

THROTTLED_WAIT_MIN_S = 1.0
"""When the bucket seems full enough by now: others of the shop's apps spend from it too."""


class CostBucket:
    """What is left of the shop's cost points, as far as the last reply tells (Shopify, "API rate limits")."""

    def __init__(self) -> None:
        self._available = 0.0
        self._maximum = math.inf
        self._restored_per_s = 0.0
        self._heard_at: float | None = None
        self._cost_of: dict[str, float] = {}

    def hear(self, document: str, cost: Cost | None) -> None:
        if cost is None:
            return
        if cost.requested_query_cost is not None:
            self._cost_of[document] = cost.requested_query_cost
        if cost.throttle_status is not None:
            self._available = cost.throttle_status.currently_available
            self._maximum = cost.throttle_status.maximum_available
            self._restored_per_s = cost.throttle_status.restore_rate
            self._heard_at = time.monotonic()

    def can_ever_pay(self, document: str) -> bool:
        """Whether the document's cost fits into the full bucket."""
        return self._cost_of.get(document, 0.0) <= self._maximum

    def wait_s(self, document: str) -> float:
        """Seconds until the document's cost is there; 0 while nothing is known of the document or the bucket."""
        if self._heard_at is None or self._restored_per_s <= 0:
            return 0.0
        available = self._available + (time.monotonic() - self._heard_at) * self._restored_per_s
        return max(0.0, self._cost_of.get(document, 0.0) - available) / self._restored_per_s


class ShopifyAdmin:
    """One shop's Admin API."""

    def __init__(self, settings: PublisherSettings) -> None:
        shop = settings.shopify_shop
        url = settings.shopify_url or (f"https://{shop}.myshopify.com" if shop else None)
        self._is_set = url is not None
        self._path = f"/admin/api/{settings.shopify_api_version}/graphql.json"
        self._client = VendorClient(
            VENDOR,
            url or "",
            key_setting=KEY_SETTINGS,
            headers={},
            timeout_s=settings.vendor_timeout_s,
            read_error=_read_error,
        )
        self._access = ShopifyAccess(settings, self._client)
        self._bucket = CostBucket()

    @property
    def scheme(self) -> str:
        """Whether this shop is spoken to in the clear, which only one on this machine is."""
        return self._client.http.base_url.scheme

    async def aclose(self) -> None:
        await self._client.aclose()

    async def run(self, document: str, variables: Mapping[str, object], shape: type[Data]) -> Data:
        """Send one document; its data. `InvalidRequest` for user errors, with field and message."""
        if not self._is_set:
            raise InvalidRequest("Shopify needs a shop: set PRESSROOM_SHOPIFY_SHOP")
        wait_s = self._bucket.wait_s(document)
        if wait_s > PATIENCE_S:
            raise RateLimited(f"the shop's cost points are used up for {wait_s:.0f} s", wait_s)
        await asyncio.sleep(wait_s)
        reply = self._client.read(await self._send(document, variables), Reply)
        self._bucket.hear(document, reply.extensions.cost)
        if reply.errors:
            raise self._error_of(document, reply)
        try:
            data = shape.model_validate(reply.data)
        except ValidationError as error:
            raise ApiFailed(f"{VENDOR} answered data of another shape than asked for: {error}") from error
        for name in shape.model_fields:
            _refuse_user_errors(getattr(data, name))
        return data

    async def _send(self, document: str, variables: Mapping[str, object]) -> httpx.Response:
        body = {"query": document, "variables": variables}
        token = await self._access.token()
        try:
            return await self._client.send(self._request(body, token))
        except AuthFailed:
            if not self._access.forget(token):
                raise
        return await self._client.send(self._request(body, await self._access.token()))

    def _request(self, body: Mapping[str, object], token: str) -> httpx.Request:
        return self._client.http.build_request("POST", self._path, json=body, headers={"X-Shopify-Access-Token": token})

    def _error_of(self, document: str, reply: Reply) -> WorkError:
        if reply.errors is None or isinstance(reply.errors, str):
            return InvalidRequest(f"{VENDOR} refused the request: {reply.errors}")
        said = "; ".join(error.message for error in reply.errors)
        for error in reply.errors:
            self._bucket.hear(document, error.extensions.cost)
        codes = {error.extensions.code for error in reply.errors}
        if "THROTTLED" in codes and self._bucket.can_ever_pay(document):
            wait_s = max(THROTTLED_WAIT_MIN_S, self._bucket.wait_s(document))
            return RateLimited(f"{VENDOR} is throttling: {said}", wait_s)
        if "ACCESS_DENIED" in codes:
            return AuthFailed(f"{VENDOR}: {said}; give the app the scopes that it asks for (check {KEY_SETTINGS})")
        if "TIMEOUT" in codes:
            return TimedOut(f"{VENDOR}: {said}")
        if "INTERNAL_SERVER_ERROR" in codes:
            return ApiFailed(f"{VENDOR}: {said}")
        return InvalidRequest(f"{VENDOR} refused the document: {said}")


def _refuse_user_errors(payload: object) -> None:
    if isinstance(payload, Payload) and payload.user_errors:
        said = "; ".join(error.said() for error in payload.user_errors)
        raise InvalidRequest(f"{VENDOR} refused the input: {said}")


def _read_error(response: httpx.Response) -> WorkError | None:
    if response.status_code == HTTPStatus.NOT_FOUND:
        return InvalidRequest(
            f"{VENDOR} has nothing at {response.request.url.host}{response.request.url.path}: check "
            "PRESSROOM_SHOPIFY_SHOP and PRESSROOM_SHOPIFY_API_VERSION"
        )
    return None
