"""`POST /v1/files`: what is kept of an uploaded picture, and how it reaches the provider of a batch that names it."""

import base64
import hashlib
from typing import Any

import httpx
import pytest
import pyvips

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.vocabulary import ImageState, ProviderName
from pressroom.gateway.uploads import REFERENCE_SIDE_PX
from pressroom.image_worker.app import build
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.file_removal import FileRemoval

from ..house import PICTURE, House, ReadyProvider, running
from .serving import Gateway, fields_named_in, problem_of, serving

SECRET = b"taken at home, 48.2082 N 16.3738 E"


def striped(width_px: int, height_px: int) -> pyvips.Image:
    """Red on its left, blue on its right: which way it was turned can be seen."""
    red = pyvips.Image.black(width_px // 2, height_px).new_from_image([200, 20, 20])
    blue = pyvips.Image.black(width_px - width_px // 2, height_px).new_from_image([20, 20, 200])
    return red.join(blue, "horizontal").cast("uchar").copy(interpretation="srgb")


def photograph(width_px: int = 300, height_px: int = 200, orientation: int = 1) -> bytes:
    """A JPEG as a telephone makes it, with a comment and a place in it."""
    picture = striped(width_px, height_px).copy()
    picture.set_type(pyvips.GValue.gstr_type, "exif-ifd0-ImageDescription", SECRET.decode())
    picture.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return bytes(picture.jpegsave_buffer(Q=95))


async def upload(gateway: Gateway, data: bytes) -> dict[str, object]:
    answer = await gateway.http.post("/v1/files", content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def stored(gateway: Gateway, name: object) -> bytes:
    assert isinstance(name, str)
    return await gateway.house.blobs.get(f"{name[:2]}/{name}")


async def test_an_upload_is_named_by_its_content_and_twice_is_one_file(gateway: Gateway) -> None:
    file = await upload(gateway, PICTURE)
    data = await stored(gateway, file["name"])
    assert str(file["name"]).startswith(hashlib.sha256(data).hexdigest() + ".")
    assert (file["width_px"], file["height_px"], file["size_bytes"]) == (64, 64, len(data))
    assert await upload(gateway, PICTURE) == file


async def test_an_upload_that_no_batch_has_yet_outlives_an_image_of_the_very_same_bytes(house: House) -> None:
    async with serving(house, sweep_interval_s=600) as gateway:
        name = (await upload(gateway, PICTURE))["name"]
        data = await stored(gateway, name)
        image_id = await gateway.image()
        same = await house.blobs.put(data, "image/png", width_px=64, height_px=64)
        assert same.key.endswith(f"/{name}")
        await house.database.images.change(image_id, {"raw": same.model_dump()})
        assert (await gateway.http.delete(f"/v1/images/{image_id}")).status_code == 204
        await FileRemoval(house.database, house.blobs).once()
        assert (await house.image(image_id)).removal is not None
        assert await stored(gateway, name) == data


@pytest.mark.parametrize(
    "sent",
    [
        {"files": {"file": ("fox.png", PICTURE, "text/html")}},
        {"files": {"file": ("../../fox.exe", PICTURE)}, "data": {"what": "else a form says"}},
        {"json": {"data": base64.b64encode(PICTURE).decode()}},
        {"json": {"data": "data:image/webp;base64," + base64.b64encode(PICTURE).decode()}},
        {"content": PICTURE, "headers": {"Content-Type": "image/gif"}},
    ],
    ids=["form", "form with more", "base64", "data url", "bytes under another name"],
)
async def test_a_form_and_base64_bring_the_same_file_whatever_it_is_called(
    gateway: Gateway, sent: dict[str, Any]
) -> None:
    answer = await gateway.http.post("/v1/files", **sent)
    assert answer.status_code == 201, answer.text
    assert answer.json() == await upload(gateway, PICTURE)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"files": {"picture": PICTURE}}, "file"),
        ({"files": {"file": b"<html>no picture</html>"}}, "file"),
        ({"files": [("file", PICTURE), ("file", PICTURE)]}, "body"),
        ({"data": {"file": "its name alone"}, "files": {"else": b""}}, "file"),
        ({"content": b"no form", "headers": {"Content-Type": "multipart/form-data"}}, "body"),
        ({"content": b"no form", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, "body"),
        ({"json": {"data": "!"}}, "data"),
        ({"json": {"data": "é"}}, "data"),
        ({"json": {"data": base64.b64encode(b"no picture").decode()}}, "data"),
        ({"json": {"data": ""}}, "data"),
        ({"json": {"file": "x"}}, "data"),
        ({"json": [1]}, "body"),
    ],
)
async def test_what_is_no_picture_is_refused_however_it_is_sent(
    edge: httpx.AsyncClient, sent: dict[str, Any], field: str
) -> None:
    problem = problem_of(await edge.post("/v1/files", **sent), 422, "invalid-request")
    assert field in fields_named_in(problem)


async def test_a_form_is_no_way_round_the_limit(house: House) -> None:
    async with serving(house, max_upload_bytes=2048) as gateway:
        for sent in ({"files": {"file": bytes(4096)}}, {"json": {"data": "A" * 4096}}):
            problem = problem_of(await gateway.http.post("/v1/files", **sent), 413, "content-too-large")
            assert "PRESSROOM_MAX_UPLOAD_BYTES" in problem["detail"]


