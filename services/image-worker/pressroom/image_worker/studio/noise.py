"""Seeded randomness and smooth fields. Every random number in a drawing comes from `dice`, a PCG64 stream keyed by
sha256 of the words that asked for it, so a drawing is the same in every process and on every thread; the grain tiles
are the same for all drawings and are made once."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

TILE_SIDE = 1024
"""Side of a seamless grain tile in grains: wider than the short side of a sheet, so its repeat is never seen."""


def dice(*key: object) -> np.random.Generator:
    """The random stream that belongs to `key`; equal keys give equal streams."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode("utf-8", "surrogatepass")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _smooth_step(values: Field) -> Field:
    return values * values * values * (values * (values * 6 - 15) + 10)


def value_noise(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Smooth noise at the points (x, y), one hill per unit, -1..1."""
    lattice = rng.uniform(-1, 1, (64, 64))
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, down = _smooth_step(x - column), _smooth_step(y - row)
    left_column, right_column = column % 64, (column + 1) % 64
    top_row, bottom_row = row % 64, (row + 1) % 64
    top = lattice[top_row, left_column] * (1 - right) + lattice[top_row, right_column] * right
    bottom = lattice[bottom_row, left_column] * (1 - right) + lattice[bottom_row, right_column] * right
    return top * (1 - down) + bottom * down


def fractal_noise(rng: np.random.Generator, x: Field, y: Field, octaves: int, gain: float = 0.5) -> Field:
    """`value_noise` summed over octaves, each twice as fine and `gain` as strong; about -1..1."""
    total = np.zeros(np.broadcast(x, y).shape)
    strength, weight = 1.0, 0.0
    for octave in range(octaves):
        shift = 17.3 * octave
        total += strength * value_noise(rng, x * 2.0**octave + shift, y * 2.0**octave + shift)
        weight += strength
        strength *= gain
    return total / weight


def ridge_line(rng: np.random.Generator, x: Field, roughness: float, octaves: int = 6) -> Field:
    """A skyline over the points `x` (one large hill per unit), -1..1; `roughness` 0.35 rolls, 0.6 is alpine."""
    return fractal_noise(rng, x, np.full_like(x, float(rng.uniform(0, 60))), octaves, roughness)


def _band(low: float, high: float, name: str) -> Field:
    """Seamless noise whose detail lies between two frequencies (cycles per tile), with zero mean and unit spread."""
    spectrum = np.fft.rfft2(dice("tile", name).standard_normal((TILE_SIDE, TILE_SIDE)))
    down = np.fft.fftfreq(TILE_SIDE)[:, None] * TILE_SIDE
    across = np.fft.rfftfreq(TILE_SIDE)[None, :] * TILE_SIDE
    frequency = np.hypot(down, across)
    kept = np.exp(-((frequency / high) ** 4)) * (1 - np.exp(-((frequency / low) ** 4)))
    tile = np.fft.irfft2(spectrum * kept, s=(TILE_SIDE, TILE_SIDE))
    return tile / tile.std()


@lru_cache(maxsize=1)
def stipple_tile() -> NDArray[np.uint8]:
    """Even, fine noise with a flat histogram: where a tone exceeds it there is a grain of ink."""
    tile = _band(160.0, 500.0, "stipple")
    rank = np.empty(tile.size, dtype=np.int64)
    rank[np.argsort(tile, axis=None)] = np.arange(tile.size)
    return (rank * 256 // tile.size).astype(np.uint8).reshape(tile.shape)


@lru_cache(maxsize=1)
def grain_tile() -> NDArray[np.uint8]:
    """Paper tooth with a slow mottle of ink on top, centred on 128."""
    tile = 0.8 * _band(60.0, 400.0, "tooth") + 0.3 * _band(3.0, 14.0, "mottle")
    return np.clip(128 + 32 * tile, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def fleck_tile() -> NDArray[np.uint8]:
    """Where the ink missed the paper: mostly 0, with specks that gather in patches."""
    speck, patch = _band(30.0, 260.0, "speck"), _band(2.0, 9.0, "patch")
    return np.clip((speck + 0.35 * patch - 3.0) * 190, 0, 255).astype(np.uint8)
