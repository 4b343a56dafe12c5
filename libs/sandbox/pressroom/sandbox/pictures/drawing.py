"""Draws one picture for one prompt: a landscape, orbits, arches, waves or petals in a curated palette, with the words
of the prompt and the word SANDBOX on it. The same prompt, fingerprint and size give the same bytes, so a picture can
be drawn again instead of being kept."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import pyvips

from pressroom.sandbox.pictures.glyphs import ADVANCE, LINE, lettering, wrap

PALETTES: tuple[tuple[str, str, str, str, str], ...] = (
    ("#1b2a49", "#f6ae2d", "#f26419", "#86bbd8", "#33658a"),
    ("#2d1e2f", "#f15946", "#f9c22e", "#53b3cb", "#e01a4f"),
    ("#0b3954", "#bfd7ea", "#ff6663", "#e0ff4f", "#087e8b"),
    ("#283618", "#fefae0", "#dda15e", "#bc6c25", "#606c38"),
    ("#22223b", "#f2e9e4", "#c9ada7", "#9a8c98", "#4a4e69"),
    ("#003049", "#fcbf49", "#d62828", "#f77f00", "#eae2b7"),
    ("#264653", "#e9c46a", "#e76f51", "#f4a261", "#2a9d8f"),
    ("#3d348b", "#f7b801", "#f18701", "#7678ed", "#f35b04"),
    ("#1f363d", "#cfe0c3", "#9ec1a3", "#70a9a1", "#40798c"),
    ("#432371", "#faae7b", "#f67e7d", "#9f6976", "#ffd6ba"),
)


@dataclass(frozen=True)
class Sheet:
    """What a composition draws on: its size in pixels, its palette, and its own chance."""

    width: int
    height: int
    palette: tuple[str, str, str, str, str]
    chance: random.Random


def draw_png(prompt: str, fingerprint: str, width: int, height: int) -> bytes:
    """The picture of this prompt as an opaque RGB PNG of exactly `width` x `height` pixels."""
    picture = _load(compose(prompt, fingerprint, width, height), width, height)
    png: bytes = picture.write_to_buffer(".png", compression=1)
    return png


def draw_jpeg(prompt: str, fingerprint: str, width: int, height: int) -> bytes:
    """The same as a JPEG."""
    picture = _load(compose(prompt, fingerprint, width, height), width, height)
    jpeg: bytes = picture.write_to_buffer(".jpg", Q=90)
    return jpeg


def draw_webp(prompt: str, fingerprint: str, width: int, height: int) -> bytes:
    """The same as a small WebP, for the page that people look at."""
    picture = _load(compose(prompt, fingerprint, width, height), width, height)
    webp: bytes = picture.write_to_buffer(".webp", Q=80)
    return webp


def compose(prompt: str, fingerprint: str, width: int, height: int) -> str:
    """The picture as SVG."""
    chance = random.Random(fingerprint)  # noqa: S311 a picture, not a secret
    sheet = Sheet(width, height, chance.choice(PALETTES), chance)
    composition = chance.choice(COMPOSITIONS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{_ground(sheet)}{composition(sheet)}{_label(sheet, prompt)}</svg>"
    )


def _load(svg: str, width: int, height: int) -> pyvips.Image:
    picture: pyvips.Image = pyvips.Image.new_from_buffer(svg.encode(), "")
    if picture.hasalpha():
        picture = picture.flatten()
    if (picture.width, picture.height) != (width, height):
        picture = picture.crop(0, 0, width, height)
    return picture


def _ground(sheet: Sheet) -> str:
    dark, light = sheet.palette[0], sheet.palette[1]
    middle = sheet.palette[4]
    return (
        '<defs><linearGradient id="ground" x1="0" y1="0" x2="0.35" y2="1">'
        f'<stop offset="0" stop-color="{dark}"/><stop offset="0.62" stop-color="{middle}"/>'
        f'<stop offset="1" stop-color="{light}"/></linearGradient></defs>'
        f'<rect width="{sheet.width}" height="{sheet.height}" fill="url(#ground)"/>'
    )


def _dunes(sheet: Sheet) -> str:
    w, h, chance = sheet.width, sheet.height, sheet.chance
    sun_x, sun_y, sun_r = w * chance.uniform(0.25, 0.75), h * chance.uniform(0.25, 0.42), min(w, h) * 0.15
    parts = [
        f'<circle cx="{sun_x:.0f}" cy="{sun_y:.0f}" r="{radius:.0f}" fill="{sheet.palette[1]}"'
        f' fill-opacity="{opacity}"/>'
        for radius, opacity in ((sun_r * 1.6, 0.22), (sun_r, 1))
    ]
    for layer in range(4):
        top = h * (0.48 + 0.12 * layer)
        swell, shift = h * chance.uniform(0.05, 0.11), chance.uniform(0, math.tau)
        points = [
            f"{w * step / 12:.0f} {top + swell * math.sin(shift + step * (0.5 + 0.12 * layer)):.0f}"
            for step in range(13)
        ]
        colour = sheet.palette[(2 + layer) % 5] if layer < 3 else sheet.palette[0]
        parts.append(f'<path d="M0 {h}L{"L".join(points)}L{w} {h}Z" fill="{colour}" fill-opacity="0.9"/>')
    return "".join(parts)


def _orbits(sheet: Sheet) -> str:
    w, h, chance = sheet.width, sheet.height, sheet.chance
    x, y, unit = w * chance.uniform(0.4, 0.6), h * chance.uniform(0.4, 0.55), min(w, h) / 14
    parts = [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{unit * 1.5:.0f}" fill="{sheet.palette[1]}"/>']
    for ring in range(2, 7):
        radius, turn = unit * ring * 1.15, chance.uniform(0, math.tau)
        planet_x, planet_y = x + radius * math.cos(turn), y + radius * math.sin(turn)
        parts.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="none" stroke="{sheet.palette[1]}"'
            f' stroke-opacity="0.45" stroke-width="{unit * 0.09:.1f}"/>'
            f'<circle cx="{planet_x:.0f}" cy="{planet_y:.0f}" r="{unit * chance.uniform(0.25, 0.75):.0f}"'
            f' fill="{sheet.palette[ring % 5]}"/>'
        )
    return "".join(parts)


def _arches(sheet: Sheet) -> str:
    w, h = sheet.width, sheet.height
    x, half = w * sheet.chance.uniform(0.42, 0.58), min(w, h) * 0.44
    parts: list[str] = []
    for ring in range(5):
        r = half * (1 - ring * 0.19)
        top = h * 0.86 - half * 1.1
        parts.append(
            f'<path d="M{x - r:.0f} {h}V{top + half:.0f}A{r:.0f} {r:.0f} 0 0 1 {x + r:.0f} {top + half:.0f}V{h}Z"'
            f' fill="{sheet.palette[(ring + 1) % 5]}"/>'
        )
    return "".join(parts)


def _waves(sheet: Sheet) -> str:
    w, h, chance = sheet.width, sheet.height, sheet.chance
    parts: list[str] = []
    for band in range(9):
        top, swell = h * (0.12 + band * 0.1), h * 0.05
        shift = chance.uniform(0, math.tau)
        points = [f"{w * step / 24:.0f} {top + swell * math.sin(shift + step * 0.55):.0f}" for step in range(25)]
        parts.append(
            f'<path d="M0 {h}L{"L".join(points)}L{w} {h}Z" fill="{sheet.palette[band % 5]}" fill-opacity="0.62"/>'
        )
    return "".join(parts)


def _petals(sheet: Sheet) -> str:
    w, h, chance = sheet.width, sheet.height, sheet.chance
    x, y, reach = w / 2, h * 0.46, min(w, h) * 0.4
    count, turn = chance.choice((6, 8, 10, 12)), chance.uniform(0, 90)
    parts: list[str] = []
    for layer, size in ((0, 1.0), (1, 0.68)):
        parts += [
            f'<ellipse cx="{x:.0f}" cy="{y - reach * size * 0.55:.0f}" rx="{reach * size * 0.22:.0f}"'
            f' ry="{reach * size * 0.5:.0f}" fill="{sheet.palette[(petal + layer) % 3 + 1]}" fill-opacity="0.82"'
            f' transform="rotate({turn + (petal + layer / 2) * 360 / count:.1f} {x:.0f} {y:.0f})"/>'
            for petal in range(count)
        ]
    parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{reach * 0.16:.0f}" fill="{sheet.palette[1]}"/>')
    return "".join(parts)


COMPOSITIONS: tuple[Callable[[Sheet], str], ...] = (_dunes, _orbits, _arches, _waves, _petals)


def _label(sheet: Sheet, prompt: str) -> str:
    """The prompt in a quiet panel at the foot and a badge at the head, about 30 letters to a line."""
    pixel = max(1.0, min(sheet.width, sheet.height) / 330)
    margin = 9 * pixel
    columns = max(8, int((sheet.width - 4 * margin) / (ADVANCE * pixel)))
    lines = wrap(prompt or "no prompt", min(columns, 44), 3)
    panel_height = len(lines) * LINE * pixel + margin * 1.3
    panel_top = sheet.height - panel_height - margin
    panel_width = max(len(line) for line in lines) * ADVANCE * pixel + 2 * margin
    badge_width = 7 * ADVANCE * pixel + 1.2 * margin
    words = "".join(
        lettering(line, 2 * margin, panel_top + margin * 0.9 + row * LINE * pixel, pixel, "#ffffff")
        for row, line in enumerate(lines)
    )
    return (
        f'<rect x="{margin:.0f}" y="{panel_top:.0f}" width="{panel_width:.0f}" height="{panel_height:.0f}"'
        f' rx="{margin / 2:.0f}" fill="#101318" fill-opacity="0.62"/>{words}'
        f'<rect x="{margin:.0f}" y="{margin:.0f}" width="{badge_width:.0f}" height="{14 * pixel:.0f}"'
        f' rx="{7 * pixel:.0f}" fill="#ffffff" fill-opacity="0.86"/>'
        f"{lettering('SANDBOX', margin * 1.7, margin + 3.5 * pixel, pixel, '#101318')}"
    )
