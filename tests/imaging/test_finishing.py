"""From a provider's bytes to the files: looked at with libvips' own reader, pixel by pixel where it matters."""

import pytest
import pyvips

from pressroom.contracts.finishing import BUILT_IN_PROFILES
from pressroom.imaging.finishing import NotAnImage, finish_for, measure, reduce

T_SHIRT = BUILT_IN_PROFILES["t-shirt"]


def picture(width: int, height: int, bands: int = 3) -> bytes:
    """Red on the left half, blue on the right; with an alpha that is open in the middle when there are four bands."""
    left = pyvips.Image.black(width // 2, height).new_from_image([255, 0, 0]).copy(interpretation="srgb")
    right = pyvips.Image.black(width - width // 2, height).new_from_image([0, 0, 255]).copy(interpretation="srgb")
    joined = left.join(right, "horizontal").cast("uchar")
    if bands == 4:
        alpha = pyvips.Image.black(width, height).draw_rect(255, width // 4, 0, width // 2, height, fill=True)
        joined = joined.bandjoin(alpha.cast("uchar"))
    return bytes(joined.pngsave_buffer())


def read(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "")


def test_a_print_file_is_4500_by_5400_at_300_dpi_in_srgb() -> None:
    finished = finish_for(picture(1024, 1280), T_SHIRT, width_px=1024, height_px=1280)
    image = read(finished.file.data)
    assert (image.width, image.height) == (finished.file.width_px, finished.file.height_px) == (4500, 5400)
    assert round(image.xres * 25.4) == round(image.yres * 25.4) == 300
    assert "icc-profile-data" in image.get_fields()
    assert image.get("vips-loader") == "pngload_buffer"


def test_the_profile_none_keeps_the_asked_size() -> None:
    finished = finish_for(picture(200, 100), None, width_px=200, height_px=100)
    assert (read(finished.file.data).width, read(finished.file.data).height) == (200, 100)


def test_another_ratio_is_cropped_around_the_centre_and_never_stretched() -> None:
    finished = finish_for(picture(400, 100), None, width_px=100, height_px=100)
    image = read(finished.file.data)
    assert image(10, 50)[:3] == [255, 0, 0]
    assert image(90, 50)[:3] == [0, 0, 255]


def test_a_transparent_background_stays_transparent() -> None:
    finished = finish_for(picture(100, 100, bands=4), None, width_px=200, height_px=200)
    image = read(finished.file.data)
    assert image.bands == 4
    assert image(5, 100)[3] == 0
    assert image(100, 100)[3] == 255


def test_the_thumbnail_is_a_webp_of_at_most_512_px() -> None:
    finished = finish_for(picture(1000, 2000), None, width_px=1000, height_px=2000)
    image = read(finished.thumbnail.data)
    assert image.get("vips-loader") == "webpload_buffer"
    assert (image.width, image.height) == (256, 512)
    assert (finished.thumbnail.width_px, finished.thumbnail.height_px) == (256, 512)


def test_a_picture_with_a_profile_of_its_own_is_brought_to_srgb() -> None:
    wide = read(picture(64, 64)).icc_transform("p3", input_profile="srgb", embedded=False)
    data = bytes(wide.pngsave_buffer(profile="p3"))
    image = read(finish_for(data, None, width_px=64, height_px=64).file.data)
    red, green, blue = image(10, 10)[:3]
    assert red > 250
    assert max(green, blue) < 12


def test_the_same_bytes_give_the_same_files() -> None:
    data = picture(64, 80)
    first = finish_for(data, T_SHIRT, width_px=64, height_px=80)
    assert first == finish_for(data, T_SHIRT, width_px=64, height_px=80)


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 20], ids=repr)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        measure(data)


def test_a_picture_that_breaks_off_is_refused() -> None:
    data = picture(512, 512)
    with pytest.raises(NotAnImage):
        measure(data[: len(data) // 2])
    with pytest.raises(NotAnImage):
        finish_for(data[: len(data) // 2], None, width_px=512, height_px=512)


def test_a_derivative_for_shops_has_at_most_the_asked_side() -> None:
    small = reduce(picture(3000, 1500), 2048)
    assert (small.width_px, small.height_px, small.media_type) == (2048, 1024, "image/png")
