"""What the checks say about pictures of several kinds, good ones and spoiled ones."""

import pytest
import pyvips

from pressroom.contracts.finishing import Check, CheckName, Fit, Verdict
from pressroom.imaging.checks import check_blankness, check_resolution, check_sharpness, check_transparency, checked
from pressroom.imaging.placement import placed

from .drawings import cut_out, distance_from, print_of

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL

PROMPTS = ["city skyline", "op-art waves", "halftone portrait", "botanical fern", "flow field", "poster: KEEP GOING"]


def plain(*levels: int, side: int = 256) -> pyvips.Image:
    image = pyvips.Image.black(side, side, bands=len(levels)) + list(levels)
    return image.cast("uchar").copy(interpretation="srgb").copy_memory()


def blurred(image: pyvips.Image, sigma: float) -> pyvips.Image:
    return image.gaussblur(sigma).copy_memory() if sigma else image


def pale(image: pyvips.Image, contrast: float) -> pyvips.Image:
    return (image * contrast + 120).cast("uchar").copy(interpretation="srgb").copy_memory()


def resolution(source: tuple[int, int], target: tuple[int, int], fit: Fit = Fit.CROP) -> Check:
    return check_resolution(placed(source, target, fit))


def test_a_picture_with_enough_pixels_of_its_own_passes() -> None:
    check = resolution((2250, 2700), (4500, 5400))
    assert (check.name, check.verdict, check.value) == (CheckName.RESOLUTION, PASS, 150)


def test_a_picture_that_was_enlarged_much_is_to_be_looked_at_and_the_reason_says_how_large_it_should_be() -> None:
    check = resolution((1024, 1280), (4500, 5400))
    assert (check.verdict, round(check.value)) == (WARN, 68)
    assert "4.4 times enlarged" in check.reason
    assert "at least 2250 x 2700 px" in check.reason
    assert "6.8 x 8.2 in or smaller" in check.reason


def test_a_picture_that_was_enlarged_too_much_should_not_be_printed() -> None:
    assert resolution((512, 640), (4500, 5400)).verdict is FAIL


def test_only_what_is_left_after_the_crop_counts() -> None:
    assert resolution((4500, 100), (4500, 4500)).verdict is FAIL
    assert resolution((4500, 100), (4500, 4500), Fit.PAD).verdict is PASS


def test_a_larger_picture_has_the_files_own_resolution() -> None:
    assert resolution((9000, 9000), (4500, 4500)).value == 300


@pytest.mark.parametrize("prompt", PROMPTS)
def test_sharp_prints_of_every_kind_pass_and_blurred_ones_do_not(prompt: str) -> None:
    picture = print_of(prompt, width_px=820, height_px=1024)
    values = [check_sharpness(blurred(picture, sigma)) for sigma in (0, 3, 8)]
    assert [check.verdict for check in values] in ([PASS, WARN, FAIL], [PASS, FAIL, FAIL])
    assert values[0].value > values[1].value > values[2].value


@pytest.mark.parametrize("contrast", [0.3, 0.12])
def test_a_pale_picture_is_not_taken_for_a_blurred_one(contrast: float) -> None:
    picture = pale(print_of("city skyline", width_px=820, height_px=1024), contrast)
    assert check_sharpness(picture).verdict is PASS
    assert check_sharpness(blurred(picture, 8)).verdict is not PASS


def test_a_small_mark_on_a_large_sheet_is_not_taken_for_a_blur() -> None:
    sheet = plain(240, 240, 240, side=1024).draw_rect([20, 20, 20], 400, 500, 150, 40, fill=True)
    assert check_sharpness(sheet).verdict is PASS
    assert check_sharpness(blurred(sheet, 8)).verdict is not PASS


def test_sharpness_hardly_depends_on_how_large_the_picture_arrived() -> None:
    large = print_of("city skyline", width_px=2048, height_px=2560)
    proof = large.thumbnail_image(1024, height=1024, size="down").copy_memory()
    small = print_of("city skyline", width_px=820, height_px=1024)
    assert check_sharpness(proof).verdict is check_sharpness(small).verdict is PASS
    assert 0.3 < check_sharpness(proof).value / check_sharpness(small).value < 3


