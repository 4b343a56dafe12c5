"""A certificate chain for signing, made for one test run: a root that nobody trusts, one between, one that signs."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pressroom.imaging.signing import SigningIdentity

Key = ec.EllipticCurvePrivateKey


def throw_away_identity() -> SigningIdentity:
    root, between, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    chain = (
        _certificate("Signer", leaf, issuer="Between", issuer_key=between, authority=False),
        _certificate("Between", between, issuer="Root", issuer_key=root, authority=True),
    )
    return SigningIdentity(
        certificate_chain_pem="".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain),
        private_key_pem=leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A shop"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _certificate(name: str, key: Key, *, issuer: str, issuer_key: Key, authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
