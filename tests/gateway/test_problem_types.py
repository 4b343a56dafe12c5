"""Every problem that the gateway's code answers with is in the table that the documents show, under its status."""

import ast
import re
from http import HTTPStatus
from pathlib import Path

import pressroom.gateway
from pressroom.gateway.api import openapi_document
from pressroom.gateway.edge.problem_types import PROBLEM_TYPES
from pressroom.runtime import listening

GATEWAY = Path(pressroom.gateway.__file__).parent
OF_THE_FRAMEWORK = {"bad-request", "method-not-allowed", "request-timeout", "content-too-large"}
"""Named by their status; `not-found` has other reasons too."""


def answered() -> set[tuple[str, HTTPStatus]]:
    """The names in calls of `Refusal`, `conflict` and of what both end in, each with its status."""
    found: set[tuple[str, HTTPStatus]] = set()
    for path in GATEWAY.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if call.func.id == "conflict" and texts:
                found.add((texts[0], HTTPStatus.CONFLICT))
            elif call.func.id in ("Refusal", "_answer") and texts:
                said = " ".join(ast.unparse(argument) for argument in call.args)
                named = re.search(r"HTTPStatus\.(\w+)", said)
                assert named is not None, f"{path}: {said}"
                found.add((texts[0], HTTPStatus[named[1]]))
    return found


def test_every_problem_of_the_code_is_in_the_table_and_nothing_else() -> None:
    known = {(name, known.status) for name, known in PROBLEM_TYPES.items() if name not in OF_THE_FRAMEWORK}
    early = re.findall(r'"urn:pressroom:problem:([a-z-]+)"', Path(listening.__file__).read_text())
    assert early == ["starting"]
    assert answered() | {("starting", HTTPStatus.SERVICE_UNAVAILABLE)} == known


def test_no_two_types_say_the_same_and_each_says_what_to_do() -> None:
    meanings = [known.meaning for known in PROBLEM_TYPES.values()]
    assert len(set(meanings)) == len(meanings)
    for name, known in PROBLEM_TYPES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert known.meaning.endswith(".")
        assert known.remedy.endswith(".")


def test_the_page_for_people_lists_them() -> None:
    description = openapi_document()["info"]["description"]
    assert all(f"`urn:pressroom:problem:{name}`" in description for name in PROBLEM_TYPES)
