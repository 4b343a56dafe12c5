"""Parts of files, and their heads (RFC 9110, sections 13 and 14): of an image's files and of `/files` alike."""

import hashlib

import httpx
import pytest

from .serving import PRINT, THUMBNAIL, Gateway, problem_of

SIZE = len(PRINT)
TAG = f'"{hashlib.sha256(PRINT).hexdigest()}"'


async def addresses(gateway: Gateway) -> list[str]:
    """Where the print file is: of its image, and by its content."""
    image = await gateway.house.image(await gateway.image())
    assert image.file is not None
    return [f"/v1/images/{image.id}/content", f"/files/{image.file.key}"]


async def asked(gateway: Gateway, **headers: str) -> list[httpx.Response]:
    """The answers of both addresses."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [await gateway.http.get(address, headers=named) for address in await addresses(gateway)]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=5-", 5, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        ("bytes=5-999999999999", 5, SIZE),
        ("Bytes=1-2", 1, 3),
    ],
)
async def test_one_range_is_answered_with_these_bytes_alone(
    gateway: Gateway, wanted: str, start: int, end: int
) -> None:
    for answer in await asked(gateway, Range=wanted):
        assert (answer.status_code, answer.content) == (206, PRINT[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
        assert answer.headers["content-length"] == str(end - start)
        assert (answer.headers["etag"], answer.headers["accept-ranges"]) == (TAG, "bytes")


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,4-5", "bytes=9-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes", "bytes=1-2x", "bytes=--5"]
)
async def test_what_is_no_single_range_of_bytes_is_answered_with_the_whole_file(gateway: Gateway, wanted: str) -> None:
    for answer in await asked(gateway, Range=wanted):
        assert (answer.status_code, answer.content) == (200, PRINT)
        assert "content-range" not in answer.headers


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
async def test_a_range_beyond_the_file_is_refused_with_its_size(gateway: Gateway, wanted: str) -> None:
    for answer in await asked(gateway, Range=wanted):
        assert str(SIZE) in problem_of(answer, 416, "range-not-satisfiable")["detail"]
        assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(TAG, 206), ('"another"', 200), (f"W/{TAG}", 200), ("Sat, 21 Nov 2026 20:00:00 GMT", 200)],
)
async def test_the_part_of_another_file_is_never_sent_for_this_ones(
    gateway: Gateway, if_range: str, status: int
) -> None:
    for answer in await asked(gateway, Range="bytes=0-9", If_Range=if_range):
        assert (answer.status_code, answer.content) == (status, PRINT[:10] if status == 206 else PRINT)


async def test_who_has_the_file_gets_no_part_of_it(gateway: Gateway) -> None:
    for answer in await asked(gateway, Range="bytes=0-9", If_None_Match=TAG):
        assert (answer.status_code, answer.content) == (304, b"")


async def test_parts_put_together_are_the_file(gateway: Gateway) -> None:
    for address in await addresses(gateway):
        parts = [
            (await gateway.http.get(address, headers={"Range": f"bytes={start}-{start + 99}"})).content
            for start in range(0, SIZE, 100)
        ]
        assert b"".join(parts) == PRINT


async def test_a_head_is_that_of_the_whole_file_without_its_bytes(gateway: Gateway) -> None:
    for address in await addresses(gateway):
        whole = await gateway.http.get(address)
        head = await gateway.http.head(address, headers={"Range": "bytes=0-9"})
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-length", "content-type", "cache-control", "accept-ranges"):
            assert head.headers[name] == whole.headers[name]


async def test_a_thumbnail_has_parts_too(gateway: Gateway) -> None:
    address = f"/v1/images/{await gateway.image()}/thumbnail"
    answer = await gateway.http.get(address, headers={"Range": "bytes=5-9"})
    assert (answer.status_code, answer.content) == (206, THUMBNAIL[5:10])


async def test_nothing_is_told_of_a_file_that_is_not_there(gateway: Gateway) -> None:
    address = f"/files/00/{'0' * 64}.png"
    problem_of(await gateway.http.get(address), 404, "not-found")
    assert (await gateway.http.head(address)).status_code == 404
