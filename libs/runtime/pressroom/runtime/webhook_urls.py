"""A vendor's webhook: the address that it is given with a job, and the hint that goes to the workers when it calls.

The address carries our key for the job and a signature over it, so nobody who was not given it can call it, and a call
says by itself which job it is about. Nothing is stored here: a process that dies loses nothing.
"""

import hashlib
import hmac

from .settings import Settings

ALL_HINTS = "pressroom.webhook.*.*"
"""Every hint: what a vendor told of an image's job. No stream keeps them; who misses one looks a little later."""


def webhook_url(settings: Settings, vendor: str, key: str) -> str | None:
    """Where `vendor` tells of the job that has our `key`, a UUID or a provider job's id; None without
    `PRESSROOM_PUBLIC_URL`."""
    if settings.public_url is None:
        return None
    return f"{settings.public_url.rstrip('/')}/webhooks/{vendor}/{key}/{_signature(settings, vendor, key)}"


def is_ours(settings: Settings, vendor: str, key: str, signature: str) -> bool:
    """Whether such an address was made here; never where no secret is set."""
    if settings.webhook_secret is None:
        return False
    return hmac.compare_digest(signature.encode(), _signature(settings, vendor, key).encode())


def hint_subject(vendor: str, key: str) -> str:
    """`pressroom.webhook.<vendor>.<key>`"""
    return f"pressroom.webhook.{vendor}.{key}"


def hinted(subject: str) -> tuple[str, str]:
    """The vendor and the key of a hint."""
    _, _, vendor, key = subject.split(".")
    return vendor, key


def _signature(settings: Settings, vendor: str, key: str) -> str:
    assert settings.webhook_secret is not None, "settings with a public URL have a secret"
    secret = settings.webhook_secret.get_secret_value().encode()
    return hmac.new(secret, f"{vendor}\n{key}".encode(), hashlib.sha256).hexdigest()
