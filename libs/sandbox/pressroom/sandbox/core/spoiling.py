"""Spoils the pictures in an answer on its way out, whatever vendor gave it: a picture as a body of its own, or in
base64 between the quotes of JSON or of JSON lines. The work was done and is billed; only what is handed over is wrong.
An answer without a picture passes as it is."""

from __future__ import annotations

import base64
import re
import struct
import zlib

import pyvips

SPOILS = frozenset({"not_a_picture", "huge_picture", "other_size"})

HUGE_PX = 60_000
NO_PICTURE = b"This is not a picture: the sandbox was asked to deliver something else in its place."

# PNG, JPEG and WebP in base64 begin like this, whatever follows.
QUOTED = re.compile(rb'"((?:iVBORw0KGgo|/9j/|UklGR)[A-Za-z0-9+/]{40,}={0,2})"')


def spoil_answer(body: bytes, content_type: str, kind: str) -> bytes:
    """The same answer with every picture in it spoiled in the way that `kind` says (one of `SPOILS`)."""
    if content_type.startswith("image/"):
        return spoil(body, kind)
    return QUOTED.sub(lambda found: b'"' + base64.b64encode(spoil(base64.b64decode(found[1]), kind)) + b'"', body)


def spoil(picture: bytes, kind: str) -> bytes:
    """What is handed over instead of this picture."""
    if kind == "not_a_picture":
        return NO_PICTURE
    if kind == "huge_picture":
        return huge_png()
    return other_size(picture)


def huge_png() -> bytes:
    """A PNG of a few bytes whose header claims 60000 x 60000 pixels: a bomb for whoever allocates before looking."""
    header = struct.pack(">IIBBBBB", HUGE_PX, HUGE_PX, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(bytes(64))), _chunk(b"IEND", b""))
    )


def other_size(picture: bytes) -> bytes:
    """The same picture in three quarters of its width, so that neither size nor ratio are what was asked for."""
    image: pyvips.Image = pyvips.Image.new_from_buffer(picture, "")
    loader = str(image.get("vips-loader"))
    suffix = next((f".{name}" for name in ("png", "jpeg", "webp") if loader.startswith(name)), ".png")
    narrower: pyvips.Image = image.resize(max(1, image.width * 3 // 4) / image.width, vscale=1.0)
    written: bytes = narrower.write_to_buffer(suffix)
    return written


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
