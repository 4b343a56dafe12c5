"""Subjects and recipes: who or what is pictured, and how prompts are made of it. Both are their owner's, by a name.

A subject has fields of words and, where it is of several, parts with roles: the suspects and the scene of a case. A
recipe is a list of templates; one stands for a picture of the whole subject, of each part of a role, or of each of the
template's own words. Composing is pure, and what comes of it are the `images` of a batch.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
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
REASONS_MAX = 50
"""Of why something cannot be composed; nobody reads more of them, and a careless recipe has millions."""
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
    """A subject as it is stored. `version` counts its edits."""

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
    """The recipe does not go with the subject, for these reasons: the first `REASONS_MAX` of them."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons = tuple(reasons[:REASONS_MAX])
        super().__init__("; ".join(reason.message for reason in self.reasons))


def placeholders(template: str) -> list[str]:
    """The names in braces."""
    return _PLACEHOLDER.findall(template)


class _Template:
    """A template's text, read once: every second piece is a name that was in braces."""

    def __init__(self, template: PictureTemplate) -> None:
        self._pieces = _PLACEHOLDER.split(template.prompt)
        self._names = Counter(self._pieces[1::2])
        self._plain_characters = sum(map(len, self._pieces[::2]))

    def missing(self, words: Mapping[str, str]) -> list[str]:
        """The names that stand for nothing, each once."""
        return [name for name in self._names if name not in words]

    def characters(self, words: Mapping[str, str]) -> int:
        """How long the prompt would be."""
        return self._plain_characters + sum(len(words[name]) * times for name, times in self._names.items())

    def filled_in(self, words: Mapping[str, str]) -> str:
        return "".join(words[piece] if place % 2 else piece for place, piece in enumerate(self._pieces))


class _Wanted(NamedTuple):
    """A picture that a recipe wants of a subject: of which part, and what its placeholders stand for."""

    template: _Template
    part: str | None
    words: Mapping[str, str]
    input_images: tuple[str, ...]


def compose(recipe: Recipe, subject: Subject, only: Sequence[str] = ()) -> tuple[ImageRequest, ...]:
    """The pictures of a subject, in the recipe's order; `only`: of these parts. Raises `CannotCompose`.

    What it costs is bounded by the `IMAGES_CEILING` pictures that a batch may have: it counts before it writes, and
    stops at what nobody would be told of."""
    if recipe.kind is not None and recipe.kind != subject.kind:
        message = f"'{recipe.name}' is for a {recipe.kind}, and '{subject.name}' is a {subject.kind}"
        raise CannotCompose([Reason(field="recipe", message=message)])
    wanted = list(islice(_pictures(recipe, subject, frozenset(only)), IMAGES_CEILING + 1))
    if len(wanted) > IMAGES_CEILING:
        message = f"'{recipe.name}' makes more pictures of '{subject.name}' than {IMAGES_CEILING}, the most of a batch"
        raise CannotCompose([Reason(field="recipe", message=message)])
    made = {picture.part for picture in wanted}
    reasons = [
        Reason(field="parts", message=f"'{recipe.name}' makes no picture of '{name}' of '{subject.name}'")
        for name in dict.fromkeys(only)
        if name not in made
    ]
    if not wanted and not only:
        message = f"'{recipe.name}' makes no picture of '{subject.name}': no part of it has a role that it is for"
        reasons.append(Reason(field="recipe", message=message))
    images: list[ImageRequest] = []
    for picture in wanted:
        if len(reasons) >= REASONS_MAX:
            break
        wrong = _wrong(picture, subject.name)
        reasons += wrong
        if not reasons:
            prompt = picture.template.filled_in(picture.words)
            images.append(ImageRequest(prompt=prompt, input_images=picture.input_images, part=picture.part))
    if reasons:
        raise CannotCompose(reasons)
    return tuple(images)


def _pictures(recipe: Recipe, subject: Subject, only: frozenset[str]) -> Iterator[_Wanted]:
    """Those of the parts `only`; of all when there are none in it."""
    words = {"title": subject.title or subject.name, "name": subject.name, **subject.fields}
    of_parts = {part.name: {**words, "name": part.name, **part.fields} for part in subject.parts}
    for picture in recipe.pictures:
        template = _Template(picture)
        if picture.role is not None:
            for part in subject.parts:
                if part.role == picture.role and (not only or part.name in only):
                    shown = (*subject.input_images, *part.input_images)
                    yield _Wanted(template, part.name, of_parts[part.name], shown)
        elif picture.each:
            for word in picture.each:
                name = _as_name(word)
                if not only or name in only:
                    yield _Wanted(template, name, {**words, EACH: word}, subject.input_images)
        elif not only:
            yield _Wanted(template, None, words, subject.input_images)


def _wrong(picture: _Wanted, subject: str) -> list[Reason]:
    """What is wrong with one picture."""
    whom = f"'{subject}'" if picture.part is None else f"'{picture.part}' of '{subject}'"
    missing = picture.template.missing(picture.words)
    if missing:
        return [Reason(field="subject", message=f"{whom} has no field '{name}'") for name in missing[:REASONS_MAX]]
    characters = picture.template.characters(picture.words)
    if characters > PROMPT_MAX_CHARACTERS:
        message = f"the prompt for {whom} has {characters} characters; at most {PROMPT_MAX_CHARACTERS}"
        return [Reason(field="recipe", message=message)]
    shown = len(picture.input_images)
    if shown > INPUT_IMAGES_MAX:
        message = f"{whom} has {shown} reference pictures; at most {INPUT_IMAGES_MAX} go with one picture"
        return [Reason(field="subject", message=message)]
    return []


def _as_name(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:128].rstrip("-") or EACH
