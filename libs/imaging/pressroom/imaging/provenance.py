"""Where a print file comes from, as XMP that any picture tool shows: made by a machine, by which, from which prompt.

The prompt itself never gets into a file, since files are sold; its SHA-256 lets its owner prove that it was that one.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pyvips

from .pictures import opened

CREATOR_TOOL = "Pressroom"

TRAINED_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PROCEDURAL_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
"""IPTC's controlled vocabulary: a model that was trained on pictures, and a program that was not."""

_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "pressroom": "urn:pressroom:provenance:1.0/",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True)
class Provenance:
    """`prompt_sha256` is 64 hex digits; `trained` says whether the provider is a trained model or a procedure."""

    prompt_sha256: str
    provider: str
    model: str
    seed: int | None
    created_at: datetime
    trained: bool

    @property
    def digital_source_type(self) -> str:
        return TRAINED_MEDIA if self.trained else PROCEDURAL_MEDIA


def xmp_packet(provenance: Provenance) -> bytes:
    """UTF-8, read-only. The same provenance gives the same bytes."""
    properties = {
        "Iptc4xmpExt:DigitalSourceType": provenance.digital_source_type,
        "xmp:CreatorTool": CREATOR_TOOL,
        "xmp:CreateDate": provenance.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "pressroom:PromptSHA256": provenance.prompt_sha256,
        "pressroom:Provider": provenance.provider,
        "pressroom:Model": provenance.model,
    }
    if provenance.seed is not None:
        properties["pressroom:Seed"] = str(provenance.seed)
    lines = "\n".join(f"   <{name}>{_text(value)}</{name}>" for name, value in properties.items())
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items() if prefix != "rdf")
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{_NAMESPACES["rdf"]}">
  <rdf:Description rdf:about="" {declared}>
{lines}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()


def read_xmp(data: bytes) -> dict[str, str]:
    """The simple properties of a picture's XMP by name, such as `xmp:CreatorTool`; those of namespaces that are not
    written here are left out. Empty when there is none that can be read. Raises `NotAnImage`."""
    packet = packet_of(opened(data))
    if packet is None or b"<!" in packet:  # XMP has neither document types nor entities; traps have
        return {}
    try:
        root = ElementTree.fromstring(packet)  # noqa: S314 - no document types and entities come this far
    except ElementTree.ParseError:
        return {}
    prefixes = {uri: prefix for prefix, uri in _NAMESPACES.items()}
    found: dict[str, str] = {}
    for description in root.iter(f"{{{_NAMESPACES['rdf']}}}Description"):
        for key, value in [*description.items(), *((child.tag, child.text or "") for child in description)]:
            uri, _, name = key.removeprefix("{").partition("}")
            if uri in prefixes and prefixes[uri] != "rdf":
                found[f"{prefixes[uri]}:{name}"] = value
    return found


def packet_of(image: pyvips.Image) -> bytes | None:
    """The XMP that a picture came with."""
    packet = image.get("xmp-data") if image.get_typeof("xmp-data") else None
    return packet if isinstance(packet, bytes) else None


def _text(value: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", value))
