"""What a provider is asked for when a batch wishes something else, and why one is passed over: pure rules."""

import math
import random
from typing import Any

import pytest

from pressroom.contracts.capabilities import Capabilities, SizeRules, nearest_size, shortcomings
from pressroom.contracts.requests import SIDE_MAX_PX, SIDE_MIN_PX, BatchRequest

GEMINI_LIKE = SizeRules(min_side_px=620, max_side_px=6336, max_pixels=4800 * 3584, max_ratio=21 / 9)
FLUX_LIKE = SizeRules(min_side_px=64, side_multiple=16, max_pixels=2048 * 2048)
NARROW = SizeRules(min_side_px=512, max_side_px=1024, side_multiple=64, max_pixels=1024 * 1024, max_ratio=1.5)


def any_rules(dice: random.Random) -> SizeRules:
    """Rules that some size fits, as a provider might have them."""
    step = dice.choice([1, 2, 8, 16, 32, 64])
    least = dice.randint(1, 16) * 64
    most = least + dice.randint(1, 60) * 64
    return SizeRules(
        min_side_px=least,
        max_side_px=most,
        side_multiple=step,
        max_pixels=dice.randint(least * least, most * most),
        max_ratio=dice.choice([1.0, 1.25, 1.5, 21 / 9, 3.0, 128.0]),
    )


def any_size(dice: random.Random) -> tuple[int, int]:
    def side() -> int:
        return min(SIDE_MAX_PX, max(SIDE_MIN_PX, round(math.exp(dice.uniform(math.log(64), math.log(8193))))))

    return side(), side()


CASES = [(any_rules(dice), any_size(dice)) for seed in range(2000) for dice in [random.Random(seed)]]
"""Always the same ones."""


def fits(rules: SizeRules, size: tuple[int, int]) -> bool:
    longer, shorter = max(size), min(size)
    return (
        rules.min_pixels <= longer * shorter <= rules.max_pixels
        and shorter >= rules.min_side_px
        and longer <= rules.max_side_px
        and all(side % rules.side_multiple == 0 for side in size)
        and longer <= shorter * rules.max_ratio * (1 + 1e-9)
    )


def test_what_is_asked_for_is_always_within_the_rules() -> None:
    for rules, wish in CASES:
        assert fits(rules, nearest_size(rules, *wish)), (rules, wish, nearest_size(rules, *wish))


def test_a_wish_on_its_side_gets_the_same_size_on_its_side() -> None:
    for rules, (width, height) in CASES:
        if width != height:
            upright = nearest_size(rules, width, height)
            assert nearest_size(rules, height, width) == upright[::-1], (rules, width, height)


def test_what_was_asked_for_once_is_asked_for_again() -> None:
    for rules, wish in CASES:
        size = nearest_size(rules, *wish)
        assert nearest_size(rules, *size) == size, (rules, wish)


def test_a_size_that_fits_is_left_as_it_is() -> None:
    fitting = 0
    for rules, wish in CASES:
        step = rules.side_multiple
        on_the_grid = (math.ceil(wish[0] / step) * step, math.ceil(wish[1] / step) * step)
        if fits(rules, on_the_grid):
            fitting += 1
            assert nearest_size(rules, *on_the_grid) == on_the_grid, rules
    assert fitting > len(CASES) / 50


def test_the_ratio_is_kept_but_for_what_the_grid_and_the_rules_take() -> None:
    for rules, wish in CASES:
        width, height = nearest_size(rules, *wish)
        step = rules.side_multiple
        # What the rules allow of the ratio at all: their own, that of the largest side over the smallest, of the area.
        lowest, highest = math.ceil(rules.min_side_px / step) * step, rules.max_side_px // step * step
        allowed = min(rules.max_ratio, highest / lowest, max(1.0, rules.max_pixels / lowest**2))
        wanted = min(max(wish) / min(wish), allowed)
        one_step_on_each_side = (1 + step / min(width, height)) ** 2
        off = max(width, height) / min(width, height) / wanted
        assert max(off, 1 / off) <= one_step_on_each_side + 1e-6, (rules, wish, width, height)


