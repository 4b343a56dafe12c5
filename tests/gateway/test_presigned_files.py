"""Redirects to the blob store: to an address that the store itself has signed, where it can."""

from urllib.parse import parse_qs, urlsplit

import pytest

from pressroom.runtime.blobs import BlobStore

from ..house import House
from .serving import PRINT, Gateway, serving

S3 = {
    "AWS_ACCESS_KEY_ID": "AKIAFORTESTSONLY",
    "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests-only",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT": "http://127.0.0.1:9",
    "AWS_ALLOW_HTTP": "true",
}
"""A store that nobody asks: signing an address is arithmetic."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in S3.items():
        monkeypatch.setenv(name, value)
    return "s3://prints/ours"


@pytest.mark.parametrize("name", ["content", "thumbnail"])
async def test_a_store_that_signs_is_where_the_file_is_fetched_for_a_while(
    house: House, bucket: str, name: str
) -> None:
    async with serving(house, blob_url=bucket, presigned_lifetime_s=90) as gateway:
        image = await house.image(await gateway.image())
        address = f"/v1/images/{image.id}/{name}"
        answer = await gateway.http.get(address, params={"presigned": True})
        assert answer.status_code == 307
        assert answer.headers["cache-control"] == "no-store"
        signed = urlsplit(answer.headers["location"])
        file = image.file if name == "content" else image.thumbnail
        assert file is not None
        assert (signed.netloc, signed.path) == ("127.0.0.1:9", f"/prints/ours/{file.key}")
        said = parse_qs(signed.query)
        assert said["X-Amz-Expires"] == ["90"]
        assert len(said["X-Amz-Signature"][0]) == 64
        assert S3["AWS_SECRET_ACCESS_KEY"] not in answer.headers["location"]
        head = await gateway.http.head(address, params={"presigned": True})
        assert head.status_code == 307
        assert parse_qs(urlsplit(head.headers["location"]).query)["X-Amz-Signature"] != said["X-Amz-Signature"]


async def test_a_deployment_may_redirect_unasked_and_a_call_may_say_otherwise(house: House, bucket: str) -> None:
    async with serving(house, blob_url=bucket, presigned_content=True) as gateway:
        image = await house.image(await gateway.image())
        address = f"/v1/images/{image.id}/content"
        assert (await gateway.http.get(address)).status_code == 307
        has_it = {"If-None-Match": f'"{image.file and image.file.sha256}"'}
        answer = await gateway.http.get(address, params={"presigned": False}, headers=has_it)
        assert answer.status_code == 304


async def test_a_folder_signs_nothing_and_sends_the_file(gateway: Gateway) -> None:
    address = f"/v1/images/{await gateway.image()}/content"
    answer = await gateway.http.get(address, params={"presigned": True})
    assert (answer.status_code, answer.content) == (200, PRINT)


async def test_a_container_of_azure_signs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "ours")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "YS1rZXktZm9yLXRlc3RzLW9ubHk=")
    signed = await BlobStore("az://prints/ours").signed_url("ab/abc.png", "GET", 60)
    assert signed is not None
    assert urlsplit(signed).path == "/prints/ours/ab/abc.png"
    assert parse_qs(urlsplit(signed).query)["sp"] == ["r"]
