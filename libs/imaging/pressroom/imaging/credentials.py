"""Whether a picture carries content credentials (C2PA), found by walking its container; nothing is decoded.

A container that is broken or cut off is walked as far as it goes and raises nothing: whether it is a picture is
another's question. C2PA 2.1, appendix A, says where each format keeps them.
"""

import struct
from collections.abc import Iterator

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START, _JPEG_APP11 = b"\xff\xd8", 0xEB
_JPEG_ENTROPY_CODED, _JPEG_END = 0xDA, 0xD9
_JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length."""


def has_credentials(data: bytes) -> bool:
    """Whether there is a C2PA manifest store in PNG, JPEG or WebP bytes; says nothing about its being valid."""
    if data.startswith(_PNG_SIGNATURE):
        return any(kind == b"caBX" for kind in _png_chunks(data))
    if data.startswith(_JPEG_START):
        return any(kind == _JPEG_APP11 and _is_manifest(body) for kind, body in _jpeg_segments(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return any(kind == b"C2PA" for kind in _riff_chunks(data))
    return False


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind
        at += 12 + length


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind
        at += 8 + length + length % 2


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Up to the picture itself, after which no manifest may come."""
    at = len(_JPEG_START)
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (_JPEG_ENTROPY_CODED, _JPEG_END):
            return
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        else:
            if at + 4 > len(data):
                return
            (length,) = struct.unpack_from(">H", data, at + 2)
            yield marker, data[at + 4 : at + 2 + length]
            at += 2 + max(2, length)


def _is_manifest(segment: bytes) -> bool:
    """A JUMBF superbox of type c2pa: `JP`, instance, sequence, then box `jumb` with a description `jumd` whose type is
    the UUID that begins with c2pa (ISO 19566-5; C2PA 2.1, section 11.1). Other makers keep other things in JUMBF."""
    return (
        segment[:2] == b"JP" and segment[12:16] == b"jumb" and segment[20:24] == b"jumd" and segment[24:28] == b"c2pa"
    )
