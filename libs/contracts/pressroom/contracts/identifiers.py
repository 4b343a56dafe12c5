"""Names of things, as they travel in subjects, URLs and file names.

Every identifier is one NATS subject token, so it has no dot, star, angle bracket or space. Ids made here sort by
the time of their making. An image's and a publication's id follow from what they belong to: a process that dies
while it makes them makes the same ones again.
"""

import hashlib
import secrets
import time
from typing import Annotated

from pydantic import StringConstraints

IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
LONG_IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,191}$"

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
"""A name that a caller may choose: a batch's id, a lane, an owner."""

DerivedIdentifier = Annotated[str, StringConstraints(pattern=LONG_IDENTIFIER_PATTERN)]
"""A name made of other names: an image's id, a publication's."""

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS = 9  # 45 bits of milliseconds: past the year 3000
_RANDOM_DIGITS = 11  # 55 bits: a collision within one millisecond is not to be expected


def _base32(number: int, digits: int) -> str:
    return "".join(_CROCKFORD[(number >> (5 * place)) & 31] for place in reversed(range(digits)))


def new_id(prefix: str) -> str:
    """A fresh id, e.g. `batch_01jd…`, that sorts by time of making."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}_{_base32(milliseconds, _TIME_DIGITS)}{_base32(secrets.randbits(55), _RANDOM_DIGITS)}"


def image_id(batch_id: str, index: int) -> str:
    """The id of image `index` (from 0) of a batch."""
    return f"{batch_id}-{index:04d}"


def publication_id(image: str, platform: str, product_type: str) -> str:
    """The id of one image on one platform as one product type: there is never a second one."""
    return f"{image}-{platform}-{product_type}"


def notice_id(batch_id: str, kind: str, target: str) -> str:
    """The id of what one target is told of a batch: also the `webhook-id`, by which a receiver counts it once."""
    return "notice_" + hashlib.sha256(f"{batch_id}\n{kind}\n{target}".encode()).hexdigest()[:32]


def webhook_id(vendor: str, message_id: str) -> str:
    """The id of what a vendor told in one message: told again, it is the same."""
    return "webhook_" + hashlib.sha256(f"{vendor}\n{message_id}".encode()).hexdigest()[:32]
