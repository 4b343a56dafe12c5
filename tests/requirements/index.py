"""The examples of five systems that users had before, as data: what is sent as it stands, and what came back.

Each folder is one page of those systems' documentation. Its `index.toml` says which sections were taken, what each file
is, how it is sent, which documented answer it must get, and what of the page cannot be answered and why.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

HERE = Path(__file__).parent
INDEX = "index.toml"
ANSWER = "answer_"
"""How the names of documented answers begin."""


class Rules(BaseModel):
    """What an answer may differ in from the documented one; places are paths such as `images[].url`.

    `extra`: what came later. `allowed`: the values that the documentation knows. `may_be_empty`: lists of which the
    documentation shows a full one. `may_lack`: what is not there in every case. `number`: whole here, not always."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    extra: tuple[str, ...] = ()
    allowed: dict[str, tuple[Any, ...]] = {}
    may_be_empty: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()
    number: tuple[str, ...] = ()

    def and_of(self, other: "Rules") -> "Rules":
        return Rules(
            extra=self.extra + other.extra,
            allowed={**self.allowed, **other.allowed},
            may_be_empty=self.may_be_empty + other.may_be_empty,
            may_lack=self.may_lack + other.may_lack,
            number=self.number + other.number,
        )


class Example(BaseModel):
    """One example. It is sent in one of three ways: `run` is a script for a shell, `node` one for Node, and what goes
    `to` a method and a path is a body or raw request, `send`, or nothing.

    `after`: scripts that the same shell runs before, as the page tells its reader to. `fill`: what stands in the page
    for a value that only the reader has. `merge` and `without`: fields that the page leaves to the reader, or tells of
    as another way; `append`: items more of a list. `given`: what must be so before (`situations.py`). `answer`: the
    documented one; `answers`: how many come, of which the `last` alone, or all `items` at a place, are like it. `says`:
    a pattern that the answer, or what is printed, has in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    section: str
    what: str
    run: str | None = None
    node: str | None = None
    send: str | None = None
    to: str | None = None
    after: tuple[str, ...] = ()
    fill: dict[str, str] = {}
    merge: dict[str, Any] = {}
    without: tuple[str, ...] = ()
    append: tuple[dict[str, Any], ...] = ()
    given: str | None = None
    status: int = 200
    answer: str | None = None
    answers: int = 1
    last: bool = False
    items: str | None = None
    says: str | None = None
    rules: Rules = Rules()
    page: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> "Example":
        assert sum(way is not None for way in (self.run, self.node, self.to)) == 1, f"{self.id}: one way to send it"
        assert self.to or not self.send, f"{self.id}: 'send' goes with 'to'"
        assert self.answer or self.says, f"{self.id}: expects nothing"
        return self

    @property
    def file(self) -> str:
        return self.run or self.node or self.send or ""

    def text(self, values: Mapping[str, str]) -> str:
        """The example as it stands, with its reader's own values where it leaves them open: `values` of what the
        situation has brought."""
        text = self.before(self.file)
        for placeholder, value in self.fill.items():
            assert placeholder in text, f"{self.id}: there is no {placeholder}"
            text = text.replace(placeholder, values.get(value, value))
        return text

    def before(self, name: str) -> str:
        """A file of the same page."""
        return (HERE / self.page / name).read_text()


class LeftOut(BaseModel):
    """What of a page is no call of an interface, and where the same is found now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: str
    what: str
    why: str


class Page(BaseModel):
    """One page. `logs_in`: its examples bring a token of their own; else the client's configuration has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str
    logs_in: bool = False
    taken: tuple[str, ...]
    example: tuple[Example, ...] = Field(min_length=1)
    answer: dict[str, Rules] = {}
    left_out: tuple[LeftOut, ...] = ()


@cache
def pages() -> dict[str, Page]:
    """Every page by the name of its folder."""
    found: dict[str, Page] = {}
    for path in sorted(HERE.glob(f"*/{INDEX}")):
        raw = tomllib.loads(path.read_text())
        for example in raw["example"]:
            example["page"] = path.parent.name
        found[path.parent.name] = Page.model_validate(raw)
    return found


def examples() -> list[Example]:
    return [example for page in pages().values() for example in page.example]


def documented(example: Example) -> tuple[Any, Rules]:
    """The answer that the page shows, and what may be different in one."""
    assert example.answer is not None
    shown = json.loads((HERE / example.page / example.answer).read_text())
    rules = pages()[example.page].answer.get(example.answer, Rules())
    return shown, rules.and_of(example.rules)
