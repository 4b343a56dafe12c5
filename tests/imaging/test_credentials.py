"""Content credentials that arrive: found wherever a format keeps them, never broken, and never trusted to be whole."""

import random
import struct
import zlib

import pytest
from PIL import Image

from pressroom.contracts.finishing import Credentials, Fit, Profile
from pressroom.imaging.credentials import has_credentials
from pressroom.imaging.finishing import finish

from .drawings import halves, saved

SIDE = 64
STORE = b"\0\0\0\x40jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0" + b"the claims"
"""A JUMBF box as a manifest store begins."""
OTHER_BOX = STORE.replace(b"jumdc2pa", b"jumdxml ")


def with_png_chunk(data: bytes, kind: bytes = b"caBX", body: bytes = STORE) -> bytes:
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


def with_jpeg_segment(data: bytes, box: bytes = STORE) -> bytes:
    body = b"JP" + struct.pack(">HI", 1, 1) + box
    return data[:2] + b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_riff_chunk(data: bytes, kind: bytes = b"C2PA") -> bytes:
    padded = STORE + bytes(len(STORE) % 2)
    whole = data[8:] + kind + struct.pack("<I", len(STORE)) + padded
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def picture(kind: str) -> bytes:
    return saved(Image.effect_noise((SIDE, SIDE), 40).convert("RGB"), kind)


CARRIERS = {
    "image/png": with_png_chunk(picture("PNG")),
    "image/jpeg": with_jpeg_segment(picture("JPEG")),
    "image/webp": with_riff_chunk(picture("WEBP")),
}


@pytest.mark.parametrize("media_type", CARRIERS)
def test_credentials_are_found_in_every_format(media_type: str) -> None:
    assert has_credentials(CARRIERS[media_type])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_without_have_none(kind: str) -> None:
    assert not has_credentials(picture(kind))


def test_what_only_looks_like_credentials_is_none() -> None:
    assert not has_credentials(with_png_chunk(picture("PNG"), b"tEXt", b"Comment\0caBX"))
    assert not has_credentials(with_jpeg_segment(picture("JPEG"), OTHER_BOX))
    assert not has_credentials(with_riff_chunk(picture("WEBP"), b"XYZ "))
    assert not has_credentials(picture("PNG") + STORE)


def test_a_jpegs_other_segments_and_fill_bytes_are_walked_over() -> None:
    data = CARRIERS["image/jpeg"]
    assert has_credentials(data[:2] + b"\xff\xfe\0\x07caBX!" + b"\xff" * 3 + data[2:])


@pytest.mark.parametrize("media_type", CARRIERS)
def test_a_file_cut_off_anywhere_raises_nothing(media_type: str) -> None:
    data = CARRIERS[media_type]
    found = [has_credentials(data[:length]) for length in range(len(data))]
    assert not found[0]
    assert found[-1] or media_type == "image/webp"


@pytest.mark.parametrize("media_type", CARRIERS)
def test_rubbish_raises_nothing_and_ends(media_type: str) -> None:
    dice = random.Random(media_type)
    data = CARRIERS[media_type]
    for _ in range(2000):
        spoiled = bytearray(data[: dice.randrange(13, 300)])
        for _ in range(dice.randrange(1, 20)):
            spoiled[dice.randrange(12, len(spoiled))] = dice.choice([0, 0xFF, dice.randrange(256)])
        has_credentials(bytes(spoiled))
    has_credentials(data[:12] + bytes(100_000))
    has_credentials(data[:12] + b"\xff" * 100_000)


@pytest.mark.parametrize("media_type", CARRIERS)
def test_a_picture_in_the_asked_size_is_handed_on_byte_for_byte(media_type: str) -> None:
    data = CARRIERS[media_type]
    finished = finish(data, None, width_px=SIDE, height_px=SIDE)
    assert finished.credentials is Credentials.KEPT
    assert finished.file.data == data
    assert (finished.file.media_type, finished.file.width_px, finished.file.height_px) == (media_type, SIDE, SIDE)
    assert finished.thumbnail.media_type == "image/webp"
    assert finished.checks


@pytest.mark.parametrize(
    ("profile", "side"),
    [
        (None, 2 * SIDE),
        (Profile(width_px=SIDE, height_px=2 * SIDE), SIDE),
        (Profile(width_px=128, height_px=64, fit=Fit.PAD), SIDE),
    ],
    ids=["enlarged", "cropped", "padded"],
)
def test_other_pixels_are_a_new_work_with_no_broken_credentials(profile: Profile | None, side: int) -> None:
    finished = finish(CARRIERS["image/png"], profile, width_px=side, height_px=side)
    assert finished.credentials is Credentials.SOURCE_ONLY
    assert not has_credentials(finished.file.data)
    assert not has_credentials(finished.thumbnail.data)
    assert STORE not in finished.file.data


def test_a_picture_without_credentials_is_always_made_anew() -> None:
    data = halves(SIDE, SIDE)
    finished = finish(data, None, width_px=SIDE, height_px=SIDE)
    assert finished.credentials is Credentials.NONE
    assert finished.file.data != data
