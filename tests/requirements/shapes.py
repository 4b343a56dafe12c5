"""Whether an answer has the shape of a documented one: the same fields of the same types, and no others but those that
are known to have come later."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .index import Rules


def differences(shown: Any, told: Any, rules: Rules, place: str = "") -> list[str]:
    """What is different in `told` from `shown`, a line each; empty when nothing is."""
    return list(_differences(shown, told, rules, place))


def _differences(shown: Any, told: Any, rules: Rules, place: str) -> Iterator[str]:
    allowed = rules.allowed.get(place)
    if allowed is not None and told not in allowed:
        yield f"{place}: {told!r} is none of {', '.join(map(repr, allowed))}"
    if isinstance(shown, dict):
        yield from _of_objects(shown, told, rules, place)
    elif isinstance(shown, list):
        yield from _of_lists(shown, told, rules, place)
    elif not _is_alike(shown, told, place in rules.number):
        yield f"{place}: {told!r} where {shown!r} is documented"


def _of_objects(shown: dict[str, Any], told: Any, rules: Rules, place: str) -> Iterator[str]:
    if not isinstance(told, dict):
        yield f"{place or 'the answer'}: no object but {told!r}"
        return
    for name, value in shown.items():
        path = f"{place}.{name}".lstrip(".")
        if name in told:
            yield from _differences(value, told[name], rules, path)
        elif path not in rules.may_lack:
            yield f"{path}: missing"
    for name in told.keys() - shown.keys():
        path = f"{place}.{name}".lstrip(".")
        if path not in rules.extra:
            yield f"{path}: not documented"


def _of_lists(shown: list[Any], told: Any, rules: Rules, place: str) -> Iterator[str]:
    if not isinstance(told, list):
        yield f"{place or 'the answer'}: no list but {told!r}"
        return
    if shown and not told and place not in rules.may_be_empty:
        yield f"{place}: empty"
    for item in told if shown else ():
        yield from _differences(shown[0], item, rules, f"{place}[]")


def _is_alike(shown: Any, told: Any, is_number: bool) -> bool:
    if isinstance(shown, bool) or shown is None:
        return type(told) is type(shown)
    if isinstance(shown, float) or is_number:
        return isinstance(told, int | float) and not isinstance(told, bool)
    if isinstance(shown, int):
        return isinstance(told, int) and not isinstance(told, bool)
    if not isinstance(told, str):
        return False
    if _is_moment(shown):
        return _is_moment(told)
    return not shown.startswith(("http://", "https://")) or told.startswith(("http://", "https://"))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
