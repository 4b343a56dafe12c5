"""What a recipe makes of a subject, and every way in which the two do not go together."""

import pytest
from pydantic import ValidationError

from pressroom.contracts.recipes import REASONS_MAX, CannotCompose, PictureTemplate, Recipe, Subject, compose
from pressroom.runtime.recipes import BUILT_IN_RECIPES

PICTURE = "a" * 64 + ".png"
OTHER = "b" * 64 + ".png"


def a_subject(**changes: object) -> Subject:
    suspects = [
        {"name": f"suspect-{n}", "role": "suspect", "fields": {"description": f"the {n}. suspect"}} for n in (1, 2, 3)
    ]
    scene = {"name": "library", "role": "scene", "fields": {"description": "a library"}, "input_images": [OTHER]}
    usual = {
        "name": "case-2025-01-19",
        "owner": "default",
        "kind": "case",
        "title": "The Missing Page",
        "fields": {"light": "dim"},
        "input_images": [PICTURE],
        "parts": [*suspects, scene],
        "version": 1,
        "created_at": "2026-11-21T00:00:00Z",
        "updated_at": "2026-11-21T00:00:00Z",
    }
    return Subject.model_validate(usual | changes)


def a_recipe(*pictures: PictureTemplate, kind: str | None = None) -> Recipe:
    return Recipe(name="mine", kind=kind, pictures=pictures)


def test_a_case_is_its_suspects_and_its_scene() -> None:
    images = compose(BUILT_IN_RECIPES["case"], a_subject())

    assert [image.part for image in images] == ["suspect-1", "suspect-2", "suspect-3", "library"]
    assert "the 2. suspect" in images[1].prompt
    assert "The Missing Page" in images[3].prompt
    assert (images[0].input_images, images[3].input_images) == ((PICTURE,), (PICTURE, OTHER))


@pytest.mark.parametrize("name", ["character", "food", "product"])
def test_the_other_recipes_make_five_pictures_of_a_subject_without_parts(name: str) -> None:
    fields = {"description": "blue hair", "style": "anime"}
    images = compose(BUILT_IN_RECIPES[name], a_subject(kind=name, parts=[], fields=fields))
    assert len(images) == len({image.prompt for image in images}) == len({image.part for image in images}) == 5


def test_a_parts_own_words_come_before_the_subjects_and_its_name_is_known() -> None:
    template = PictureTemplate(role="suspect", prompt="{name} of {title} in {light} light")
    parts = [{"name": "eve", "role": "suspect", "fields": {"light": "red"}}, {"name": "bob", "role": "suspect"}]
    prompts = [image.prompt for image in compose(a_recipe(template), a_subject(parts=parts))]
    assert prompts == ["eve of The Missing Page in red light", "bob of The Missing Page in dim light"]


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    subject = a_subject(fields={"light": "{title} {0.__class__}"})
    (image,) = compose(a_recipe(PictureTemplate(prompt="{light}")), subject)
    assert (image.prompt, image.part) == ("{title} {0.__class__}", None)


def test_only_the_parts_that_were_asked_for_are_made() -> None:
    images = compose(BUILT_IN_RECIPES["case"], a_subject(), ("library", "suspect-2"))
    assert [image.part for image in images] == ["suspect-2", "library"]


@pytest.mark.parametrize(
    ("recipe", "changes", "only", "field", "said"),
    [
        (BUILT_IN_RECIPES["case"], {"kind": "food"}, (), "recipe", "is for a case"),
        (BUILT_IN_RECIPES["case"], {"parts": []}, (), "recipe", "no part of it has a role"),
        (BUILT_IN_RECIPES["case"], {}, ("suspect-9",), "parts", "'suspect-9'"),
        (a_recipe(PictureTemplate(prompt="{mood}")), {}, (), "subject", "has no field 'mood'"),
        (
            a_recipe(PictureTemplate(role="suspect", prompt="{mood}")),
            {},
            ("suspect-1",),
            "subject",
            "'suspect-1' of 'case-2025-01-19' has no field 'mood'",
        ),
        (a_recipe(PictureTemplate(prompt="{light}{light}")), {"fields": {"light": "x" * 3000}}, (), "recipe", "6000"),
        (a_recipe(PictureTemplate(role="scene", prompt="x")), {"input_images": [PICTURE] * 16}, (), "subject", "17"),
    ],
)
def test_what_does_not_go_together_is_told_by_field(
    recipe: Recipe, changes: dict[str, object], only: tuple[str, ...], field: str, said: str
) -> None:
    with pytest.raises(CannotCompose) as refused:
        compose(recipe, a_subject(**changes), only)
    assert refused.value.reasons[0].field == field
    assert said in refused.value.reasons[0].message


def many_parts(count: int) -> list[dict[str, object]]:
    return [{"name": f"suspect-{n}", "role": "suspect"} for n in range(count)]


def test_a_recipe_of_more_pictures_than_a_batch_may_have_is_refused_before_any_is_written() -> None:
    template = PictureTemplate(role="suspect", prompt="{mood}")
    with pytest.raises(CannotCompose) as refused:
        compose(a_recipe(*[template] * 100), a_subject(parts=many_parts(200)))
    (reason,) = refused.value.reasons
    assert "more pictures" in reason.message
    assert "10000" in reason.message


def test_of_a_recipe_with_much_that_is_missing_the_first_reasons_are_told() -> None:
    names = [f"{{m{n}}}" for n in range(100)]
    template = PictureTemplate(role="suspect", prompt="".join(names))
    with pytest.raises(CannotCompose) as refused:
        compose(a_recipe(*[template] * 100), a_subject(parts=many_parts(100)))
    assert len(refused.value.reasons) == REASONS_MAX
    with pytest.raises(CannotCompose) as of_parts:
        compose(a_recipe(template), a_subject(), [f"butler-{n}" for n in range(10_000)])
    assert len(of_parts.value.reasons) == REASONS_MAX


def test_a_name_that_is_missing_twice_is_told_once() -> None:
    with pytest.raises(CannotCompose) as refused:
        compose(a_recipe(PictureTemplate(prompt="{mood} {mood}")), a_subject())
    assert len(refused.value.reasons) == 1


@pytest.mark.parametrize(
    "template",
    [
        {"prompt": "{each}"},
        {"prompt": "{each}", "each": [" "]},
        {"prompt": "x", "role": "suspect", "each": ["a"]},
        {"prompt": "{0.__class__}"},
        {"prompt": "{}"},
    ],
)
def test_a_template_that_nothing_can_fill_is_refused(template: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PictureTemplate.model_validate(template)
