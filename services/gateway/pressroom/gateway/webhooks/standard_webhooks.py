"""Standard Webhooks (standardwebhooks.com, specification 1.0.0), as Gemini and OpenAI send them: who said it, when, and
which message it is. Nothing is stored here."""

import base64
import hashlib
import hmac
import time

from pydantic import SecretStr
from starlette.datastructures import Headers

from ..settings import WHSEC

TOLD_WITHIN_S = 300
"""Older than this, or as far in the future, a message is refused ("Verifying webhook authenticity"); within it, whoever
handles a message knows its id again."""

_LONGEST_ID = 256
_LONGEST_TIMESTAMP = len("9999999999")
_SIGNATURES_AT_MOST = 16


def fresh_message_id(headers: Headers) -> str | None:
    """The id of a message that says it was sent now; None for one without an id, and for an old one."""
    message_id, said_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not 0 < len(message_id) <= _LONGEST_ID or not 0 < len(said_at) <= _LONGEST_TIMESTAMP:
        return None
    if not said_at.isascii() or not said_at.isdigit() or abs(time.time() - int(said_at)) > TOLD_WITHIN_S:
        return None
    return message_id


def signed_message_id(headers: Headers, body: bytes, secret: SecretStr) -> str | None:
    """The id of a message that who has `secret` (`whsec_` and base64) signed not long ago; else None. One signature of
    several is enough, as there are while a secret is changed."""
    message_id = fresh_message_id(headers)
    if message_id is None:
        return None
    key = base64.b64decode(secret.get_secret_value().removeprefix(WHSEC))
    signed = f"{message_id}.{headers['webhook-timestamp']}.".encode() + body
    right = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").split(" ")[:_SIGNATURES_AT_MOST]
    is_right = any(hmac.compare_digest(right, signature.encode()) for signature in given)
    return message_id if is_right else None
