"""What a person should know about a picture before it is printed: found by looking at a small copy of it.

Pure functions. Each reason says what was found and what to do, to somebody who runs a shop and not a laboratory.
"""

from array import array
from itertools import accumulate

import pyvips

from pressroom.contracts.finishing import Check, CheckName, Verdict

from .placement import Placement
from .sharpness import sharpness_of
from .transparency import check_transparency

__all__ = ["check_blankness", "check_resolution", "check_sharpness", "check_transparency", "checked"]

PRINT_DPI = 300

GOOD_DPI = 150
"""An eye resolves one minute of arc: from an arm's length, 58 cm, that is a pixel at 150 per inch."""
LEAST_DPI = 60
"""The same eye tells such pixels apart from 1.5 m away, which is nearer than strangers stand."""

SHARP_FROM = 0.08
BLURRED_BELOW = 0.004
"""Found on 38 pictures of 1024x1280: the studio's eleven styles, a sparse design, lettering, and faint copies, under a
Gaussian blur. Untouched: 0.31 to 7.6. Sigma 1 px: 0.08 to 1.5. Sigma 2: 0.005 to 0.24, half of them under 0.03; so are
pictures that were enlarged four times. Sigma 4: half under 0.0025. Sigma 6: nine of ten under 0.0045."""

INK_LEVELS = 24
"""How far a pixel is from the middle colour to count as drawn: beyond grain and JPEG noise."""
SPARSE_BELOW_PERCENT = 0.5
BLANK_BELOW_PERCENT = 0.05
"""Of the area. A 3 x 1 in line of text on a 15 x 18 in print covers about 0.5, a mark of 0.4 in 0.05."""


def checked(proof: pyvips.Image, placement: Placement) -> tuple[Check, ...]:
    """`proof` is what the file shows of the picture: sRGB with or without alpha, 8 bits, its longer side at most 1024
    px. `placement` is the whole picture's in the print file."""
    checks = check_resolution(placement), check_sharpness(proof), check_blankness(proof)
    return (*checks, check_transparency(proof)) if proof.hasalpha() else checks


def check_resolution(placement: Placement) -> Check:
    """By the pixels that the picture itself brought, per inch of the print. The value is that; 300 at most, which is
    what the file has."""
    enlargement = max(1.0, placement.enlargement)
    dpi = PRINT_DPI / enlargement
    width_in, height_in = placement.shown_width_px / PRINT_DPI, placement.shown_height_px / PRINT_DPI
    found = f"Printed {width_in:.1f} x {height_in:.1f} in, the picture has {dpi:.0f} pixels of its own per inch"
    if dpi >= GOOD_DPI:
        return _check(CheckName.RESOLUTION, Verdict.PASS, dpi, f"{found}.")
    limit = dpi / GOOD_DPI
    advice = (
        f"Ask the provider for at least {round(width_in * GOOD_DPI)} x {round(height_in * GOOD_DPI)} px, or print it "
        f"at {width_in * limit:.1f} x {height_in * limit:.1f} in or smaller."
    )
    if dpi >= LEAST_DPI:
        reason = f"{found} ({enlargement:.1f} times enlarged): it looks soft from near. {advice}"
        return _check(CheckName.RESOLUTION, Verdict.WARN, dpi, reason)
    reason = f"{found} ({enlargement:.1f} times enlarged): its pixels can be seen. {advice}"
    return _check(CheckName.RESOLUTION, Verdict.FAIL, dpi, reason)


def check_sharpness(proof: pyvips.Image) -> Check:
    """The value is the variance of the Laplacian over that of the luminance, where there is contrast; 0 is a blur."""
    sharpness = sharpness_of(proof)
    if sharpness is None:
        reason = "There is no edge in the picture whose sharpness could be measured. Look whether it is meant to be so."
        return _check(CheckName.SHARPNESS, Verdict.WARN, 0.0, reason)
    found = f"sharpness {sharpness:.3f}, sharp from {SHARP_FROM}"
    if sharpness >= SHARP_FROM:
        return _check(CheckName.SHARPNESS, Verdict.PASS, sharpness, f"Edges are crisp ({found}).")
    if sharpness >= BLURRED_BELOW:
        reason = f"Edges are soft ({found}). Look at it in full size; ask for another if it is not meant to be so."
        return _check(CheckName.SHARPNESS, Verdict.WARN, sharpness, reason)
    reason = f"The picture is blurred all over ({found}). Ask for another, with a new seed or a larger size."
    return _check(CheckName.SHARPNESS, Verdict.FAIL, sharpness, reason)


def check_blankness(proof: pyvips.Image) -> Check:
    """The value is the share of the area that differs from the picture's middle colour, in percent."""
    seen = proof.premultiply().cast("uchar") if proof.hasalpha() else proof
    middle = _medians(seen)
    drawn = ((seen - middle).abs() > INK_LEVELS).bandor().avg() / 255 * 100
    found = f"{drawn:.2f} % of the area differs from the background"
    if drawn >= SPARSE_BELOW_PERCENT:
        return _check(CheckName.BLANKNESS, Verdict.PASS, drawn, f"There is something on it: {found}.")
    if drawn >= BLANK_BELOW_PERCENT:
        reason = f"There is very little on it: {found}. Look whether that is all that should be printed."
        return _check(CheckName.BLANKNESS, Verdict.WARN, drawn, reason)
    reason = f"It is blank, or nearly: {found}. Ask for another, with a new seed or another prompt."
    return _check(CheckName.BLANKNESS, Verdict.FAIL, drawn, reason)


def _medians(image: pyvips.Image) -> list[float]:
    """The middle value of each band of 8 bits."""
    counts = array("I", bytes(image.hist_find().write_to_memory()))
    half = image.width * image.height / 2
    return [
        float(next(level for level, total in enumerate(accumulate(counts[band :: image.bands])) if total >= half))
        for band in range(image.bands)
    ]


def _check(name: CheckName, verdict: Verdict, value: float, reason: str) -> Check:
    return Check(name=name, verdict=verdict, value=round(value, 4), reason=reason)