def test_a_blurred_picture_is_found_inside_its_crisp_outline() -> None:
    soft = blurred(print_of("city skyline", width_px=1024, height_px=1024), 8)
    outline = cut_out((480 - distance_from(512, 512)) * 255)[3]
    assert check_sharpness(soft.bandjoin(outline).copy(interpretation="srgb")).verdict is not PASS


def test_a_picture_without_any_edge_is_to_be_looked_at() -> None:
    grid = pyvips.Image.xyz(1024, 1024)
    gradient = (grid[0] / 8).bandjoin([grid[1] / 8, grid[0] / 16]).cast("uchar").copy(interpretation="srgb")
    check = check_sharpness(gradient)
    assert (check.verdict, check.value) == (WARN, 0)
    assert "no edge" in check.reason


@pytest.mark.parametrize(
    "levels", [(255, 255, 255), (0, 0, 0), (200, 30, 40), (0, 0, 0, 0), (90, 90, 90, 255)], ids=str
)
def test_one_colour_is_blank(levels: tuple[int, ...]) -> None:
    assert check_blankness(plain(*levels)).verdict is FAIL


def test_colour_that_is_hidden_under_full_transparency_is_blank() -> None:
    hidden = print_of("city skyline", width_px=256, height_px=256).bandjoin(0).copy(interpretation="srgb")
    assert check_blankness(hidden).verdict is FAIL


def test_noise_on_one_colour_is_blank() -> None:
    noise = pyvips.Image.gaussnoise(512, 512, sigma=6, mean=128, seed=1)
    grey = noise.bandjoin([noise, noise]).cast("uchar").copy(interpretation="srgb").copy_memory()
    assert check_blankness(grey).verdict is FAIL


def test_a_speck_is_nearly_blank_a_mark_is_to_be_looked_at_and_a_line_of_text_is_enough() -> None:
    sheet = plain(250, 250, 250, side=1024)
    drawn = [sheet.draw_rect([0, 0, 0], 500, 500, side, side, fill=True) for side in (12, 50, 120)]
    assert [check_blankness(image).verdict for image in drawn] == [FAIL, WARN, PASS]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_print_is_called_blank(prompt: str) -> None:
    assert check_blankness(print_of(prompt, width_px=410, height_px=512)).verdict is PASS


def test_a_free_standing_design_with_smooth_edges_passes() -> None:
    check = check_transparency(cut_out((300 - distance_from(512, 512)) * 128))
    assert (check.verdict, check.value) == (PASS, 0)


def test_a_picture_whose_alpha_is_all_opaque_prints_as_a_rectangle() -> None:
    check = check_transparency(plain(10, 20, 30, 255))
    assert check.verdict is PASS
    assert "rectangle" in check.reason


def test_a_picture_with_nothing_opaque_should_not_be_printed() -> None:
    assert check_transparency(plain(200, 0, 0, 90)).verdict is FAIL
    assert check_transparency(plain(0, 0, 0, 0)).verdict is FAIL


def test_a_soft_shadow_warns_of_a_haze_and_a_design_that_fades_away_fails() -> None:
    shadow = check_transparency(cut_out(255 - (distance_from(512, 512) - 400) * 12))
    assert (shadow.verdict, "haze" in shadow.reason) == (WARN, True)
    fading = check_transparency(cut_out(255 - distance_from(512, 512) * 0.6))
    assert (fading.verdict, "haze" in fading.reason) == (FAIL, True)


def test_a_design_that_reaches_the_border_looks_cut_off() -> None:
    check = check_transparency(cut_out((300 - distance_from(512, 20)) * 255))
    assert check.verdict is WARN
    assert "(top)" in check.reason


def test_a_frame_with_holes_is_meant_to_reach_the_border() -> None:
    assert check_transparency(cut_out((distance_from(512, 512) - 300) * 255)).verdict is PASS


def test_transparency_is_looked_at_only_where_there_is_some() -> None:
    placement = placed((256, 256), (256, 256), Fit.CROP)
    assert CheckName.TRANSPARENCY not in [check.name for check in checked(plain(9, 9, 9), placement)]
    assert CheckName.TRANSPARENCY in [check.name for check in checked(plain(9, 9, 9, 255), placement)]


def test_a_picture_of_one_pixel_is_looked_at_like_any_other() -> None:
    placement = placed((1, 1), (256, 256), Fit.CROP)
    assert [check.verdict for check in checked(plain(9, 9, 9, 255, side=1), placement)] == [FAIL, WARN, FAIL, PASS]
