"""Near-duplicates: found through scaling and encoding, and never lost by the bands."""

import itertools
import random

import pytest
import pyvips

from pressroom.contracts.finishing import CheckName, Verdict
from pressroom.image_worker import studio
from pressroom.imaging.likeness import ALIKE_MAX_DISTANCE, BANDS, bands, duplicate_check, hamming, perceptual_hash

from .drawings import cut_out, distance_from, print_of, read

STYLES = studio.styles()


def test_a_hash_is_16_hex_digits_and_the_same_each_time() -> None:
    picture = print_of("city skyline", width_px=410, height_px=512)
    found = perceptual_hash(picture)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert found == perceptual_hash(picture)


@pytest.mark.parametrize("style", STYLES)
def test_copies_in_other_sizes_and_formats_are_alike(style: str) -> None:
    picture = print_of(f"{style} print", width_px=820, height_px=1024)
    found = perceptual_hash(picture)
    copies = [
        picture.thumbnail_image(300),
        read(bytes(picture.jpegsave_buffer(Q=60))),
        read(bytes(picture.webpsave_buffer(Q=60))),
        (picture * 0.95 + 6).cast("uchar").copy(interpretation="srgb"),
    ]
    assert max(hamming(found, perceptual_hash(copy)) for copy in copies) <= ALIKE_MAX_DISTANCE


def test_prints_of_different_prompts_are_not_alike() -> None:
    hashes = [perceptual_hash(print_of(f"{style} print", width_px=410, height_px=512)) for style in STYLES]
    assert min(hamming(a, b) for a, b in itertools.combinations(hashes, 2)) > ALIKE_MAX_DISTANCE


def test_what_is_hidden_under_transparency_does_not_count() -> None:
    disc = cut_out((100 - distance_from(128, 128, 256)) * 255)
    hidden = (disc[3] == 0).ifthenelse([0, 255, 0, 0], disc).copy(interpretation="srgb")
    assert perceptual_hash(disc) == perceptual_hash(hidden)


def test_black_and_white_designs_on_nothing_are_told_apart() -> None:
    shape = (100 - distance_from(128, 128, 256)) * 255
    assert hamming(perceptual_hash(cut_out(shape, (0, 0, 0))), perceptual_hash(cut_out(shape, (255, 255, 255)))) > 5


def test_the_distance_is_the_number_of_bits_that_differ() -> None:
    assert hamming("0000000000000000", "ffffffffffffffff") == 64
    assert hamming("8000000000000001", "0000000000000003") == 2


def test_bands_hold_every_bit_once_and_their_own_index() -> None:
    assert bands("ffffffffffffffff") == ("0:3ff", "1:7ff", "2:7ff", "3:3ff", "4:7ff", "5:7ff")
    for bit in range(64):
        touched = [band for band in bands(f"{1 << bit:016x}") if not band.endswith(":000")]
        assert len(touched) == 1


def test_hashes_within_the_distance_always_share_a_band() -> None:
    dice = random.Random(7)
    for _ in range(20_000):
        bits = dice.getrandbits(64)
        flipped = sum(1 << bit for bit in dice.sample(range(64), ALIKE_MAX_DISTANCE))
        assert set(bands(f"{bits:016x}")) & set(bands(f"{bits ^ flipped:016x}"))


def test_one_bit_more_in_each_band_shares_none() -> None:
    lowest = sum(1 << (64 * number // BANDS) for number in range(BANDS))
    assert not set(bands("0" * 16)) & set(bands(f"{lowest:016x}"))


def test_nothing_alike_passes() -> None:
    check = duplicate_check(None, None)
    assert (check.name, check.verdict) == (CheckName.DUPLICATE, Verdict.PASS)
    assert duplicate_check(ALIKE_MAX_DISTANCE + 1, "img_7").verdict is Verdict.PASS


def test_an_alike_picture_is_named() -> None:
    same, near = duplicate_check(0, "img_7"), duplicate_check(3, "img_7")
    assert same.verdict is near.verdict is Verdict.WARN
    assert "the same as img_7" in same.reason
    assert "img_7" in near.reason
    assert "3 of 64 bits" in near.reason


def test_a_blank_picture_has_a_hash_too() -> None:
    assert perceptual_hash(pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")) == "0" * 16
