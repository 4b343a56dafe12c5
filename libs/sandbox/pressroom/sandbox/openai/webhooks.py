"""The project's webhook endpoints (openai-python 3.52.0, `webhooks`), and what they are told: that a batch has ended,
signed as Standard Webhooks are, for three days. Told are the endpoints that were there when the batch was made.

An endpoint that has heard is noted in the batch's document, so a restart goes on with the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.callbacks import Callbacks, Later, Letter
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_float, as_list, as_object, as_text, dump, json_response, parse
from pressroom.sandbox.openai.batches import BATCHES, UNFINISHED, Batches
from pressroom.sandbox.openai.errors import OpenAIRefusalError, missing, not_one_of, with_request_id, wrong_type
from pressroom.sandbox.openai.paging import list_response, read_page

ENDPOINTS = "openai.webhook_endpoints"

OF_BATCHES = ("batch.completed", "batch.failed", "batch.expired", "batch.cancelled")
"""All that ever happens here; other event types are refused."""

FIELDS = frozenset({"event_types", "name", "url"})
TRYING_SECONDS = 72 * 3600
LOOK_SECONDS = 0.1
LARGEST_PAGE = 100


class Webhooks:
    """The endpoints of one sandbox, and the messages on their way to them."""

    def __init__(self, store: Store, batches: Batches, retry_seconds: float) -> None:
        self._store = store
        self._batches = batches
        self._callbacks = Callbacks(retry_seconds, TRYING_SECONDS)

    def resume(self) -> None:
        for row in self._store.rows(BATCHES):
            for endpoint in as_list(row.body.get("webhooks_owed")):
                self._tell(row.id, as_text(endpoint), row.body)

    def take(self, batch_id: str) -> None:
        """From the batch's end on, tell every endpoint."""
        endpoints = [row.id for row in self._store.rows(ENDPOINTS)]
        if endpoints:
            self._batches.mark(batch_id, webhooks_owed=[*endpoints])
        for endpoint in endpoints:
            self._tell(batch_id, endpoint, as_object(self._batches.find(batch_id)))

    async def stop(self) -> None:
        await self._callbacks.stop()

    def drop(self) -> None:
        self._callbacks.drop()

    async def create(self, request: Request) -> Response:
        body = await _asked(request)
        for name in sorted(FIELDS):
            if name not in body:
                raise missing(name)
        now = int(time.time())
        endpoint: JsonObject = {
            "id": f"we_{secrets.token_hex(16)}",
            "object": "webhook_endpoint",
            "created_at": now,
            "updated_at": now,
            **body,
            "signing_secret": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        }
        self._store.put(ENDPOINTS, as_text(endpoint["id"]), endpoint)
        return with_request_id(json_response(endpoint))

    async def list(self, request: Request) -> Response:
        page = read_page(request, self._store, ENDPOINTS, default=20, highest=LARGEST_PAGE)
        rows = self._store.rows(ENDPOINTS, newest_first=page.newest_first, past_seq=page.past_seq, limit=page.limit + 1)
        return list_response(rows, page, lambda row: _shown(row.body))

    async def get(self, request: Request) -> Response:
        return with_request_id(json_response(_shown(self._endpoint(request))))

    async def update(self, request: Request) -> Response:
        changes = await _asked(request)
        endpoint = {**self._endpoint(request), **changes, "updated_at": int(time.time())}
        self._store.put(ENDPOINTS, as_text(endpoint["id"]), endpoint)
        return with_request_id(json_response(_shown(endpoint)))

    async def delete(self, request: Request) -> Response:
        endpoint_id = as_text(self._endpoint(request)["id"])
        self._store.delete(ENDPOINTS, endpoint_id)
        deleted: JsonObject = {"id": endpoint_id, "object": "webhook_endpoint.deleted", "deleted": True}
        return with_request_id(json_response(deleted))

    def _endpoint(self, request: Request) -> JsonObject:
        endpoint_id: str = request.path_params["endpoint_id"]
        endpoint = self._store.get(ENDPOINTS, endpoint_id)
        if endpoint is None:
            raise OpenAIRefusalError(404, f"No webhook endpoint found with id '{endpoint_id}'.")
        return endpoint

    def _tell(self, batch_id: str, endpoint_id: str, batch: JsonObject) -> None:
        def told(arrived: bool) -> None:
            if arrived:
                self._note(batch_id, endpoint_id)

        at = as_float(batch.get("created_at"))
        self._callbacks.send(at, lambda: self._letter(batch_id, endpoint_id), told)

    def _note(self, batch_id: str, endpoint_id: str) -> None:
        with self._store.transaction():
            owed = as_list(as_object(self._batches.find(batch_id)).get("webhooks_owed"))
            self._batches.mark(batch_id, webhooks_owed=[other for other in owed if other != endpoint_id])

    def _letter(self, batch_id: str, endpoint_id: str) -> Letter | Later | None:
        batch, endpoint = self._batches.find(batch_id), self._store.get(ENDPOINTS, endpoint_id)
        if batch is None or endpoint is None:
            return None
        status = self._batches.status(batch)
        if status in UNFINISHED:
            return Later(LOOK_SECONDS)
        event = f"batch.{status}"
        if event not in as_list(endpoint["event_types"]):
            return None
        now = int(time.time())
        same = hashlib.sha256(f"{batch_id} {endpoint_id}".encode()).hexdigest()[:32]
        body = dump(
            {
                "id": f"evt_{same}",
                "object": "event",
                "created_at": self._batches.body(batch)[f"{status}_at"],
                "type": event,
                "data": {"id": batch_id},
            }
        ).encode()
        message_id = f"wh_{same}"
        key = base64.b64decode(as_text(endpoint["signing_secret"]).removeprefix("whsec_"))
        signature = hmac.digest(key, f"{message_id}.{now}.".encode() + body, "sha256")
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }
        return Letter(as_text(endpoint["url"]), body, headers)


async def _asked(request: Request) -> JsonObject:
    """The fields that are given, each as it has to be."""
    try:
        body = as_object(parse(await request.body()))
    except ValueError as wrong:
        raise OpenAIRefusalError(400, "We could not parse the JSON body of your request.") from wrong
    for name, value in body.items():
        if name not in FIELDS:
            raise OpenAIRefusalError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if name == "event_types":
            for event in as_list(value):
                if event not in OF_BATCHES:
                    raise not_one_of(str(event), "event_types", OF_BATCHES)
        elif not isinstance(value, str) or not value:
            raise wrong_type(name, "a string", "something else")
        elif name == "url" and urlsplit(value).scheme not in ("http", "https"):
            raise OpenAIRefusalError(400, f"Invalid URL: '{value}'.", param="url", code="invalid_value")
    return body


def _shown(endpoint: JsonObject) -> JsonObject:
    """Without the secret, which is told once."""
    hint = f"{as_text(endpoint['signing_secret'])[:10]}..."
    return {
        **{name: value for name, value in endpoint.items() if name != "signing_secret"},
        "signing_secret_hint": hint,
    }
