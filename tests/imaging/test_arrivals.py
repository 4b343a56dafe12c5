"""What providers may send: every kind of picture becomes upright 8-bit sRGB, and what is none is refused by name."""

import io
import struct
import time
import zlib

import pytest
import pyvips
from PIL import Image, ImageCms, PngImagePlugin

from pressroom.imaging.finishing import NotAnImage, finish, measure
from pressroom.imaging.pictures import SOURCE_MAX_PIXELS

from .drawings import halves, read, saved

SIDE = 64
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TURNED = Image.Exif()
TURNED[0x0112] = 6  # to be turned right by a quarter

ENOUGH_TIME_S = 2.0
"""For reading a header; decoding the trap would take minutes."""


def finished(data: bytes, width_px: int = SIDE, height_px: int = SIDE) -> pyvips.Image:
    image = read(finish(data, None, width_px=width_px, height_px=height_px).file.data)
    assert (image.format, image.interpretation) == ("uchar", "srgb")
    return image


def nearly(pixel: list[float], colour: list[float], by: float = 4) -> bool:
    return all(abs(a - b) <= by for a, b in zip(pixel, colour, strict=True))


def png_of(width: int, height: int) -> bytes:
    """A header, and a few bytes of picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data", [b"", b"<html><body>Bad gateway", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"], ids=repr
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        measure(data)
    with pytest.raises(NotAnImage):
        finish(data, None, width_px=SIDE, height_px=SIDE)


def test_a_refusal_shows_how_the_bytes_begin() -> None:
    with pytest.raises(NotAnImage, match="begins with b'<html>"):
        measure(b"<html><body>Bad gateway</body></html>")


def test_no_other_decoder_is_ever_tried() -> None:
    with pytest.raises(NotAnImage, match="not a PNG, JPEG or WebP"):
        measure(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')


def test_a_small_file_that_claims_billions_of_pixels_is_refused_before_it_is_decoded() -> None:
    began = time.monotonic()
    for refuse in (measure, lambda data: finish(data, None, width_px=SIDE, height_px=SIDE)):
        with pytest.raises(NotAnImage, match=r"60000x60000 pixels; at most 100 million"):
            refuse(png_of(60_000, 60_000))
    assert time.monotonic() - began < ENOUGH_TIME_S


def test_the_limit_is_of_pixels_and_not_of_sides() -> None:
    with pytest.raises(NotAnImage, match="at most 100 million"):
        measure(png_of(SOURCE_MAX_PIXELS // 100 + 1, 100))
    with pytest.raises(NotAnImage, match="not a picture"):  # large enough to be tried, and broken
        measure(png_of(SOURCE_MAX_PIXELS // 100, 100))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_off_anywhere_is_refused_or_was_whole_already(kind: str) -> None:
    whole = saved(Image.effect_noise((SIDE, SIDE), 60).convert("RGB"), kind)
    for length in range(0, len(whole) - 64, 97):
        with pytest.raises(NotAnImage):
            finish(whole[:length], None, width_px=SIDE, height_px=SIDE)


@pytest.mark.parametrize("kind", ["WEBP", "GIF"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (SIDE, SIDE), (80 * number, 0, 0)) for number in range(3)]
    with pytest.raises(NotAnImage, match="animation of 3 frames" if kind == "WEBP" else "not a PNG"):
        measure(saved(frames[0], kind, save_all=True, append_images=frames[1:]))


def test_a_deep_png_becomes_8_bits() -> None:
    deep = read(halves(SIDE, SIDE)).colourspace("rgb16")
    image = finished(bytes(deep.pngsave_buffer(bitdepth=16)))
    assert image(10, 10) == [255, 0, 0]


def test_a_cmyk_jpeg_is_brought_to_srgb_by_its_own_profile() -> None:
    printed = read(halves(SIDE, SIDE)).icc_transform("cmyk", input_profile="srgb", embedded=False)
    with_profile = finished(bytes(printed.jpegsave_buffer(Q=95)))
    assert with_profile.bands == 3
    red, green, blue = with_profile(10, 10)
    assert red > 200
    assert max(green, blue) < 60


def test_a_cmyk_jpeg_without_a_profile_is_no_negative() -> None:
    image = finished(saved(Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0)), "JPEG"))
    assert nearly(image(10, 10), [232, 31, 42], by=12)


def test_a_grey_png_becomes_srgb() -> None:
    image = finished(saved(Image.new("L", (SIDE, SIDE), 90), "PNG"))
    assert image(10, 10) == [90, 90, 90]


def test_a_palette_png_keeps_its_transparency() -> None:
    palette = Image.new("P", (SIDE, SIDE), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.paste(1, (0, 0, SIDE // 2, SIDE))
    image = finished(saved(palette, "PNG", transparency=0))
    assert image(10, 10) == [0, 255, 0, 255]
    assert image(SIDE - 10, 10)[3] == 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_turned_upright_as_its_exif_says(kind: str) -> None:
    lying = Image.new("RGB", (80, 40), (255, 0, 0))
    lying.paste((0, 0, 255), (40, 0, 80, 40))
    data = saved(lying, kind, exif=TURNED, quality=95)
    assert (measure(data).width_px, measure(data).height_px) == (40, 80)
    image = finished(data, 40, 80)
    assert nearly(image(20, 10)[:3], [255, 0, 0])
    assert nearly(image(20, 70)[:3], [0, 0, 255])
    assert "orientation" not in image.get_fields()


def test_a_picture_with_a_profile_of_its_own_is_brought_to_srgb() -> None:
    wide = read(halves(SIDE, SIDE)).icc_transform("p3", input_profile="srgb", embedded=False)
    red, green, blue = finished(bytes(wide.pngsave_buffer(profile="p3")))(10, 10)
    assert red > 250
    assert max(green, blue) < 12


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("profile", [SRGB, b"rubbish" * 40], ids=["srgb", "rubbish"])
def test_a_profile_that_does_not_fit_the_picture_is_passed_over(mode: str, profile: bytes) -> None:
    grey = Image.new("L", (SIDE, SIDE), 90).convert(mode)
    image = finished(saved(grey, "PNG", icc_profile=profile))
    assert nearly(image(10, 10)[:3], [90, 90, 90])


def test_nothing_that_a_provider_wrote_beside_the_pixels_gets_into_the_files() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a secret prompt")
    texts.add_itxt("XML:com.adobe.xmp", "<x>a secret prompt</x>")
    exif = Image.Exif()
    exif[0x010E] = "a secret prompt"
    data = saved(Image.new("RGB", (SIDE, SIDE), (200, 30, 40)), "PNG", pnginfo=texts, exif=exif)
    made = finish(data, None, width_px=SIDE, height_px=SIDE)
    assert b"secret" in data
    assert b"secret" not in made.file.data
    assert b"secret" not in made.thumbnail.data
    assert not Image.open(io.BytesIO(made.file.data)).getexif()
