"""Pictures that are not what was asked for, from whatever vendor they come: the work is billed, the delivery is bad."""

from __future__ import annotations

import base64

import pytest
import pyvips

from .images import size_of
from .process import Sandbox
from .test_gemini_http import MODEL, body


def picture_of(sandbox: Sandbox) -> bytes:
    with sandbox.gemini() as http:
        reply = http.post(f"{MODEL}:generateContent", json=body("a fox"))
    return base64.b64decode(reply.json()["candidates"][0]["content"]["parts"][0]["inlineData"]["data"])


def spoil(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(vendor="gemini", kind=kind, match="generateContent")


def test_something_that_is_no_picture_is_delivered_and_billed(sandbox: Sandbox) -> None:
    spoil(sandbox, "not_a_picture")
    assert picture_of(sandbox).startswith(b"This is not a picture")
    assert sandbox.stats()["gemini"]["images_made"] == 1


def test_a_huge_picture_is_a_few_bytes_that_claim_to_be_gigabytes(sandbox: Sandbox) -> None:
    spoil(sandbox, "huge_picture")
    bomb = picture_of(sandbox)
    assert len(bomb) < 200
    assert size_of(bomb) == (60_000, 60_000)
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(bomb, "", fail_on="truncated").avg()


def test_a_picture_of_another_size_is_whole(sandbox: Sandbox) -> None:
    spoil(sandbox, "other_size")
    assert size_of(picture_of(sandbox)) == (96, 128)
    assert size_of(picture_of(sandbox)) == (128, 128)


def test_an_answer_without_a_picture_passes(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="printify", kind="not_a_picture", match="shops")
    with sandbox.printify() as http:
        assert http.get("/shops.json").json()
