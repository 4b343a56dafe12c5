"""How alike two pictures look: a difference hash of 64 bits, and bands that find near ones without comparing all.

Copies that were scaled, encoded again or slightly recoloured stay within a few bits; mirrored ones do not.
"""

from itertools import pairwise

import pyvips

from pressroom.contracts.finishing import Check, CheckName, Verdict

ALIKE_MAX_DISTANCE = 5
"""Bits that differ between pictures that a person would call the same. Bands find every pair up to this distance."""

HASH_BITS = 64
BANDS = ALIKE_MAX_DISTANCE + 1
"""Five differing bits leave at least one of six bands untouched."""

_COLUMNS, _ROWS = 9, 8
_NEUTRAL = [128.0, 128.0, 128.0]


def perceptual_hash(image: pyvips.Image) -> str:
    """16 hex digits of an sRGB picture: bit by bit, whether a cell of a 9x8 grid is darker than its right neighbour.
    Transparent parts are looked at as neutral grey."""
    opaque = image.flatten(background=_NEUTRAL) if image.hasalpha() else image
    cells = opaque.colourspace("b-w").thumbnail_image(_COLUMNS, height=_ROWS, size="force")[0].cast("uchar")
    values = bytes(cells.write_to_memory())
    bits = 0
    for row in range(_ROWS):
        line = values[row * _COLUMNS : (row + 1) * _COLUMNS]
        for left, right in pairwise(line):
            bits = bits << 1 | (left < right)
    return f"{bits:016x}"


def hamming(a: str, b: str) -> int:
    """How many bits differ between two hashes, 0..64."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def bands(perceptual_hash: str) -> tuple[str, ...]:
    """The hash cut in six; two hashes within `ALIKE_MAX_DISTANCE` share at least one. Each carries its index, so that
    all can be kept in one index of a database."""
    bits = int(perceptual_hash, 16)
    edges = [HASH_BITS * number // BANDS for number in range(BANDS + 1)]
    pieces = ((bits >> low) & ((1 << high - low) - 1) for low, high in pairwise(edges))
    return tuple(f"{number}:{piece:03x}" for number, piece in enumerate(pieces))


def duplicate_check(distance: int | None, of: str | None) -> Check:
    """`distance` in bits to the most alike image, which is named `of`; None when nothing is alike."""
    if distance is None or of is None or distance > ALIKE_MAX_DISTANCE:
        value = HASH_BITS if distance is None else distance
        return Check(
            name=CheckName.DUPLICATE, verdict=Verdict.PASS, value=value, reason="No other picture looks like this one."
        )
    alike = "the same as" if distance == 0 else f"almost the same as ({distance} of {HASH_BITS} bits differ)"
    return Check(
        name=CheckName.DUPLICATE,
        verdict=Verdict.WARN,
        value=distance,
        reason=f"It looks {alike} {of}: keep one of the two, or ask for another with a new seed.",
    )
