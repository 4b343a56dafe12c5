"""Content credentials (C2PA) of our own, for a shop that has a certificate: who made a file, and of what.

Needs the extra `signing`, which is imported only here and only when something is signed: nobody else carries its 50 MB.
Nothing is fetched from the network unless the identity names a timestamp authority. A signed file must not be touched
again; what is written into it afterwards makes it read as tampered with.
"""

import importlib
import io
import json
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .credentials import has_credentials
from .pictures import media_type_of
from .provenance import CREATOR_TOOL, Provenance

_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


class SigningFailed(RuntimeError):
    """The file could not be signed: the extra is missing, or the certificate does not do."""


@dataclass(frozen=True)
class SigningIdentity:
    """`certificate_chain_pem` begins with the certificate that signs, which must be issued for signing (C2PA 2.1,
    section 14.5), and ends before the root. `algorithm` is one of es256, es384, es512, ps256, ps384, ps512, ed25519, as
    the key is."""

    certificate_chain_pem: str
    private_key_pem: str = field(repr=False)
    algorithm: str = "es256"
    timestamp_url: str | None = None


def sign(
    data: bytes, media_type: str, signer: SigningIdentity, *, provenance: Provenance, parent: bytes | None = None
) -> bytes:
    """The same picture with a manifest. `parent` is the picture that the file was made of. Raises `SigningFailed`.

    A parent with credentials becomes the ingredient that the file is an edition of (`c2pa.opened`), so that its own
    claims stay readable; without, the file is a new work (`c2pa.created`) of the provenance's source type. The
    specification allows either, and not both (C2PA 2.1, section 18.12).
    """
    c2pa = _c2pa()
    derived = parent is not None and has_credentials(parent)
    signed = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(
            signer.algorithm,
            signer.certificate_chain_pem.encode(),
            signer.private_key_pem.encode(),
            signer.timestamp_url.encode() if signer.timestamp_url else None,
        )
        context = c2pa.Context.from_dict(_SETTINGS)
        with c2pa.Signer.from_info(info) as identity, c2pa.Builder(_manifest(provenance, derived), context) as builder:
            if parent is not None and derived:
                ingredient = {"title": "the provider's picture", "relationship": "parentOf", "label": _PARENT}
                builder.add_ingredient(json.dumps(ingredient), media_type_of(parent), io.BytesIO(parent))
            builder.sign(identity, media_type, io.BytesIO(data), signed)
    except (c2pa.C2paError, ValueError) as error:
        raise SigningFailed(f"the file was not signed; look at the certificate chain and its key: {error}") from error
    return signed.getvalue()


_PARENT = "parent"


def _manifest(provenance: Provenance, derived: bool) -> dict[str, Any]:
    made = {
        "action": "c2pa.created",
        "digitalSourceType": provenance.digital_source_type,
        "softwareAgent": {"name": f"{provenance.provider} {provenance.model}"},
        "when": provenance.created_at.isoformat(),
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
    resized = {"action": "c2pa.resized", "softwareAgent": {"name": CREATOR_TOOL}}
    return {
        "claim_generator_info": [{"name": CREATOR_TOOL}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, resized] if derived else [made]}}],
    }


def _c2pa() -> ModuleType:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise SigningFailed(
            "signing needs the package c2pa-python: install the extra, pressroom-imaging[signing]"
        ) from error
