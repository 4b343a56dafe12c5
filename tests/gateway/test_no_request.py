"""What is no request that a route could take is refused in the same form as everything else."""

import httpx
import pytest

from .serving import BODY, fields_named_in, problem_of


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/batches", "GET, POST"),
        ("/v1/provider-jobs/some-job", "DELETE, GET"),
        ("/v1/users/somebody", "GET, PATCH"),
        # What names a batch would fit too, and means less.
        ("/v1/batches/estimate", "POST"),
        # Not in the document.
        ("/healthz", "GET"),
    ],
)
async def test_a_405_names_all_methods_that_the_path_has(edge: httpx.AsyncClient, path: str, methods: str) -> None:
    answer = await edge.request("PROPFIND", path)
    problem_of(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == methods


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe{}", b'{"prompt": "\xe9"}', b"[" * 50_000, b"{" + b'"a":{' * 20_000],
    ids=["not utf-8", "latin-1", "lists without end", "objects without end"],
)
async def test_a_body_that_cannot_be_read_is_refused_as_one_that_is_wrong(edge: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/batches", "/api/generate"):
        problem = problem_of(await edge.post(path, content=body, headers=headers), 422, "invalid-request")
        assert all(field.startswith("body") or field.isdecimal() for field in fields_named_in(problem)), problem


@pytest.mark.parametrize("number", ["9007199254740992", "99999999999999999999", "-1", "1e3", "null", ""])
@pytest.mark.parametrize(
    "path", ["/v1/batches/some/images?cursor=", "/v1/account/ledger?cursor=", "/v1/account/events?after="]
)
async def test_a_place_that_no_list_has_is_refused_by_its_name(edge: httpx.AsyncClient, path: str, number: str) -> None:
    problem = problem_of(await edge.get(path + number), 422, "invalid-request")
    assert fields_named_in(problem) == [path.partition("?")[2].rstrip("=")]


@pytest.mark.parametrize(
    "url",
    ["http://[", "http://[::1", "http://a[b]", "http://:80/", "http://a:0/", "http://a:65536/", "http://[::g]/"],
)
async def test_a_url_that_cannot_be_asked_is_refused_before_anybody_asks_it(edge: httpx.AsyncClient, url: str) -> None:
    body = BODY | {"notify": [{"url": url}]}
    problem = problem_of(await edge.post("/v1/batches", json=body), 422, "invalid-request")
    assert fields_named_in(problem) == ["notify.0.url"]


async def test_a_characters_name_may_be_as_long_as_a_title(edge: httpx.AsyncClient) -> None:
    body = {"characterId": "ann", "characterName": "a" * 201, "prompt": "a fox"}
    problem = problem_of(await edge.post("/api/image-generation/generate", json=body), 422, "invalid-request")
    assert fields_named_in(problem) == ["characterName"]


@pytest.mark.parametrize("moment", ["0", "0.5", "1795000000", "2026-11-21", "0001-01-01T00:00:00Z", "now", ""])
@pytest.mark.parametrize("name", ["since", "until"])
async def test_a_moment_that_is_none_is_refused_by_its_name(edge: httpx.AsyncClient, name: str, moment: str) -> None:
    problem = problem_of(await edge.get(f"/v1/statistics?{name}={moment}"), 422, "invalid-request")
    assert fields_named_in(problem) == [name]
