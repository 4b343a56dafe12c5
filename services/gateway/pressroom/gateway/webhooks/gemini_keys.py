"""The keys with which Gemini signs what it tells at a job's own address: a JWT in RS256, by keys of a JWKS (RFC 7517).

They are fetched when a signature names one that is not known, once a minute at most, and kept in memory: a process that
dies fetches them again.
"""

import asyncio
import time
from http import HTTPStatus

import httpx
import jwt

from pressroom.runtime.logs import get_logger

from .refusals import not_now

FETCHED_EVERY_S = 60
"""At most, once they were had: a flood of unknown key ids must not become one of requests."""

_TIMEOUT_S = 3
"""Gemini waits a few seconds for an answer."""

_LEEWAY_S = 60
_LONGEST_TOKEN = 8192

log = get_logger(__name__)


class GeminiKeys:
    """The keys behind `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_at = -float(FETCHED_EVERY_S)
        self._fetching = asyncio.Lock()

    async def has_signed(self, token: str) -> bool:
        """Whether `token` is a JWT of one of these keys that has not expired. Raises a 503 `Refusal` when the keys
        cannot be had. For whom it is meant (`aud`) is not looked at: who asks for the webhook cannot say it."""
        if len(token) > _LONGEST_TOKEN:
            return False
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return False
            jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False}, leeway=_LEEWAY_S)
        except jwt.PyJWTError:
            return False
        return True

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        if key_id not in self._keys:
            async with self._fetching:
                if key_id not in self._keys and time.monotonic() - self._tried_at >= FETCHED_EVERY_S:
                    await self._fetch()
                    self._tried_at = time.monotonic()
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
                response = await client.get(self._url)
            if response.status_code != HTTPStatus.OK:
                raise ValueError(f"it answered {response.status_code}")
            found = jwt.PyJWKSet.from_json(response.text)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, jwt.PyJWTError) as error:
            log.warning("gemini_keys.not_fetched", setting="PRESSROOM_GEMINI_WEBHOOK_JWKS_URL", reason=str(error))
            raise not_now("The keys of the signature cannot be fetched; tell again in a moment.") from error
        self._keys = {key.key_id: key for key in found.keys if key.key_id is not None}
