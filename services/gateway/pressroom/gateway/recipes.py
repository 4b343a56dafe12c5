"""`/v1/recipes`: how prompts are made of a subject. Some come with Pressroom; one that is saved under the same name is
its owner's, and used in its place."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.recipes import PARTS_MAX, CannotCompose, PutRecipe, Recipe, Subject, compose
from pressroom.contracts.requests import ImageRequest, PlainName
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.recipes import BUILT_IN_RECIPES

from . import named, subjects
from .access import Caller, GuardedRouter, requires
from .cursors import Limit
from .edge.problems import Refusal, answers, invalid, not_found
from .etags import IfMatch, etag_of
from .house import House

router = GuardedRouter("/v1/recipes", "recipes", Scope.READ)

RecipeName = Annotated[PlainName, Path(description="Your own name for it, or that of one that comes with Pressroom.")]


@router.get("")
async def list_recipes(owner: Caller, house: House, cursor: named.After = None, limit: Limit = 50) -> Page[Recipe]:
    """Your recipes, by name, and on the first page those that come with Pressroom before them."""
    found = await house.database.recipes.page(owner, after=cursor, limit=limit + 1)
    own = [recipe.shown for recipe in found[:limit]]
    built_in = [] if cursor is not None else list(BUILT_IN_RECIPES.values())
    return Page(items=[*built_in, *own], next_cursor=own[-1].name if len(found) > limit else None)


@router.get("/{recipe_name}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_recipe(recipe_name: RecipeName, owner: Caller, house: House, response: Response) -> Recipe:
    """One recipe; the ETag of your own is that of its version."""
    own = await house.database.recipes.get(owner, recipe_name)
    if own is not None:
        response.headers["ETag"] = etag_of(own.edition)
        return own.shown
    if recipe_name not in BUILT_IN_RECIPES:
        raise not_found("recipe", recipe_name)
    return BUILT_IN_RECIPES[recipe_name]


@router.get("/{recipe_name}/images", responses=answers(HTTPStatus.NOT_FOUND))
async def preview(
    recipe_name: RecipeName,
    subject: Annotated[PlainName, Query(description="One of your subjects.")],
    owner: Caller,
    house: House,
    part: Annotated[
        list[PlainName] | None, Query(max_length=PARTS_MAX, description="Only these parts; repeat it for more.")
    ] = None,
) -> list[ImageRequest]:
    """What a batch of this recipe and a subject would ask for. Nothing is made."""
    recipe = await usable(house, owner, recipe_name)
    if recipe is None:
        raise not_found("recipe", recipe_name)
    return list(composed(recipe, (await subjects.owned(house, owner, subject)).shown, tuple(part or ())))


@router.put(
    "/{recipe_name}",
    dependencies=[requires(Scope.WRITE)],
    responses={201: {"description": "It is new.", "model": Recipe}, **named.EDITED},
)
async def put_recipe(
    recipe_name: RecipeName, body: PutRecipe, owner: Caller, house: House, response: Response, if_match: IfMatch = None
) -> Recipe:
    """Save a recipe, in place of what you saved under the name before. Batches that were asked for stay as they are."""
    return (await named.save(house.database.recipes, owner, recipe_name, body, if_match, response)).shown


@router.delete(
    "/{recipe_name}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.WRITE)],
    responses=named.EDITED,
)
async def delete_recipe(recipe_name: RecipeName, owner: Caller, house: House, if_match: IfMatch = None) -> None:
    """Forget a recipe of yours; one of the same name that comes with Pressroom is there again."""
    await named.forget(house.database.recipes, "recipe", owner, recipe_name, if_match)


async def usable(house: House, owner: str, name: str) -> Recipe | None:
    """The owner's recipe of that name, else the one that comes with Pressroom."""
    own = await house.database.recipes.get(owner, name)
    return own.shown if own is not None else BUILT_IN_RECIPES.get(name)


def composed(recipe: Recipe, subject: Subject, only: tuple[str, ...] = ()) -> tuple[ImageRequest, ...]:
    """The pictures of a subject. Raises a 422 `Refusal` with every reason."""
    try:
        return compose(recipe, subject, only)
    except CannotCompose as error:
        raise _cannot(error) from error


def _cannot(error: CannotCompose) -> Refusal:
    return invalid(error.reasons)
