"""From a provider's bytes to the files: looked at with libvips' own reader, pixel by pixel where it matters."""

import pytest
import pyvips

from pressroom.contracts.finishing import BUILT_IN_PROFILES, CheckName, Credentials, Fit, Profile
from pressroom.imaging.finishing import NotAnImage, finish, measure, reduce
from pressroom.imaging.likeness import hamming

from .drawings import cut_out, distance_from, halves, png, print_of, read

T_SHIRT = BUILT_IN_PROFILES["t-shirt"]
WIDE = Profile(width_px=400, height_px=200, fit=Fit.PAD)
WIDE_GREEN = Profile(width_px=400, height_px=200, fit=Fit.PAD, background="#00ff00")


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_a_print_file_has_its_profiles_size_at_300_dpi_in_srgb(name: str) -> None:
    profile = BUILT_IN_PROFILES[name]
    finished = finish(halves(256, 320), profile, width_px=256, height_px=320)
    image = pyvips.Image.new_from_buffer(finished.file.data, "")
    assert (image.width, image.height) == (profile.width_px, profile.height_px)
    assert (image.width, image.height) == (finished.file.width_px, finished.file.height_px)
    assert round(image.xres * 25.4) == round(image.yres * 25.4) == 300
    assert "icc-profile-data" in image.get_fields()
    assert (image.get("vips-loader"), finished.file.media_type) == ("pngload_buffer", "image/png")


def test_without_a_profile_the_file_has_the_asked_size() -> None:
    finished = finish(halves(200, 100), None, width_px=200, height_px=100)
    assert (read(finished.file.data).width, read(finished.file.data).height) == (200, 100)
    assert finished.credentials is Credentials.NONE


def test_another_ratio_is_cropped_around_the_centre_and_never_stretched() -> None:
    finished = finish(halves(400, 100), None, width_px=100, height_px=100)
    image = read(finished.file.data)
    assert image(10, 50)[:3] == [255, 0, 0]
    assert image(90, 50)[:3] == [0, 0, 255]


def test_a_circle_stays_a_circle_in_the_middle_cropped_or_padded() -> None:
    circle = png(cut_out((75 - distance_from(127.5, 127.5, 256)) * 255))
    for profile in (Profile(width_px=900, height_px=1080), Profile(width_px=990, height_px=462, fit=Fit.PAD)):
        alpha = read(finish(circle, profile, width_px=256, height_px=256).file.data)[3]
        left, top, width, height = alpha.find_trim(background=0, threshold=128)
        assert abs(width - height) <= 1
        assert abs(2 * left + width - profile.width_px) <= 1
        assert abs(2 * top + height - profile.height_px) <= 1


def test_a_padded_picture_is_seen_whole_with_nothing_around_it() -> None:
    image = read(finish(halves(100, 100), WIDE, width_px=100, height_px=100).file.data)
    assert (image.width, image.height, image.bands) == (400, 200, 4)
    assert image(50, 100)[3] == image(350, 100)[3] == 0
    assert image(110, 100) == [255, 0, 0, 255]
    assert image(290, 100) == [0, 0, 255, 255]


def test_a_padded_picture_gets_the_background_that_was_asked_for() -> None:
    image = read(finish(halves(100, 100), WIDE_GREEN, width_px=100, height_px=100).file.data)
    assert image.bands == 3
    assert image(50, 100) == image(350, 100) == [0, 255, 0]
    assert image(110, 100) == [255, 0, 0]


def test_a_cut_out_design_is_laid_on_the_background_and_not_into_a_clear_rectangle() -> None:
    finished = finish(halves(100, 100, alpha=True), WIDE_GREEN, width_px=100, height_px=100)
    image = read(finished.file.data)
    assert image.bands == 3
    assert image(110, 100) == [0, 255, 0]
    assert image(180, 100) == [255, 0, 0]
    assert CheckName.TRANSPARENCY not in [check.name for check in finished.checks]


def test_a_transparent_background_stays_transparent() -> None:
    finished = finish(halves(100, 100, alpha=True), None, width_px=200, height_px=200)
    image = read(finished.file.data)
    assert image.bands == 4
    assert image(5, 100)[3] == 0
    assert image(100, 100)[3] == 255


@pytest.mark.parametrize("scale", [0.4, 3.7])
def test_no_hidden_colour_bleeds_into_transparent_edges(scale: float) -> None:
    disc = cut_out((40 - distance_from(64, 64, 128)) * 255, (200, 0, 0))
    hidden = (disc[3] == 0).ifthenelse([0, 255, 0, 0], disc).copy(interpretation="srgb")
    side = round(128 * scale)
    image = read(finish(png(hidden), None, width_px=side, height_px=side).file.data)
    printed = image[3] > 2
    assert ((image[1] > 2) & printed).max() == 0
    assert ((image[0] < 175) & (image[3] > 20)).max() == 0


def test_the_thumbnail_is_a_webp_of_at_most_512_px() -> None:
    finished = finish(halves(1000, 2000), None, width_px=1000, height_px=2000)
    image = read(finished.thumbnail.data)
    assert image.get("vips-loader") == "webpload_buffer"
    assert (image.width, image.height) == (256, 512)
    assert (finished.thumbnail.width_px, finished.thumbnail.height_px) == (256, 512)


def test_the_thumbnail_shows_what_the_file_shows() -> None:
    data = png(print_of("city skyline"))
    for profile in (BUILT_IN_PROFILES["square"], BUILT_IN_PROFILES["mug"], WIDE_GREEN):
        finished = finish(data, profile, width_px=1024, height_px=1280)
        thumbnail = read(finished.thumbnail.data)
        file = read(finished.file.data).thumbnail_image(thumbnail.width, height=thumbnail.height, size="force")
        assert thumbnail.hasalpha() == file.hasalpha()
        assert (thumbnail.flatten() - file.flatten()).abs().avg() < 6


def test_a_small_picture_is_not_enlarged_for_its_thumbnail() -> None:
    finished = finish(halves(64, 80), T_SHIRT, width_px=64, height_px=80)
    assert (finished.thumbnail.width_px, finished.thumbnail.height_px) == (64, 77)


def test_the_same_bytes_give_the_same_files() -> None:
    data = halves(64, 80)
    first = finish(data, T_SHIRT, width_px=64, height_px=80)
    assert first == finish(data, T_SHIRT, width_px=64, height_px=80)


def test_what_was_found_out_is_told_with_the_files() -> None:
    drawn = png(print_of("botanical fern", seed=3))
    finished = finish(drawn, None, width_px=1024, height_px=1280)
    assert [check.name for check in finished.checks] == [CheckName.RESOLUTION, CheckName.SHARPNESS, CheckName.BLANKNESS]
    assert (finished.raw_width_px, finished.raw_height_px) == (1024, 1280)
    other = finish(png(print_of("op-art waves", seed=9)), None, width_px=1024, height_px=1280)
    assert hamming(finished.perceptual_hash, other.perceptual_hash) > 5


def test_a_picture_that_breaks_off_is_refused() -> None:
    data = halves(512, 512)
    with pytest.raises(NotAnImage):
        measure(data[: len(data) // 2])
    with pytest.raises(NotAnImage):
        finish(data[: len(data) // 2], None, width_px=512, height_px=512)


def test_a_derivative_for_shops_has_at_most_the_asked_side() -> None:
    small = reduce(halves(3000, 1500), 2048)
    assert (small.width_px, small.height_px, small.media_type) == (2048, 1024, "image/png")
