"""Every example of the pages of five older systems, as it stands, answered in the shape that its page documents."""

import json
import re
import shutil
from typing import Any

import pytest

from .index import ANSWER, HERE, INDEX, Example, documented, examples, pages
from .old_clients import OldClients, documents_in
from .shapes import differences
from .situations import Situation

NODE_MISSING = "node is not installed; the scripts for browsers are not tried"


@pytest.mark.parametrize(
    "example", [pytest.param(example, id=f"{example.page}: {example.id}") for example in examples()]
)
def test_an_example_is_answered_as_its_page_shows(situation: Situation, example: Example) -> None:
    if example.given:
        situation.come_to(example.given)
    if example.run:
        told, printed = in_a_shell(situation, example)
    elif example.node:
        if shutil.which("node") is None:
            pytest.skip(NODE_MISSING)
        told, printed = [], situation.clients.node(example.text(situation.values))
    else:
        told, printed = by_http(situation, example)
    if example.says:
        assert re.search(example.says, printed), printed
    if example.answer:
        shown, rules = documented(example)
        compared = told[-1:] if example.last else told
        assert len(compared) == example.answers, printed
        for answer in compared if example.items is None else items_of(compared[0], example.items):
            assert differences(shown, answer, rules) == [], printed


def in_a_shell(situation: Situation, example: Example) -> tuple[list[Any], str]:
    """What the script prints, after those that come before it in the same shell."""
    before = "".join(f"{{\n{example.before(name)}\n}} > /dev/null\n" for name in example.after)
    logs_in = pages()[example.page].logs_in
    printed = situation.clients.shell(before + example.text(situation.values), brings_token=not logs_in)
    return documents_in(printed), printed


def by_http(situation: Situation, example: Example) -> tuple[list[Any], str]:
    """The answer to a body, or to a raw request, whose own first line must be what the index says."""
    assert example.to is not None
    method, path = example.to.split(" ")
    text = example.text(situation.values) if example.send else ""
    if example.file.endswith(".http"):
        assert example.before(example.file).splitlines()[0] == example.to
        head, _, text = text.partition("\n\n")
        method, path = head.splitlines()[0].split(" ")
    for name, value in situation.values.items():
        path = path.replace(name, value)
    body = json.loads(text) if text and method != "GET" else None
    if isinstance(body, dict):
        body = {name: value for name, value in {**body, **example.merge}.items() if name not in example.without}
    if isinstance(body, list):
        body = [*body, *example.append]
    client = who_asks(situation, example)
    answer = client.send(method, path, body)
    assert answer.status_code == example.status, answer.text
    is_json = answer.headers["content-type"] == "application/json"
    return [answer.json()] if is_json else [], answer.text


def who_asks(situation: Situation, example: Example) -> OldClients:
    return situation.user if pages()[example.page].logs_in else situation.clients


def items_of(answer: Any, path: str) -> list[Any]:
    """What is at a place such as `images[].metadata`, once for each item."""
    name, _, rest = path.partition("[].")
    return [item[rest] for item in answer[name]]


@pytest.mark.parametrize("folder", pages())
def test_every_file_of_a_page_is_tried_or_expected(folder: str) -> None:
    page = pages()[folder]
    ids = [example.id for example in page.example]
    assert len(set(ids)) == len(ids)
    used = {name for example in page.example for name in (example.file, example.answer, *example.after) if name}
    kept = {path.name for path in (HERE / folder).iterdir()} - {INDEX}
    assert used == kept
    assert set(page.answer) <= {name for name in kept if name.startswith(ANSWER)}


def test_the_stand_in_for_curl_is_told_the_same(situation: Situation) -> None:
    without_curl = OldClients(situation.facts.url, situation.facts.token, situation.clients.folder, curl=None)
    (example,) = [example for example in examples() if example.id == "five images"]
    (told,) = documents_in(without_curl.shell(example.text({}), brings_token=True))
    shown, rules = documented(example)
    assert differences(shown, told, rules) == []


def test_a_shape_that_is_not_the_documented_one_is_told_by_place() -> None:
    (example,) = [example for example in examples() if example.id == "batch info"]
    shown, rules = documented(example)
    wrong = {**shown, "batch_size": "5", "more": 1, "images": [{**shown["images"][0], "status": "lost", "id": None}]}
    del wrong["metadata"]
    assert differences(shown, wrong, rules) == [
        "batch_size: '5' where 5 is documented",
        "images[].id: None where 'generated_xyz123' is documented",
        "images[].status: 'lost' is none of 'generated', 'approved', 'rejected', 'failed'",
        "metadata: missing",
        "more: not documented",
    ]