@pytest.mark.parametrize(
    ("rules", "wish", "asked"),
    [
        (SizeRules(), (1024, 1280), (1024, 1280)),
        (FLUX_LIKE, (1000, 1250), (992, 1248)),
        (FLUX_LIKE, (4096, 4096), (2048, 2048)),
        (FLUX_LIKE, (8192, 2048), (4096, 1024)),
        (GEMINI_LIKE, (64, 64), (620, 620)),
        (NARROW, (1024, 1280), (832, 1024)),
        (NARROW, (8192, 64), (1024, 704)),
        (NARROW, (64, 64), (512, 512)),
    ],
)
def test_sizes_that_a_person_would_choose_too(rules: SizeRules, wish: tuple[int, int], asked: tuple[int, int]) -> None:
    assert nearest_size(rules, *wish) == asked


OPENAI_LIKE = SizeRules(
    min_side_px=480, max_side_px=3840, side_multiple=16, min_pixels=655_360, max_pixels=3840 * 2160, max_ratio=3.0
)


def test_no_picture_is_smaller_than_the_least_area() -> None:
    dice = random.Random(0)
    for wish in (any_size(dice) for _ in range(2000)):
        assert fits(OPENAI_LIKE, nearest_size(OPENAI_LIKE, *wish)), (wish, nearest_size(OPENAI_LIKE, *wish))


def test_the_least_area_holds_where_only_squares_are_made() -> None:
    squares = SizeRules(min_side_px=512, side_multiple=32, min_pixels=384_755, max_ratio=1.0)
    assert nearest_size(squares, 295, 181) == (640, 640)


@pytest.mark.parametrize("wish", [(8192, 64), (64, 8192), (8192, 8192), (64, 64)])
def test_the_widest_wishes_are_brought_into_rules_without_a_grid_at_once(wish: tuple[int, int]) -> None:
    tight = SizeRules(min_side_px=2000, max_side_px=2001, max_ratio=1.001)
    assert fits(tight, nearest_size(tight, *wish))


CAN = Capabilities(prompt_max_characters=100)


def a_request(**fields: Any) -> BatchRequest:
    return BatchRequest.model_validate({"provider": "studio", "prompt": "a quiet harbour", **fields})


def test_a_plain_wish_is_nobodys_shortcoming() -> None:
    assert shortcomings(CAN, a_request(), 100) == []


def test_a_prompt_is_measured_as_it_is_sent() -> None:
    (reason,) = shortcomings(CAN, a_request(), 101)
    assert reason.field == "prompt"
    assert "101" in reason.message
    assert "100" in reason.message


FILE = "0" * 64 + ".png"
LORA = {"kind": "lora", "name": "ink"}


@pytest.mark.parametrize(
    ("field", "wish", "able"),
    [
        ("transparent", True, {"transparent": True}),
        ("input_images", [FILE], {"input_images": 1}),
        ("adapters", [LORA], {"adapters": True}),
        ("workflow", "poster", {"workflows": ("default", "poster")}),
    ],
)
def test_what_a_provider_cannot_do_is_named_by_its_field(field: str, wish: object, able: dict[str, Any]) -> None:
    wanted = a_request(**{field: wish})
    assert [reason.field for reason in shortcomings(CAN, wanted, 1)] == [field]
    assert shortcomings(CAN.model_copy(update=able), wanted, 1) == []


def test_one_reference_picture_too_many_is_said_with_both_numbers() -> None:
    can = CAN.model_copy(update={"input_images": 2})
    (reason,) = shortcomings(can, a_request(input_images=[FILE] * 3), 1)
    assert "3 reference pictures" in reason.message
    assert "takes 2" in reason.message


def test_an_unknown_workflow_is_answered_with_those_that_are_there() -> None:
    can = CAN.model_copy(update={"workflows": ("default", "poster")})
    (reason,) = shortcomings(can, a_request(workflow="sticker"), 1)
    assert "'sticker'" in reason.message
    assert "default, poster" in reason.message


def test_every_shortcoming_is_told_at_once() -> None:
    wanted = a_request(transparent=True, input_images=[FILE], adapters=[LORA], workflow="poster")
    told = [reason.field for reason in shortcomings(CAN, wanted, 101)]
    assert told == ["prompt", "transparent", "input_images", "adapters", "workflow"]
