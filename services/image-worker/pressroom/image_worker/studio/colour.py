"""Colour arithmetic in OKLab, the space in which equal steps look equal: mixing two inks, building a ramp of tones
and measuring how far apart two colours are. Colours cross module borders as `#rrggbb` strings, which is what SVG
takes; nothing here keeps state."""

from __future__ import annotations

import math

Lab = tuple[float, float, float]


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    channel = min(1.0, max(0.0, channel))
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of `#rrggbb`, each 0..1, sRGB encoded."""
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def to_lab(colour: str) -> Lab:
    """OKLab coordinates of a colour (matrices from Björn Ottosson, "A perceptual color space", 2020)."""
    red, green, blue = (_linear(channel) for channel in rgb(colour))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def from_lab(lab: Lab) -> str:
    """The nearest `#rrggbb` to OKLab coordinates; what lies outside sRGB is clipped per channel."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(_encoded(channel) * 255):02x}" for channel in channels)


def mix(first: str, second: str, share: float) -> str:
    """`first` with `share` (0..1) of `second` in it."""
    start, end = to_lab(first), to_lab(second)
    return from_lab(
        (
            start[0] + (end[0] - start[0]) * share,
            start[1] + (end[1] - start[1]) * share,
            start[2] + (end[2] - start[2]) * share,
        )
    )


def ramp(stops: list[str], count: int) -> list[str]:
    """`count` colours evenly spaced along `stops`, both ends included."""
    if count == 1:
        return [stops[0]]
    colours: list[str] = []
    for index in range(count):
        position = index / (count - 1) * (len(stops) - 1)
        left = min(int(position), len(stops) - 2)
        colours.append(mix(stops[left], stops[left + 1], position - left))
    return colours


def lightness(colour: str) -> float:
    """How light a colour looks, 0 black .. 1 white."""
    return to_lab(colour)[0]


def distance(first: str, second: str) -> float:
    """Euclidean distance in OKLab: 0.02 is just visible, black to white is 1."""
    return math.dist(to_lab(first), to_lab(second))


def contrast(first: str, second: str) -> float:
    """Contrast ratio, 1..21 (WCAG 2.2, "contrast ratio")."""

    def luminance(colour: str) -> float:
        red, green, blue = (_linear(channel) for channel in rgb(colour))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
