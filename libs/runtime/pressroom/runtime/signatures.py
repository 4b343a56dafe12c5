"""Signing print files with a deployment's certificate (C2PA), when it has one.

A certificate that does not do ends the start with the setting's name. One that fails later, because it has expired or
its timestamp authority is away, holds no image up: the file goes out unsigned, which its `credentials` and the log say.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyvips

from pressroom.contracts.finishing import Credentials
from pressroom.imaging.finishing import Finished
from pressroom.imaging.provenance import Provenance
from pressroom.imaging.signing import SigningFailed, SigningIdentity, sign

from .logs import get_logger
from .settings import Settings, WrongSetting

_TRIAL = bytes(pyvips.Image.black(8, 8, bands=3).copy(interpretation="srgb").pngsave_buffer())
_TRIAL_PROVENANCE = Provenance(
    prompt_sha256="0" * 64,
    provider="trial",
    model="trial",
    seed=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    trained=False,
)

log = get_logger(__name__)


def signing_identity(settings: Settings) -> SigningIdentity | None:
    """Who signs here; None without a certificate. A picture is signed by way of trial. Raises `WrongSetting`."""
    if settings.signing_certificate is None and settings.signing_key is None:
        return None
    identity = SigningIdentity(
        certificate_chain_pem=_read(settings.signing_certificate, "PRESSROOM_SIGNING_CERTIFICATE"),
        private_key_pem=_read(settings.signing_key, "PRESSROOM_SIGNING_KEY"),
        algorithm=settings.signing_algorithm,
        timestamp_url=settings.signing_timestamp_url,
    )
    try:
        sign(_TRIAL, "image/png", replace(identity, timestamp_url=None), provenance=_TRIAL_PROVENANCE)
    except SigningFailed as error:
        raise WrongSetting(f"PRESSROOM_SIGNING_CERTIFICATE: {error}") from error
    return identity


def _read(path: Path | None, setting: str) -> str:
    if path is None:
        raise WrongSetting(f"{setting} is not set; certificate and key go together")
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{setting}: {path} cannot be read: {error}") from error


def signed(finished: Finished, identity: SigningIdentity, provenance: Provenance, *, parent: bytes) -> Finished:
    """The same with its file signed. A file that arrived with credentials which are kept is not touched."""
    if finished.credentials is Credentials.KEPT:
        return finished
    file = finished.file
    try:
        data = sign(file.data, file.media_type, identity, provenance=provenance, parent=parent)
    except SigningFailed as error:
        log.error("file.not_signed", error=str(error), setting="PRESSROOM_SIGNING_CERTIFICATE")
        return finished
    return replace(finished, file=replace(file, data=data), credentials=Credentials.SIGNED)
