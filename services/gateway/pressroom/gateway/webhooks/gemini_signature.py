"""Gemini's own signature at a job's own address: a JWT in `webhook-signature`, RS256, by one of its published keys."""

import jwt

from ..published_keys import ALGORITHM, KeysUnavailable, PublishedKeys
from .refusals import not_now

_LEEWAY_S = 60
_LONGEST_TOKEN = 8192


async def is_geminis(token: str, keys: PublishedKeys) -> bool:
    """Whether `token` is signed by one of `keys` and has not expired. Raises a 503 `Refusal` when they cannot be had.

    For whom it is meant (`aud`) is not looked at: no document says what Gemini writes there."""
    if len(token) > _LONGEST_TOKEN:
        return False
    try:
        key = await keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            return False
        jwt.decode(token, key, algorithms=[ALGORITHM], options={"verify_aud": False}, leeway=_LEEWAY_S)
    except jwt.PyJWTError:
        return False
    except KeysUnavailable as error:
        raise not_now("The keys of the signature cannot be fetched; tell again in a moment.") from error
    return True
