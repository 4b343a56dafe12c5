"""An image's files over HTTP: the bytes themselves, and no bytes for who has them already."""

import hashlib

import pytest

from pressroom.contracts.vocabulary import ImageState

from .serving import PRINT, THUMBNAIL, Gateway, problem_of

FILES = [("content", "image/png", PRINT), ("thumbnail", "image/webp", THUMBNAIL)]

both_files = pytest.mark.parametrize(("name", "media_type", "data"), FILES)


@both_files
async def test_the_file_comes_as_it_is_stored(gateway: Gateway, name: str, media_type: str, data: bytes) -> None:
    image_id = await gateway.image()
    answer = await gateway.http.get(f"/v1/images/{image_id}/{name}")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert "immutable" in answer.headers["cache-control"]


@both_files
@pytest.mark.parametrize("spelled", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_who_has_the_file_gets_a_304_without_bytes(
    gateway: Gateway, name: str, media_type: str, data: bytes, spelled: str
) -> None:
    image_id = await gateway.image()
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {"If-None-Match": spelled.format(tag=tag)}
    answer = await gateway.http.get(f"/v1/images/{image_id}/{name}", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


async def test_who_has_another_file_gets_this_one(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answer = await gateway.http.get(f"/v1/images/{image_id}/content", headers={"If-None-Match": '"0123"'})
    assert (answer.status_code, answer.content) == (200, PRINT)


async def test_an_image_tells_what_its_files_are(gateway: Gateway) -> None:
    image = (await gateway.http.get(f"/v1/images/{await gateway.image()}")).json()
    assert image["file"]["sha256"] == hashlib.sha256(PRINT).hexdigest()
    assert (image["file"]["size_bytes"], image["file"]["width_px"]) == (len(PRINT), 64)
    assert image["thumbnail"]["media_type"] == "image/webp"


@pytest.mark.parametrize("name", ["content", "thumbnail"])
async def test_an_image_without_pixels_has_no_files_yet(gateway: Gateway, name: str) -> None:
    image_id = await gateway.image(ImageState.PLANNED)
    answer = await gateway.http.get(f"/v1/images/{image_id}/{name}")
    assert "planned" in problem_of(answer, 409, "image-not-ready")["detail"]


async def test_a_file_that_the_store_lost_is_named_with_the_setting_to_look_at(gateway: Gateway) -> None:
    image_id = await gateway.image()
    image = await gateway.house.image(image_id)
    assert image.file is not None
    lost = image.file.model_copy(update={"key": "00/lost.png"})
    await gateway.house.database.images.change(image_id, {"file": lost.model_dump()})
    answer = await gateway.http.get(f"/v1/images/{image_id}/content")
    detail = problem_of(answer, 500, "file-missing")["detail"]
    assert "00/lost.png" in detail
    assert "PRESSROOM_BLOB_URL" in detail
