"""Content credentials of our own, made with a real certificate chain and read back with the reference reader."""

import io
import sys
from dataclasses import replace

import c2pa
import pytest
from PIL import Image

from pressroom.contracts.finishing import Credentials, Profile
from pressroom.imaging.credentials import has_credentials
from pressroom.imaging.finishing import finish
from pressroom.imaging.provenance import read_xmp
from pressroom.imaging.signing import SigningFailed, SigningIdentity, sign

from .certificates import throw_away_identity
from .drawings import halves, saved
from .test_provenance import PROVENANCE

SIDE = 64
LARGER = Profile(width_px=2 * SIDE, height_px=2 * SIDE)


@pytest.fixture(scope="module")
def identity() -> SigningIdentity:
    return throw_away_identity()


@pytest.fixture(scope="module")
def signed(identity: SigningIdentity) -> bytes:
    """A picture as a provider would send it: with credentials."""
    return sign(halves(SIDE, SIDE), "image/png", identity, provenance=PROVENANCE)


def complaints(data: bytes, media_type: str = "image/png") -> list[str]:
    """What the reference reader finds wrong."""
    reader = c2pa.Reader(media_type, io.BytesIO(data))
    results = reader.get_validation_results()
    assert reader.get_validation_state() in ("Valid", "Invalid")
    return [failure["code"] for failure in results["activeManifest"]["failure"]]


def manifest(data: bytes, media_type: str = "image/png") -> dict[str, object]:
    return c2pa.Reader(media_type, io.BytesIO(data)).get_active_manifest()


def actions(data: bytes) -> list[dict[str, object]]:
    (assertion,) = (a for a in manifest(data)["assertions"] if a["label"].startswith("c2pa.actions"))
    return assertion["data"]["actions"]


UNTRUSTED = ["signingCredential.untrusted"]
"""All that may be wrong: nobody trusts the root."""


def test_a_signed_print_file_is_valid_but_for_the_root(identity: SigningIdentity) -> None:
    made = finish(halves(SIDE, SIDE), LARGER, width_px=SIDE, height_px=SIDE, provenance=PROVENANCE)
    data = sign(made.file.data, made.file.media_type, identity, provenance=PROVENANCE)
    assert complaints(data) == UNTRUSTED
    assert read_xmp(data) == read_xmp(made.file.data)


def test_a_new_work_says_that_a_trained_model_made_it(signed: bytes) -> None:
    (made,) = actions(signed)
    assert made["action"] == "c2pa.created"
    assert made["digitalSourceType"] == PROVENANCE.digital_source_type
    assert made["softwareAgent"] == {"name": "studio studio-1"}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats_are_signed_too_and_our_detection_sees_it(kind: str, identity: SigningIdentity) -> None:
    plain = saved(Image.effect_noise((SIDE, SIDE), 40).convert("RGB"), kind)
    media_type = f"image/{kind.lower()}"
    data = sign(plain, media_type, identity, provenance=PROVENANCE)
    assert complaints(data, media_type) == UNTRUSTED
    assert has_credentials(data)
    assert not has_credentials(plain)


def test_a_kept_file_still_validates(signed: bytes) -> None:
    finished = finish(signed, None, width_px=SIDE, height_px=SIDE, provenance=PROVENANCE)
    assert finished.credentials is Credentials.KEPT
    assert complaints(finished.file.data) == UNTRUSTED


def test_a_file_made_of_a_picture_with_credentials_leads_back_to_them(signed: bytes, identity: SigningIdentity) -> None:
    made = finish(signed, LARGER, width_px=SIDE, height_px=SIDE, provenance=PROVENANCE)
    assert made.credentials is Credentials.SOURCE_ONLY
    data = sign(made.file.data, "image/png", identity, provenance=PROVENANCE, parent=signed)
    assert complaints(data) == UNTRUSTED
    assert [action["action"] for action in actions(data)] == ["c2pa.opened", "c2pa.resized"]
    (ingredient,) = manifest(data)["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    assert ingredient["active_manifest"] == manifest(signed)["label"]


def test_a_parent_without_credentials_is_no_ingredient(identity: SigningIdentity) -> None:
    data = sign(halves(SIDE, SIDE), "image/png", identity, provenance=PROVENANCE, parent=halves(32, 32))
    assert [action["action"] for action in actions(data)] == ["c2pa.created"]
    assert not manifest(data).get("ingredients")


def test_a_signed_file_that_was_touched_reads_as_tampered(signed: bytes) -> None:
    at = signed.index(b"IDAT") + 20
    touched = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
    assert "assertion.dataHash.mismatch" in complaints(touched)


def test_a_key_of_another_certificate_is_refused(identity: SigningIdentity) -> None:
    mixed = replace(identity, private_key_pem=throw_away_identity().private_key_pem)
    with pytest.raises(SigningFailed, match="certificate chain and its key"):
        sign(halves(SIDE, SIDE), "image/png", mixed, provenance=PROVENANCE)


@pytest.mark.parametrize("spoiled", [{"certificate_chain_pem": "no PEM"}, {"private_key_pem": ""}, {"algorithm": "x"}])
def test_an_identity_that_does_not_do_is_refused(spoiled: dict[str, str], identity: SigningIdentity) -> None:
    with pytest.raises(SigningFailed):
        sign(halves(SIDE, SIDE), "image/png", replace(identity, **spoiled), provenance=PROVENANCE)


def test_without_the_package_the_error_says_what_to_install(
    identity: SigningIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(SigningFailed, match=r"pressroom-imaging\[signing\]"):
        sign(halves(SIDE, SIDE), "image/png", identity, provenance=PROVENANCE)


def test_a_private_key_is_not_shown(identity: SigningIdentity) -> None:
    assert "PRIVATE KEY" not in repr(identity)
