"""A single sign-on for a test: its keys published at an address of this machine, and tokens that it signs."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://sso.example"
AUDIENCE = "pressroom"


def a_private_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def published(key_id: str | None, key: RSAPrivateKey, **more: str) -> dict[str, Any]:
    """A key as RFC 7517 writes it."""
    named = {} if key_id is None else {"kid": key_id}
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), **named, "use": "sig", "alg": "RS256", **more}


def signed(key: RSAPrivateKey, key_id: str | None = "key-1", **claims: Any) -> str:
    """A token; a claim that is None is left out."""
    now = datetime.now(UTC)
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|ann", "iat": now, "exp": now + timedelta(hours=1)}
    said = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(said, key, "RS256", headers={} if key_id is None else {"kid": key_id})


def signed_with_the_public_key(key: RSAPrivateKey, algorithm: str, claims: dict[str, Any]) -> list[str]:
    """The confusion of RFC 8725, section 2.1: the public key, in each form that it is written in, used as a secret."""
    public = key.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(published("key-1", key)).encode(),
    ]
    secrets += [secret.strip() for secret in secrets]
    parts = [{"alg": algorithm, "typ": "JWT", "kid": "key-1"}, claims]
    body = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    digests = [hmac.new(secret, body.encode(), hashlib.sha256).digest() for secret in secrets]
    return [f"{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}" for digest in digests]


class KeyServer:
    """Answers with `keys`, or with `says` where that is set. Counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.says: tuple[int, bytes] | None = None
        self.asked = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        status, body = self.says or (200, json.dumps({"keys": self.keys}).encode())
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()


@asynccontextmanager
async def key_server(*keys: dict[str, Any]) -> AsyncIterator[KeyServer]:
    server = KeyServer()
    server.keys = list(keys)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/.well-known/jwks.json"
    async with listening:
        yield server
