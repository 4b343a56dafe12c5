"""Subjects and recipes as they are stored: what their owner last said, whole."""

from pymongo import ASCENDING, IndexModel

from pressroom.contracts.recipes import PutRecipe, PutSubject, Recipe, Subject

from .named import INDEXES, Named, NamedDocument

SUBJECT_INDEXES = [
    *INDEXES,
    IndexModel([("input_images", ASCENDING)], name="by_input_image"),
    IndexModel([("parts.input_images", ASCENDING)], name="by_input_image_of_a_part"),
]


class SubjectDocument(NamedDocument, PutSubject):
    """A subject of one owner."""

    @property
    def shown(self) -> Subject:
        return Subject.model_validate(self.model_dump())


class RecipeDocument(NamedDocument, PutRecipe):
    """A recipe of one owner."""

    @property
    def shown(self) -> Recipe:
        return Recipe.model_validate(self.model_dump())


class Subjects(Named[SubjectDocument]):
    async def have_file(self, name: str) -> bool:
        """Whether any subject, or a part of one, has this stored file as a reference picture."""
        wanted = [{"input_images": name}, {"parts.input_images": name}]
        return await self.raw.find_one({"$or": wanted}, projection=["_id"]) is not None
