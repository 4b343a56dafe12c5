"""What a print file says about itself, read back with our reader, with Pillow's, and chunk by chunk."""

import hashlib
import io
import struct
import zlib
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
from PIL import Image

from pressroom.imaging.finishing import NotAnImage, finish, reduce
from pressroom.imaging.provenance import Provenance, read_xmp, xmp_packet

from .drawings import halves, saved

PROMPT = "a fox in a top hat"
PROVENANCE = Provenance(
    prompt_sha256=hashlib.sha256(PROMPT.encode()).hexdigest(),
    provider="studio",
    model="studio-1",
    seed=41,
    created_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    trained=True,
)
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def print_file(provenance: Provenance | None) -> bytes:
    return finish(halves(64, 64), None, width_px=64, height_px=64, provenance=provenance).file.data


def changed(**fields: object) -> Provenance:
    return Provenance(**{**PROVENANCE.__dict__, **fields})  # pyright: ignore[reportArgumentType]


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Types and bodies, with every checksum checked."""
    found: list[tuple[bytes, bytes]] = []
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        found.append((kind, body))
        at += 12 + length
    return found


def test_a_print_file_says_what_made_it_when_and_from_which_prompt() -> None:
    assert read_xmp(print_file(PROVENANCE)) == {
        "Iptc4xmpExt:DigitalSourceType": VOCABULARY + "trainedAlgorithmicMedia",
        "xmp:CreatorTool": "Pressroom",
        "xmp:CreateDate": "2026-03-04T05:06:07+00:00",
        "pressroom:PromptSHA256": PROVENANCE.prompt_sha256,
        "pressroom:Provider": "studio",
        "pressroom:Model": "studio-1",
        "pressroom:Seed": "41",
    }


def test_a_procedure_is_not_called_a_trained_model() -> None:
    found = read_xmp(print_file(changed(trained=False)))
    assert found["Iptc4xmpExt:DigitalSourceType"] == VOCABULARY + "algorithmicMedia"


def test_another_reader_finds_the_same() -> None:
    image = Image.open(io.BytesIO(print_file(PROVENANCE)))
    packet = ElementTree.fromstring(image.info["XML:com.adobe.xmp"])
    assert packet.findtext(f".//{IPTC}DigitalSourceType") == VOCABULARY + "trainedAlgorithmicMedia"
    assert packet.findtext(".//{urn:pressroom:provenance:1.0/}PromptSHA256") == PROVENANCE.prompt_sha256
    image.load()
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_it_is_an_uncompressed_text_right_after_the_header() -> None:
    found = chunks(print_file(PROVENANCE))
    assert [kind for kind, _ in found[:2]] == [b"IHDR", b"iTXt"]
    assert found[1][1] == b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet(PROVENANCE)
    assert sum(kind in (b"iTXt", b"tEXt", b"zTXt") for kind, _ in found) == 1


def test_the_prompt_is_not_in_the_file() -> None:
    assert PROMPT.encode() not in print_file(PROVENANCE)


def test_names_with_markup_in_other_scripts_and_with_control_characters_come_back() -> None:
    hard = changed(model='<モデル> & "co" ]]>\x00\x0b', provider="fal & co", seed=None)
    found = read_xmp(print_file(hard))
    assert found["pressroom:Model"] == '<モデル> & "co" ]]>\ufffd\ufffd'
    assert found["pressroom:Provider"] == "fal & co"
    assert "pressroom:Seed" not in found


def test_the_time_is_told_in_utc() -> None:
    east = datetime(2026, 3, 4, 7, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    assert xmp_packet(changed(created_at=east)) == xmp_packet(PROVENANCE)


def test_without_a_provenance_nothing_is_said() -> None:
    assert read_xmp(print_file(None)) == {}
    assert not [kind for kind, _ in chunks(print_file(None)) if kind in (b"iTXt", b"tEXt", b"zTXt")]


def test_a_derivative_for_shops_keeps_it() -> None:
    assert read_xmp(reduce(print_file(PROVENANCE), 32).data) == read_xmp(print_file(PROVENANCE))


def test_the_xmp_of_other_makers_is_read_from_attributes_and_other_formats_too() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Elsewhere"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    for kind in ("JPEG", "WEBP"):
        assert read_xmp(saved(Image.new("RGB", (64, 64)), kind, xmp=packet)) == {"xmp:CreatorTool": "Elsewhere"}


@pytest.mark.parametrize(
    "packet",
    [b"", b"not xml", b"<x:xmpmeta", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a/>", b"\xff\xfe\0\0"],
    ids=repr,
)
def test_xmp_that_cannot_be_read_is_none(packet: bytes) -> None:
    assert read_xmp(saved(Image.new("RGB", (64, 64)), "WEBP", xmp=packet)) == {}


def test_xmp_is_read_from_pictures_only() -> None:
    with pytest.raises(NotAnImage):
        read_xmp(b"<x:xmpmeta/>")
