"""The slots of a template: `{{name}}`, or `{{name|default}}` for a value that a picture does not have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

from pydantic import JsonValue

_SLOT = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*(?:\|([^{}]*))?\}\}")
_INTEGERS = frozenset({"seed", "width", "height", "steps"})
_NUMBERS = _INTEGERS | {"guidance"}


@dataclass(frozen=True)
class SlotValues:
    """One picture's values. Sides in pixels; `image` is a file's name at the server. What is None has the template's
    default; a negative prompt without one is empty."""

    prompt: str
    negative: str | None
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    model: str | None = None
    image: str | None = None


SLOT_NAMES = tuple(field.name for field in fields(SlotValues))


@dataclass(frozen=True)
class Slot:
    name: str
    default: str | None


class NoValue(Exception):
    """A slot has neither a value nor a default."""

    def __init__(self, slot: str) -> None:
        super().__init__(slot)
        self.slot = slot


def slots_in(value: JsonValue) -> Iterator[Slot]:
    """Every slot in a node's input, however deep; known names or not."""
    if isinstance(value, str):
        for match in _SLOT.finditer(value):
            yield Slot(match[1], match[2])
    elif isinstance(value, list):
        for part in value:
            yield from slots_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from slots_in(part)


def fault_of(slot: Slot) -> str | None:
    """What is wrong with a slot as it is written, in words; None when nothing is."""
    if slot.name not in SLOT_NAMES:
        return f"there is no slot {{{{{slot.name}}}}}; there are: {', '.join(SLOT_NAMES)}"
    if slot.name in _NUMBERS and slot.default is not None:
        try:
            _typed(slot.name, slot.default)
        except ValueError:
            return f"the default of {{{{{slot.name}}}}} is a number, not {slot.default!r}"
    return None


def filled(value: JsonValue, values: SlotValues) -> JsonValue:
    """`value` with its slots filled: one that is the whole string becomes a number where it is one, one inside a longer
    string becomes text. Raises `NoValue`."""
    if isinstance(value, str):
        whole = _SLOT.fullmatch(value)
        if whole is not None:
            return _value(Slot(whole[1], whole[2]), values)
        return _SLOT.sub(lambda match: str(_value(Slot(match[1], match[2]), values)), value)
    if isinstance(value, list):
        return [filled(part, values) for part in value]
    if isinstance(value, dict):
        return {name: filled(part, values) for name, part in value.items()}
    return value


def _value(slot: Slot, values: SlotValues) -> str | int | float:
    given: str | int | float | None = getattr(values, slot.name)
    if given is not None:
        return given
    if slot.default is not None:
        return _typed(slot.name, slot.default)
    if slot.name == "negative":
        return ""
    raise NoValue(slot.name)


def _typed(name: str, text: str) -> str | int | float:
    if name in _INTEGERS:
        return int(text)
    return float(text) if name in _NUMBERS else text
