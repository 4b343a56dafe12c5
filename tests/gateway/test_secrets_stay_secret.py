"""What lets somebody in is written nowhere: not into logs, however much they tell, and not into the database."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
from bson import encode
from pymongo import MongoClient

from pressroom.cli.ports import free_port

from ..house import House, eventually
from .key_server import AUDIENCE, ISSUER, a_private_key, key_server, published, signed
from .people import bearer
from .serving import JWT_SECRET, TOKEN

PASSWORD = "a-password-of-ann-that-nobody-else-has"
NEW_PASSWORD = "another-password-of-ann-that-nobody-has"
ANN = "ann@example.com"


async def test_no_secret_is_logged_or_stored(house: House, tmp_path: Path) -> None:
    key = a_private_key()
    port = free_port()
    log = tmp_path / "gateway.log"
    async with key_server(published("key-1", key)) as keys:
        environment = {
            "PRESSROOM_NATS_URL": house.settings.nats_url,
            "PRESSROOM_MONGO_URL": house.settings.mongo_url,
            "PRESSROOM_MONGO_DATABASE": house.settings.mongo_database,
            "PRESSROOM_BLOB_URL": house.settings.blob_url,
            "PRESSROOM_LOG_LEVEL": "debug",
            "PRESSROOM_API_TOKEN": TOKEN,
            "PRESSROOM_JWT_SECRET": JWT_SECRET,
            "PRESSROOM_JWT_JWKS_URL": keys.url,
            "PRESSROOM_JWT_ISSUER": ISSUER,
            "PRESSROOM_JWT_AUDIENCE": AUDIENCE,
            "PRESSROOM_GATEWAY_PORT": str(port),
        }
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "pressroom.gateway"),
                env={**os.environ, **environment},
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        try:
            secrets = await _use_everything(f"http://127.0.0.1:{port}", signed(key, email=ANN))
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    told = log.read_bytes()
    stored = _everything_in(house)
    assert b"login.given" in told
    assert b"login.refused" in told
    assert b"key.created" in told
    assert ANN.encode() in stored
    for secret in (*secrets, JWT_SECRET, TOKEN, "typed into the wrong field"):
        assert secret.encode() not in told, secret[:12]
        assert secret.encode() not in stored, secret[:12]


async def _use_everything(url: str, signed_on: str) -> list[str]:
    """Every secret that came by."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        await http.post("/v1/users", json={"email": ANN, "password": PASSWORD}, headers=bearer(TOKEN))
        await http.post("/v1/users", json={"email": ANN, "password": PASSWORD}, headers=bearer(TOKEN))
        await http.post("/v1/users", json={"email": "no address", "password": PASSWORD}, headers=bearer(TOKEN))
        await http.post("/auth/login", json={"email": "typed into the wrong field", "password": PASSWORD})
        await http.post("/auth/login", content=f'{{"email": "{ANN}", "password": "{PASSWORD}')
        login = await http.post("/auth/login", json={"email": ANN, "password": PASSWORD})
        token = login.json()["token"]
        made = await http.post("/v1/keys", json={"name": "ci", "scopes": ["read"]}, headers=bearer(token))
        secret = made.json()["secret"]
        for credential in (token, secret, signed_on, f"{token}x", f"{secret}x", f"{signed_on}x"):
            await http.get("/v1/account", headers=bearer(credential))
            await http.get("/v1/batches", headers={"X-API-Key": credential})
        body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
        changed = await http.put("/v1/account/password", json=body, headers=bearer(token))
        assert changed.status_code == 204
        return [PASSWORD, NEW_PASSWORD, token, secret, signed_on]


def _everything_in(house: House) -> bytes:
    with MongoClient[dict[str, object]](house.settings.mongo_url) as client:
        database = client[house.settings.mongo_database]
        return b"".join(encode(found) for name in database.list_collection_names() for found in database[name].find())