async def test_a_small_file_that_claims_a_vast_picture_is_not_unpacked(edge: httpx.AsyncClient) -> None:
    bomb = bytes(pyvips.Image.black(11_000, 11_000).pngsave_buffer(bitdepth=1))
    assert len(bomb) < 50_000
    problem = problem_of(await edge.post("/v1/files", content=bomb), 422, "invalid-request")
    assert "11000x11000" in problem["detail"]
    assert "million" in problem["detail"]


async def test_what_a_camera_says_in_xmp_is_not_kept_either(gateway: Gateway) -> None:
    for suffix in (".png", ".jpg", ".webp"):
        picture = striped(80, 60).copy()
        picture.set_type(pyvips.GValue.blob_type, "xmp-data", b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET)
        data = bytes(picture.write_to_buffer(suffix))
        assert SECRET in pyvips.Image.new_from_buffer(data, "").get("xmp-data"), suffix
        file = await upload(gateway, data)
        kept = pyvips.Image.new_from_buffer(await stored(gateway, file["name"]), "")
        assert kept.get_typeof("xmp-data") == 0, suffix


async def test_nothing_but_its_pixels_is_kept(gateway: Gateway) -> None:
    data = photograph()
    assert SECRET in data
    file = await upload(gateway, data + b"hidden behind the picture")
    kept = await stored(gateway, file["name"])
    assert SECRET not in kept
    assert b"hidden" not in kept
    assert [field for field in pyvips.Image.new_from_buffer(kept, "").get_fields() if "exif" in field] == []


async def test_a_picture_is_turned_upright(gateway: Gateway) -> None:
    file = await upload(gateway, photograph(300, 200, orientation=6))
    assert (file["width_px"], file["height_px"]) == (200, 300)
    kept = pyvips.Image.new_from_buffer(await stored(gateway, file["name"]), "")
    # Turned to the right, what was on the left is above.
    assert kept(100, 30)[0] > 150
    assert kept(100, 270)[2] > 150


async def test_a_larger_picture_is_reduced_and_a_smaller_one_left(gateway: Gateway) -> None:
    large = await upload(gateway, bytes(striped(3000, 1500).jpegsave_buffer(Q=10)))
    assert (large["width_px"], large["height_px"]) == (REFERENCE_SIDE_PX, REFERENCE_SIDE_PX // 2)
    small = await upload(gateway, photograph(300, 200))
    assert (small["width_px"], small["height_px"]) == (300, 200)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
async def test_every_kind_that_providers_read_is_taken(gateway: Gateway, suffix: str) -> None:
    file = await upload(gateway, bytes(striped(80, 60).write_to_buffer(suffix)))
    assert (file["width_px"], file["height_px"]) == (80, 60)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>no picture</html>",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        bytes(striped(80, 60).write_to_buffer(".gif")),
        PICTURE[: len(PICTURE) // 2],
    ],
    ids=["nothing", "html", "svg", "gif", "half of a picture"],
)
async def test_what_is_no_such_picture_is_refused(gateway: Gateway, data: bytes) -> None:
    problem = problem_of(await gateway.http.post("/v1/files", content=data), 422, "invalid-request")
    assert fields_named_in(problem) == ["body"]


async def test_only_who_has_a_token_uploads(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/files", content=PICTURE, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


class TakesReferences(ReadyProvider):
    capabilities = Capabilities(prompt_max_characters=100_000, input_images=2)


async def test_a_batchs_reference_pictures_reach_its_provider_in_their_order(gateway: Gateway) -> None:
    house = gateway.house
    provider = TakesReferences()
    names = [(await upload(gateway, data))["name"] for data in (photograph(), PICTURE)]
    settings = ImageWorkerSettings(**house.values)
    async with running(build(settings, {ProviderName.STUDIO: provider})):
        batch = await gateway.batch(input_images=names, width=64, height=64, profile="none")
        (image,) = await house.completed(batch["id"])
    assert image.state is ImageState.GENERATED
    assert provider.asked[0].input_images == tuple([await stored(gateway, name) for name in names])


async def test_a_provider_that_takes_none_refuses_the_batch(gateway: Gateway) -> None:
    name = (await upload(gateway, PICTURE))["name"]
    body = {"provider": "studio", "prompt": "a cat", "input_images": [name]}
    problem = problem_of(await gateway.http.post("/v1/batches", json=body), 422, "invalid-request")
    assert fields_named_in(problem) == ["input_images"]


async def test_a_file_that_was_never_uploaded_fails_its_image_with_what_to_do(gateway: Gateway) -> None:
    house = gateway.house
    settings = ImageWorkerSettings(**house.values)
    provider = TakesReferences()
    async with running(build(settings, {ProviderName.STUDIO: provider})):
        batch = await house.request(input_images=["0" * 64 + ".png"])
        (image,) = await house.completed(batch.id)
    assert (image.state, provider.asked) == (ImageState.FAILED, [])
    assert image.error is not None
    assert "upload it first" in image.error.message
