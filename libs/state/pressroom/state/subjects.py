"""Subjects and recipes as they are stored: what their owner last said, whole."""

from pressroom.contracts.recipes import PutRecipe, PutSubject, Recipe, Subject

from .named import NamedDocument


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
