"""What a cut-out design looks like to a garment printer, which lays white ink under everything that is not wholly
transparent: half-transparent areas become a haze, and a design that is cut off shows a straight edge.
"""

import pyvips

from pressroom.contracts.finishing import Check, CheckName, Verdict

_CLEAR_BELOW, _OPAQUE_ABOVE = 8, 247
"""Of 255: what no printer tells from nothing, and from all."""
_EDGE_PX = 5
"""A half-transparent pixel with clear and opaque ones this near is a smooth edge, as every good outline has."""

HAZE_WARN_PERCENT = 2.0
HAZE_FAIL_PERCENT = 25.0
"""Of the printed area: a soft shadow under a design is a few percent, a design that fades away is most of it."""

_CLEAR_ENOUGH_PERCENT = 5.0
"""With less clear area the picture is a rectangle with holes, which is meant to reach the border."""
_TOUCH_SHARE, _WHOLE_SHARE = 0.02, 0.95
"""Of a side's length: less is a stray pixel, more on all four sides is a frame."""


def check_transparency(proof: pyvips.Image) -> Check:
    """`proof` is sRGB with alpha, 8 bits. The value is the share of half-transparent pixels, smooth edges aside, among
    those that are printed, in percent."""
    alpha = proof[proof.bands - 1].copy_memory()
    opaque = alpha > _OPAQUE_ABOVE
    clear = alpha < _CLEAR_BELOW
    opaque_percent, clear_percent = _percent(opaque), _percent(clear)
    if opaque_percent == 0:
        return _check(
            Verdict.FAIL, 100.0, "Nothing in it is opaque: it would print as a haze or not at all. Ask for another."
        )
    if opaque_percent == 100:
        return _check(Verdict.PASS, 0.0, "Nothing in it is transparent: it prints as a full rectangle.")
    haze = 100 * _percent(_haze(opaque, clear)) / (100 - clear_percent)
    sides = _touched(opaque) if clear_percent >= _CLEAR_ENOUGH_PERCENT else ()
    found = f"{haze:.1f} % of what is printed is half-transparent"
    if haze >= HAZE_FAIL_PERCENT:
        reason = f"{found}: it would print as a white haze. Ask for hard edges on a transparent background."
        return _check(Verdict.FAIL, haze, reason)
    problems: list[str] = []
    if haze >= HAZE_WARN_PERCENT:
        problems.append(f"{found} and would print as a white haze: ask for hard edges, without shadows or glow.")
    if sides:
        problems.append(f"The design touches the border ({', '.join(sides)}) and looks cut off: ask for a margin.")
    if problems:
        return _check(Verdict.WARN, haze, " ".join(problems))
    return _check(Verdict.PASS, haze, f"The design stands free on a transparent background; {found}.")


def _haze(opaque: pyvips.Image, clear: pyvips.Image) -> pyvips.Image:
    edge = _grown(opaque) & _grown(clear)
    return (opaque | clear | edge) ^ 255


def _grown(mask: pyvips.Image) -> pyvips.Image:
    return mask.morph(pyvips.Image.new_from_array([[255] * _EDGE_PX] * _EDGE_PX), "dilate")


def _touched(opaque: pyvips.Image) -> tuple[str, ...]:
    """The sides that the design reaches; none when it fills all four."""
    width, height = opaque.width, opaque.height
    strips = {
        "top": opaque.crop(0, 0, width, 1),
        "right": opaque.crop(width - 1, 0, 1, height),
        "bottom": opaque.crop(0, height - 1, width, 1),
        "left": opaque.crop(0, 0, 1, height),
    }
    shares = {side: strip.avg() / 255 for side, strip in strips.items()}
    if all(share >= _WHOLE_SHARE for share in shares.values()):
        return ()
    return tuple(side for side, share in shares.items() if share >= _TOUCH_SHARE)


def _percent(mask: pyvips.Image) -> float:
    return mask.avg() / 255 * 100


def _check(verdict: Verdict, value: float, reason: str) -> Check:
    return Check(name=CheckName.TRANSPARENCY, verdict=verdict, value=round(value, 4), reason=reason)
