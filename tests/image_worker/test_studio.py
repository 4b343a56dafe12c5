"""The built-in image generator from outside: exact sizes, the same bytes for the same arguments wherever they are
drawn, and a picture for any prompt at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from pressroom.image_worker import studio

PROGRAM = """
import hashlib
from pressroom.image_worker import studio
for prompt in ("cat at night", "poster: SLOW DOWN", "flow", "halftone sphere", "mountain lake"):
    print(hashlib.sha256(studio.draw(prompt, seed=7, width_px=160, height_px=200)).hexdigest())
"""


def pixels(png: bytes) -> NDArray[np.uint8]:
    image = pyvips.Image.new_from_buffer(png, "")
    assert (image.bands, image.format, image.interpretation) == (3, "uchar", "srgb")
    return image.numpy()


def in_a_new_process(hash_seed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)


def test_the_same_arguments_give_the_same_bytes_in_any_process_and_thread() -> None:
    processes = [in_a_new_process("1"), in_a_new_process("4242")]
    first, second = (process.communicate(timeout=60)[0].split() for process in processes)
    assert len(first) == 5
    assert first == second
    with ThreadPoolExecutor(4) as threads:
        drawn = threads.map(lambda _: studio.draw("cat at night", seed=7, width_px=160, height_px=200), range(8))
        assert {hashlib.sha256(png).hexdigest() for png in drawn} == {first[0]}


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 8192), (8192, 64), (512, 512), (333, 777), (1024, 1280)])
def test_a_picture_has_exactly_the_size_that_was_asked_for(width: int, height: int) -> None:
    assert pixels(studio.draw("misty forest", seed=1, width_px=width, height_px=height)).shape == (height, width, 3)


@pytest.mark.parametrize(("width", "height"), [(63, 500), (500, 8193)])
def test_a_side_outside_the_range_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=r"outside 64\.\.8192"):
        studio.draw("cat", seed=1, width_px=width, height_px=height)


@pytest.mark.parametrize("style", studio.styles())
def test_every_style_can_be_asked_for_by_name_and_its_seeds_differ(style: str) -> None:
    assert studio.describe(f"{style} of something", 1).style == style
    one, two, three = (
        pixels(studio.draw(f"{style} of something", seed=seed, width_px=160, height_px=200)).astype(float)
        for seed in (1, 2, 3)
    )
    for first, second in ((one, two), (two, three), (one, three)):
        assert np.abs(first - second).mean() > 8


@pytest.mark.parametrize("style", studio.styles())
def test_a_print_is_never_one_flat_colour(style: str) -> None:
    for seed in range(4):
        assert pixels(studio.draw(style, seed=seed, width_px=128, height_px=160)).std(axis=(0, 1)).max() > 12


def test_the_composition_is_the_same_at_every_size() -> None:
    def seen_from_afar(width: int, height: int) -> NDArray[np.float64]:
        image = pyvips.Image.new_from_buffer(studio.draw("desert sunset", seed=3, width_px=width, height_px=height), "")
        return image.thumbnail_image(40, height=50, size="force").numpy().astype(float)

    assert np.abs(seen_from_afar(400, 500) - seen_from_afar(1200, 1500)).mean() < 6


RUBBISH = [
    "",
    " ",
    "x",
    "?",
    "🐈‍⬛🎃✨",
    "猫と月",
    "مرحبا بالعالم",
    "שלום עולם",
    "poster: 你好",
    "poster: 🎉",
    "poster: Ünïcödé Straße Żółć Привет",
    "a" * 4000,
    "poster: " + "w" * 400,
    "word " * 800,
    "poster " + "SLOW DOWN " * 300,
    '"',
    "poster: ''",
    "<svg onload='x'/> & ]]> \x00 \x07",
    "\ud800 lone",
    "-- - _ __",
]


@pytest.mark.parametrize("prompt", RUBBISH, ids=range(len(RUBBISH)))
def test_any_prompt_makes_a_picture(prompt: str) -> None:
    for seed in (0, 1, -5, 2**63):
        assert pixels(studio.draw(prompt, seed=seed, width_px=96, height_px=120)).shape == (120, 96, 3)
