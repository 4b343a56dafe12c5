"""Subjects and recipes: who or what is pictured, and how prompts are made of it. Both are their owner's, by a name.

A subject has fields of words and, where it is of several, parts with roles: the suspects and the scene of a case. A
recipe is a list of templates; one stands for a picture of the whole subject, of each part of a role, or of each of the
template's own words. Composing is pure, and what comes of it are the `images` of a batch.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .api import Moment
from .facts import NonNegative, Reason
from .identifiers import Identifier
from .requests import (
    IMAGES_CEILING,
    INPUT_IMAGES_MAX,
    PROMPT_MAX_CHARACTERS,
    FileName,
    ImageRequest,
    PlainName,
    Prompt,
    Title,
    Words,
)

PARTS_MAX = 200
TEMPLATES_MAX = 100
EACH_MAX = 100
EACH = "each"
"""What a template's own words stand for in it."""

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
FieldText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=PROMPT_MAX_CHARACTERS)]
Fields = Annotated[dict[FieldName, FieldText], Field(max_length=50)]
Pictures = Annotated[tuple[FileName, ...], Field(max_length=INPUT_IMAGES_MAX)]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class SubjectPart(BaseModel):
    """One of what a subject is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: PlainName
    role: Kind = Field(description="Which templates are for it: `suspect`, `scene`, your own.")
    fields: Fields = Field(default={}, description="Words for `{…}` in templates, before those of the subject.")
    input_images: Pictures = Field(default=(), description="Reference pictures of this part.")


class PutSubject(BaseModel):
    """The body of `PUT /v1/subjects/{name}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = Field(description="`case`, `character`, `food`, `product`, or your own.")
    title: Title | None = None
    fields: Fields = Field(default={}, description="Words for `{…}` in templates.")
    input_images: Pictures = Field(
        default=(), description="Reference pictures of every picture: names of stored files."
    )
    parts: Annotated[tuple[SubjectPart, ...], Field(max_length=PARTS_MAX)] = ()

    @model_validator(mode="after")
    def _names_each_part_once(self) -> Self:
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError("'parts' has the same name twice")
        return self


class Subject(PutSubject):
    """A subject as it is stored. `version` counts its edits; it is the ETag too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: PlainName
    owner: Identifier
    version: NonNegative
    created_at: Moment
    updated_at: Moment


class PictureTemplate(BaseModel):
    """One picture of the whole subject, or one of each part with `role`, or one for each of the words in `each`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt = Field(
        description="`{title}`, `{name}` and `{field}` are filled in from the part and then the subject, `{each}` from "
        "the template's own words."
    )
    role: Kind | None = None
    each: Annotated[tuple[FieldText, ...], Field(max_length=EACH_MAX)] = ()

    @model_validator(mode="after")
    def _is_for_one_of_them(self) -> Self:
        if self.role is not None and self.each:
            raise ValueError("give either 'role' or 'each', and not both")
        for name in placeholders(self.prompt):
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
                raise ValueError(f"'{{{name}}}' in 'prompt' names no field: small letters, digits and _")
        if EACH in placeholders(self.prompt) and not self.each:
            raise ValueError("'{each}' in 'prompt' needs words in 'each'")
        return self


class PutRecipe(BaseModel):
    """The body of `PUT /v1/recipes/{name}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Words = ""
    kind: Kind | None = Field(default=None, description="The kind of subject that it is for; any when absent.")
    pictures: Annotated[tuple[PictureTemplate, ...], Field(min_length=1, max_length=TEMPLATES_MAX)]


class Recipe(PutRecipe):
    """A recipe as it is stored, or one that comes with Pressroom, which nobody owns and nobody edits."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: PlainName
    owner: Identifier | None = None
    version: NonNegative = 0
    created_at: Moment | None = None
    updated_at: Moment | None = None


class CannotCompose(ValueError):
    """The recipe does not go with the subject, for these reasons."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = tuple(reasons)


def placeholders(template: str) -> list[str]:
    """The names in braces."""
    return _PLACEHOLDER.findall(template)


class _Wanted(NamedTuple):
    """A picture that a recipe wants of a subject: of which part, and what its placeholders stand for."""

    template: PictureTemplate
    part: str | None
    words: Mapping[str, str]
    input_images: tuple[str, ...]


def compose(recipe: Recipe, subject: Subject, only: Sequence[str] = ()) -> tuple[ImageRequest, ...]:
    """The pictures of a subject, in the recipe's order; `only`: of these parts. Raises `CannotCompose`."""
    if recipe.kind is not None and recipe.kind != subject.kind:
        message = f"'{recipe.name}' is for a {recipe.kind}, and '{subject.name}' is a {subject.kind}"
        raise CannotCompose([Reason(field="recipe", message=message)])
    pictures = list(_pictures(recipe, subject))
    wanted = [picture for picture in pictures if not only or picture.part in only]
    unknown = [name for name in only if name not in {picture.part for picture in pictures}]
    reasons = [
        Reason(field="parts", message=f"'{recipe.name}' makes no picture of '{name}' of '{subject.name}'")
        for name in unknown
    ]
    if not pictures:
        message = f"'{recipe.name}' makes no picture of '{subject.name}': no part of it has a role that it is for"
        reasons.append(Reason(field="recipe", message=message))
    if len(wanted) > IMAGES_CEILING:
        reasons.append(Reason(field="recipe", message=f"{len(wanted)} pictures; at most {IMAGES_CEILING} a batch"))
    images: list[ImageRequest] = []
    for picture in wanted:
        wrong, prompt = _filled_in(picture, subject.name)
        reasons += wrong
        if not wrong:
            images.append(ImageRequest(prompt=prompt, input_images=picture.input_images, part=picture.part))
    if reasons:
        raise CannotCompose(reasons)
    return tuple(images)


def _pictures(recipe: Recipe, subject: Subject) -> Iterator[_Wanted]:
    words = {"title": subject.title or subject.name, "name": subject.name, **subject.fields}
    for template in recipe.pictures:
        if template.role is not None:
            for part in subject.parts:
                if part.role == template.role:
                    own = {**words, "name": part.name, **part.fields}
                    yield _Wanted(template, part.name, own, (*subject.input_images, *part.input_images))
        elif template.each:
            for word in template.each:
                yield _Wanted(template, _as_name(word), {**words, EACH: word}, subject.input_images)
        else:
            yield _Wanted(template, None, words, subject.input_images)


def _filled_in(picture: _Wanted, subject: str) -> tuple[list[Reason], str]:
    """What is wrong, and the prompt where nothing is."""
    words = picture.words
    whom = f"'{subject}'" if picture.part is None else f"'{picture.part}' of '{subject}'"
    missing = [name for name in placeholders(picture.template.prompt) if name not in words]
    if missing:
        return [Reason(field="subject", message=f"{whom} has no field '{name}'") for name in missing], ""
    prompt = _PLACEHOLDER.sub(lambda found: words[found[1]], picture.template.prompt)
    if len(prompt) > PROMPT_MAX_CHARACTERS:
        message = f"the prompt for {whom} has {len(prompt)} characters; at most {PROMPT_MAX_CHARACTERS}"
        return [Reason(field="recipe", message=message)], ""
    shown = len(picture.input_images)
    if shown > INPUT_IMAGES_MAX:
        message = f"{whom} has {shown} reference pictures; at most {INPUT_IMAGES_MAX} go with one picture"
        return [Reason(field="subject", message=message)], ""
    return [], prompt


def _as_name(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:128].rstrip("-") or EACH
