"""The public keys of somebody who signs with RS256, as they publish them: a JSON Web Key Set (RFC 7517).

They are kept in memory and fetched again when they are old, or when a signature names a key that is not among them:
twice a minute at most, so that a flood of made-up names is no flood of requests. While they cannot be fetched, those
that are known are believed for an hour more. A process that dies fetches them again.
"""

import asyncio
import time
from http import HTTPStatus

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pressroom.runtime.authorities import authorities
from pressroom.runtime.logs import get_logger

ALGORITHM = "RS256"

FRESH_S = 600.0
BELIEVED_S = 3600.0
AGAIN_AFTER_S = 30.0

_TIMEOUT_S = 5.0
_LARGEST_SET_BYTES = 1024 * 1024
_RSA_MIN_BITS = 2048
"""What RFC 7518, section 3.3, asks of RS256."""

log = get_logger(__name__)


class KeysUnavailable(Exception):
    """No keys are known, or none that are young enough, and they cannot be fetched now."""


class PublishedKeys:
    """The keys behind `url`; `setting` is where that is said, for the log."""

    def __init__(self, url: str, setting: str) -> None:
        self._url = url
        self._setting = setting
        self._keys: dict[str | None, RSAPublicKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> RSAPublicKey | None:
        """The key of this name, or the only one there is when a signature names none; None when there is no such key.

        Raises `KeysUnavailable`.
        """
        if self._is_wanted(key_id) or self._known(key_id) is None:
            # Who has a key, if an old one, does not wait for the one who fetches new ones.
            async with self._fetching:
                if self._is_wanted(key_id):
                    await self._fetch()
        if _age(self._fetched_at) > BELIEVED_S:
            raise KeysUnavailable(self._url)
        return self._known(key_id)

    def _known(self, key_id: str | None) -> RSAPublicKey | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _is_wanted(self, key_id: str | None) -> bool:
        is_enough = self._known(key_id) is not None and _age(self._fetched_at) <= FRESH_S
        return not is_enough and _age(self._tried_at) > AGAIN_AFTER_S

    async def _fetch(self) -> None:
        self._tried_at = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_S), httpx.AsyncClient(verify=authorities()) as client:
                found = jwt.PyJWKSet.from_json(await _body(client, self._url))
        # A body that is JSON and no object has no keys to ask for.
        except (httpx.HTTPError, TimeoutError, ValueError, AttributeError, jwt.PyJWTError) as error:
            log.warning(
                "keys.not_fetched", setting=self._setting, url=self._url, reason=str(error) or type(error).__name__
            )
            return
        self._keys = {key.key_id: key.key for key in found.keys if _is_usable(key)}
        self._fetched_at = self._tried_at


async def _body(client: httpx.AsyncClient, url: str) -> str:
    """Raises `ValueError` for what is no answer, or too long a one."""
    async with client.stream("GET", url) as response:
        if response.status_code != HTTPStatus.OK:
            raise ValueError(f"it answered {response.status_code}")
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST_SET_BYTES:
                raise ValueError(f"it is longer than {_LARGEST_SET_BYTES} bytes")
        return body.decode()


def _is_usable(key: jwt.PyJWK) -> bool:
    is_for_signatures = key.public_key_use in (None, "sig") and key.algorithm_name == ALGORITHM
    return is_for_signatures and isinstance(key.key, RSAPublicKey) and key.key.key_size >= _RSA_MIN_BITS


def _age(moment: float | None) -> float:
    return float("inf") if moment is None else time.monotonic() - moment
