"""Names in paths, queries and bodies that mean something to a file system, a database, a stream or a header."""

import asyncio
import json

import httpx
import pytest

from .serving import BODY, TOKEN, Gateway, fields_named_in, problem_of
from .test_who_may_call import GUARDED, USERS_ONLY, called, names_in

TRICKS = [
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "..%5c..%5cboot.ini",
    "%00",
    "batch_1%00.png",
    "%ff%fe",
    "%0d%0aSet-Cookie:%20a=b",
    "%20",
    "*",
    "%3e",
    "a.b.%3e",
    "$ne",
    "%7B%22$ne%22:null%7D",
    "%f0%9f%a6%8a",
    "%e2%80%ae",
    "constructor",
    "a" * 4000,
]
"""What stands where an id should."""


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_id_means_anything_but_itself(gateway: Gateway, trick: str) -> None:
    await gateway.image()
    for route in GUARDED:
        names = names_in(route[1])
        if not names or route[1].startswith(USERS_ONLY) or route[0] == "PUT":
            continue
        answer = await called(gateway.http, route, dict.fromkeys(names, trick))
        # What callers name themselves has no items yet; everything else is not there, or no name that a route takes.
        assert answer.status_code in (404, 422) or route[1].endswith("/{character_id}"), (route, answer.status_code)
        assert answer.headers["content-type"] in ("application/problem+json", "application/json")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_file_is_found_but_by_its_hash(edge: httpx.AsyncClient, trick: str) -> None:
    for path in (f"/files/{trick}/{'a' * 64}.png", f"/files/aa/{trick}", f"/files/{trick}", f"/docs/{trick}"):
        assert (await edge.get(path)).status_code in (404, 422), path


@pytest.mark.parametrize("subject", ["*", "%3e", "batch_.%3e", "%2a"])
async def test_wildcards_of_the_stream_listen_to_nobodys_batch(gateway: Gateway, subject: str) -> None:
    await gateway.batch()
    problem_of(await gateway.http.get(f"/v1/batches/{subject}/events"), 404, "not-found")


@pytest.mark.parametrize(
    "query",
    ["batch[$ne]=x", "subject[$gt]=", "subject={%22$ne%22:null}", "subject=$where", "cursor[$ne]=x&subject=nobody"],
)
async def test_operators_of_the_database_in_a_query_are_words(gateway: Gateway, query: str) -> None:
    await gateway.image(subject="ann")
    everything = len((await gateway.http.get("/v1/images")).json()["items"])
    answer = await gateway.http.get(f"/v1/images?{query}")
    assert answer.status_code == 200
    # A name that no route knows is left aside; a value that nobody has is nobody's.
    assert len(answer.json()["items"]) == (everything if "[" in query and "nobody" not in query else 0)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/auth/login", {"email": {"$ne": ""}, "password": {"$ne": ""}}, "email"),
        ("/v1/batches", BODY | {"prompt": {"$gt": ""}}, "prompt"),
        ("/v1/batches", BODY | {"subject": {"$gt": ""}}, "subject"),
        ("/v1/batches", BODY | {"$where": "1"}, "$where"),
        ("/v1/batches", BODY | {"input_images": ["../../etc/passwd"]}, "input_images.0"),
        ("/v1/batches", BODY | {"workflow": "../../etc/passwd"}, "workflow"),
        ("/v1/batches", BODY | {"prompt": "\ud800"}, "prompt"),
        ("/v1/keys", {"name": {"$gt": ""}, "scopes": ["read"]}, "name"),
    ],
)
async def test_what_is_no_text_is_refused_by_its_field(
    edge: httpx.AsyncClient, path: str, body: dict[str, object], field: str
) -> None:
    answer = await edge.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert field in fields_named_in(problem_of(answer, 422, "invalid-request"))


async def test_null_bytes_and_line_ends_in_a_prompt_stay_in_it(gateway: Gateway) -> None:
    prompt = "a fox\x00\r\nSet-Cookie: a=b"
    made = await gateway.http.post("/v1/batches", json=BODY | {"prompt": prompt, "title": "one\r\nX-Two: 2"})
    assert made.status_code == 202
    shown = await gateway.http.get(made.headers["location"])
    assert shown.json()["request"]["prompt"] == prompt
    for answer in (made, shown):
        assert "set-cookie" not in answer.headers
        assert "x-two" not in answer.headers


@pytest.mark.parametrize("sent", ["a\r\n b", "a\rX-Evil: 1", "a\nX-Evil: 1", "a\x00b"])
@pytest.mark.parametrize("header", ["Idempotency-Key", "Prefer", "If-None-Match", "traceparent", "X-API-Key"])
async def test_a_header_that_breaks_off_adds_none_to_the_answer(gateway: Gateway, header: str, sent: str) -> None:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /v1/account HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
    writer.write(f"{head}{header}: {sent}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    names = [line.partition(b":")[0].lower() for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    assert b"x-evil" not in names
    assert names[0].startswith((b"http/1.1 200", b"http/1.1 400", b"http/1.1 401")), names[0]


@pytest.mark.parametrize(
    "path", ["/v1/batches/", "/v1/account/", "/docs/", "/healthz/", "//elsewhere.example/v1/batches/"]
)
async def test_a_slash_too_many_sends_nobody_elsewhere(gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await gateway.http.request(method, f"{gateway.url}{path}", headers={"Host": "elsewhere.example"})
        problem_of(answer, 404, "not-found")
        assert "location" not in answer.headers
