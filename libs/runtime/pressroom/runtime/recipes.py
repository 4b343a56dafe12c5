"""The recipes that come with Pressroom. One that an owner saves under the same name is used in its place."""

from collections.abc import Mapping

from pressroom.contracts.recipes import PictureTemplate, Recipe

_CASE = (
    PictureTemplate(
        role="suspect",
        prompt="Portrait photograph of {title}'s suspect: {description}. Head and shoulders, plain background, neutral "
        "light, no text.",
    ),
    PictureTemplate(
        role="scene",
        prompt="Photograph of the scene of {title}: {description}. Wide view, natural light, nobody in it, no text.",
    ),
)
_CHARACTER = (
    PictureTemplate(
        each=("front", "side", "back", "three-quarter", "sitting"), prompt="{description}, {each} pose, {style} style"
    ),
)
_FOOD = (
    PictureTemplate(
        each=("overhead", "close-up", "rustic table", "dark background", "bright daylight"),
        prompt="Food photograph of {title}: {description}, {each}",
    ),
)
_PRODUCT = (
    PictureTemplate(
        each=("holding it", "wearing or using it", "walking with it", "sitting beside it", "presenting it"),
        prompt="Product photograph of {title}: {description}, with a model {each}",
    ),
)

BUILT_IN_RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="case", kind="case", description="Each suspect of a case and its scene.", pictures=_CASE),
        Recipe(name="character", kind="character", description="A character in five poses.", pictures=_CHARACTER),
        Recipe(name="food", kind="food", description="A dish in five styles.", pictures=_FOOD),
        Recipe(name="product", kind="product", description="A product with a model, in five poses.", pictures=_PRODUCT),
    )
}
