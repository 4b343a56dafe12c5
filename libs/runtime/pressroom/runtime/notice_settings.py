"""What the settings of notices mean: the keys that webhooks are signed with, the mail server that mail goes through.

Pure, and apart from the settings themselves, which refuse at the start what cannot be read here.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark by which a secret is known, of Standard Webhooks
_KEY_MIN_BYTES, _KEY_MAX_BYTES = 24, 64
"""Standard Webhooks 1.0, "Signature scheme"."""

StartTls = Literal["always", "if-offered", "never"]
_PORTS = {"smtp": 587, "smtps": 465}


def signing_keys(setting: str) -> tuple[bytes, ...]:
    """The keys of `PRESSROOM_NOTICE_SECRET`. Raises `ValueError`, which does not repeat the secret."""
    keys: list[bytes] = []
    for word in setting.split():
        try:
            key = base64.b64decode(word.removeprefix(SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not word.startswith(SECRET_PREFIX) or not _KEY_MIN_BYTES <= len(key) <= _KEY_MAX_BYTES:
            raise ValueError(
                f"each secret is {SECRET_PREFIX} and {_KEY_MIN_BYTES} to {_KEY_MAX_BYTES} random bytes as base64"
            )
        keys.append(key)
    if not keys:
        raise ValueError(f"there is no secret in it; one is {SECRET_PREFIX} and random bytes as base64")
    return tuple(keys)


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in. `encrypted`: TLS from the first byte; else `starttls` says when it begins."""

    host: str
    port: int
    encrypted: bool
    starttls: StartTls
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """What `PRESSROOM_SMTP_URL` says. Raises `ValueError`, which does not repeat the password.

        With a user and no word on it, STARTTLS is needed: a password is not sent in the clear unasked.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("it is no URL; one is smtp://user:password@host:587") from None
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
            raise ValueError("it has to be smtp:// or smtps:// with a host, and nothing after it but ?starttls=")
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        starttls = asked.pop("starttls", "always" if parts.username else "if-offered")
        if asked or starttls not in get_args(StartTls):
            raise ValueError(f"after the ? there may be starttls= with one of: {', '.join(get_args(StartTls))}")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            encrypted=parts.scheme == "smtps",
            starttls=cast("StartTls", starttls),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )
