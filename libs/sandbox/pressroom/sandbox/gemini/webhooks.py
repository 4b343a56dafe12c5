"""What the Batch API tells by itself: that a job has ended, at the addresses that its `webhookConfig` names, for a day
(ai.google.dev, "Webhooks", 2026-06). Signed with a JWT by a key whose public half is at `/.well-known/jwks.json`.

An address that has heard is noted in the job's document, so a restart goes on with the others."""

from __future__ import annotations

import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.callbacks import Callbacks, Later, Letter
from pressroom.sandbox.core.clock import rfc3339
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import (
    JsonObject,
    as_float,
    as_list,
    as_object,
    as_text,
    dump,
    json_list,
    json_response,
)
from pressroom.sandbox.gemini.batches import BATCHES, Batches

EVENTS = {"SUCCEEDED": "batch.succeeded", "FAILED": "batch.failed", "EXPIRED": "batch.expired"}
"""As google-genai 3.4.0 lists them: of a job that was cancelled nothing is told."""

ISSUER = "https://generativelanguage.googleapis.com"
KEY_ID = "sandbox"
TRYING_SECONDS = 24 * 3600
TOKEN_SECONDS = 300
LOOK_SECONDS = 0.1


class Webhooks:
    """The webhooks of one sandbox's jobs."""

    def __init__(self, store: Store, batches: Batches, retry_seconds: float) -> None:
        self._store = store
        self._batches = batches
        self._callbacks = Callbacks(retry_seconds, TRYING_SECONDS)
        self._key: rsa.RSAPrivateKey | None = None

    def resume(self) -> None:
        for row in self._store.rows(BATCHES):
            self.take(row.id)

    def take(self, batch_id: str) -> None:
        """From the job's end on, tell every address of it that has not heard."""
        document = as_object(self._store.get(BATCHES, batch_id))
        heard = as_list(document.get("webhook_heard"))
        for place, uri in enumerate(as_list(document.get("webhook_uris"))):
            if uri not in heard:
                self._tell(batch_id, as_text(uri), place, as_float(document["created_at"]))

    async def stop(self) -> None:
        await self._callbacks.stop()

    def drop(self) -> None:
        self._callbacks.drop()

    async def keys(self, _request: Request) -> Response:
        """The JWKS."""
        public: JsonObject = RSAAlgorithm.to_jwk(self._signing_key().public_key(), as_dict=True)
        return json_response({"keys": json_list([{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}])})

    def _tell(self, batch_id: str, uri: str, place: int, at: float) -> None:
        def told(arrived: bool) -> None:
            if arrived:
                self._note(batch_id, uri)

        self._callbacks.send(at, lambda: self._letter(batch_id, uri, place), told)

    def _note(self, batch_id: str, uri: str) -> None:
        with self._store.transaction():
            document = self._store.get(BATCHES, batch_id)
            if document is not None:
                heard = as_list(document.get("webhook_heard"))
                self._store.put(BATCHES, batch_id, {**document, "webhook_heard": [*heard, uri]})

    def _letter(self, batch_id: str, uri: str, place: int) -> Letter | Later | None:
        document = self._store.get(BATCHES, batch_id)
        if document is None:
            return None
        state = self._batches.state(document)
        if state in ("PENDING", "RUNNING"):
            return Later(LOOK_SECONDS)
        event = EVENTS.get(state)
        if event is None:
            return None
        data: JsonObject = {"id": batch_id}
        if state == "SUCCEEDED" and document["file"]:
            data["output_file_uri"] = document["responses_file"]
        elif state == "FAILED":
            data |= {"error_code": "INVALID_ARGUMENT", "error_message": as_text(document.get("failure"))}
        told: JsonObject = {
            "type": event,
            "version": "v1",
            "timestamp": rfc3339(self._batches.ended_at(document)),
            "data": data,
        }
        if document["user_metadata"]:
            told["user_metadata"] = document["user_metadata"]
        now = int(time.time())
        claims: dict[str, object] = {**told, "iss": ISSUER, "aud": uri, "iat": now, "exp": now + TOKEN_SECONDS}
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"msg_{batch_id}_{place}",
            "webhook-timestamp": str(now),
            "webhook-signature": jwt.encode(claims, self._signing_key(), algorithm="RS256", headers={"kid": KEY_ID}),
        }
        return Letter(uri, dump(told).encode(), headers)

    def _signing_key(self) -> rsa.RSAPrivateKey:
        """Made at its first use and kept, so that what was signed before a restart can be checked after it."""
        with self._store.transaction():
            if self._key is None:
                path = self._store.folder / "gemini-webhook-key.pem"
                if not path.exists():
                    path.write_bytes(_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
                key = serialization.load_pem_private_key(path.read_bytes(), password=None)
                assert isinstance(key, rsa.RSAPrivateKey)
                self._key = key
            return self._key


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
