"""Passwords: hashed with argon2id, and checked in the same time whether somebody has one or not.

The cost is that of RFC 9106, section 4, second choice: 64 MiB and three passes, which is argon2-cffi's own default. Two
at once and no more, so that a storm of logins costs time and not memory; the event loop never waits for one.
"""

import asyncio
import functools
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from . import metrics

_AT_ONCE = 2

_hasher = PasswordHasher()


class Passwords:
    """Hashes and checks for one process."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)
        # Made before the first login, which would take twice as long otherwise and tell that nobody has the name.
        _nobodys()

    async def hashed(self, password: str) -> str:
        """What is stored of a password: the hash, with its salt and its cost."""
        async with self._places:
            return await asyncio.to_thread(_hasher.hash, _normal(password))

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is of this password. With nothing stored, as much work is done before it is not."""
        async with self._places:
            with metrics.PASSWORD_SECONDS.time():
                return await asyncio.to_thread(_is_right, password, stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made at another cost than today's."""
        return _hasher.check_needs_rehash(stored)


def _is_right(password: str, stored: str | None) -> bool:
    try:
        return _hasher.verify(stored or _nobodys(), _normal(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    """A hash that nobody's password has."""
    return _hasher.hash(secrets.token_urlsafe())


def _normal(password: str) -> str:
    """The same letters from another keyboard are the same password (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
