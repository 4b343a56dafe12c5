"""Files of deleted images: gone where nothing else has them, and never from under who does."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pressroom.contracts.events import ImageDeleted
from pressroom.contracts.facts import FileFacts
from pressroom.contracts.vocabulary import ImageState
from pressroom.runtime.admission import Admission
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.file_removal import KEPT, SELDOMEST, FileRemoval
from pressroom.state.image_deletion import delete_image

from ..house import House

OURS, SHARED = b"what this image alone has", b"what others have too"


@pytest.fixture
def removal(house: House) -> FileRemoval:
    return FileRemoval(house.database, house.blobs)


async def stored(house: House, data: bytes) -> FileFacts:
    return await house.blobs.put(data, "image/png", width_px=1, height_px=1)


async def an_image(house: House, *files: bytes, **fields: Any) -> str:
    """The id of an image that is ready, with these as its raw bytes, its file and its thumbnail."""
    batch = await house.request(**fields)
    await Admission(house.database, house.outbox, house.settings).plan(batch)
    image_id = f"{batch.id}-0000"
    names = ("raw", "file", "thumbnail")
    facts = {name: (await stored(house, data)).model_dump() for name, data in zip(names, files, strict=False)}
    await house.database.images.change(image_id, {"state": str(ImageState.GENERATED), **facts})
    return image_id


async def delete(house: House, image_id: str) -> None:
    image = await house.image(image_id)
    event = ImageDeleted(batch_id=image.batch_id, image_id=image_id, index=image.index, deleted_by="default")
    assert await delete_image(house.database, image_id, house.outbox.event(event)) is not None


async def passes(house: House, image_id: str, time: timedelta) -> None:
    """As if a deletion was so long ago, and the next look is due."""
    since = datetime.now(UTC) - time
    await house.database.images.change(image_id, {"removal.since": since, "removal.due_at": since})


def kept_files(house: House) -> Sequence[bytes]:
    """Everything in the folder, in its place or set aside."""
    folder = Path(urlsplit(house.settings.blob_url).path)
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def is_in_place(house: House, data: bytes) -> bool:
    digest = hashlib.sha256(data).hexdigest()
    try:
        return await house.blobs.get(f"{digest[:2]}/{digest}.png") == data
    except FileNotFoundError:
        return False


async def test_a_file_that_nobody_else_has_is_out_of_sight_at_once_and_gone_after_a_day(
    house: House, removal: FileRemoval
) -> None:
    image_id = await an_image(house, b"raw", OURS, b"thumbnail")
    await delete(house, image_id)
    await removal.once()
    assert not await is_in_place(house, OURS)
    assert kept_files(house) == sorted([b"raw", OURS, b"thumbnail"])
    await passes(house, image_id, KEPT - timedelta(hours=1))
    await removal.once()
    assert len(kept_files(house)) == 3
    await passes(house, image_id, KEPT)
    await removal.once()
    assert kept_files(house) == []
    assert (await house.image(image_id)).removal is None


async def test_the_next_look_is_after_twice_as_long_up_to_some_minutes(house: House, removal: FileRemoval) -> None:
    image_id = await an_image(house, OURS)
    await delete(house, image_id)
    for age in (timedelta(seconds=40), timedelta(hours=2), timedelta(hours=20)):
        await passes(house, image_id, age)
        await removal.once()
        left = (await house.image(image_id)).removal
        assert left is not None
        expected = left.since + age + min(age, SELDOMEST)
        assert abs(left.due_at - expected) < timedelta(seconds=20)


async def test_a_file_that_another_image_has_stays_until_that_is_deleted_too(
    house: House, removal: FileRemoval
) -> None:
    first, second = await an_image(house, b"raw 1", SHARED), await an_image(house, b"raw 2", SHARED)
    await delete(house, first)
    await removal.once()
    assert await is_in_place(house, SHARED)
    await passes(house, first, KEPT)
    await removal.once()
    assert kept_files(house) == sorted([b"raw 2", SHARED])
    await delete(house, second)
    await removal.once()
    await passes(house, second, KEPT)
    await removal.once()
    assert kept_files(house) == []


@pytest.mark.parametrize("by", ["image", "batch", "row of a batch", "subject", "part of a subject", "upload"])
async def test_a_reference_picture_of_somebody_who_needs_it_stays(house: House, removal: FileRemoval, by: str) -> None:
    image_id = await an_image(house, OURS)
    raw = (await house.image(image_id)).raw
    assert raw is not None
    name = raw.key.rpartition("/")[2]
    if by == "image":
        await house.database.images.change(await an_image(house), {"input_images": [name]})
    elif by == "upload":
        await house.database.uploads.note(name)
    elif "subject" in by:
        part = {"name": "ann", "role": "suspect", "input_images": [name]}
        content: dict[str, Any] = {"parts": [part]} if "part" in by else {"input_images": [name]}
        await house.database.subjects.put("default", "the-case", {"kind": "case", **content})
    else:
        row: dict[str, Any] = {"prompt": None, "images": [{"prompt": "again", "input_images": [name]}]}
        whole: dict[str, Any] = {"input_images": [name]}
        await house.request(**(row if "row" in by else whole))
    await delete(house, image_id)
    await removal.once()
    await passes(house, image_id, KEPT)
    await removal.once()
    assert await is_in_place(house, OURS)


async def test_what_is_made_anew_while_it_is_removed_is_brought_back(house: House, removal: FileRemoval) -> None:
    image_id = await an_image(house, SHARED)
    await delete(house, image_id)
    anew = await stored(house, SHARED)  # its bytes first, its document later
    await removal.once()
    assert not await is_in_place(house, SHARED)
    other = await an_image(house)
    await house.database.images.change(other, {"file": anew.model_dump()})
    await passes(house, image_id, timedelta(seconds=10))
    await removal.once()
    assert await is_in_place(house, SHARED)
    await passes(house, image_id, KEPT)
    await removal.once()
    assert kept_files(house) == [SHARED]


async def test_what_is_made_anew_before_the_last_look_is_not_removed_with_the_rest(
    house: House, removal: FileRemoval
) -> None:
    image_id = await an_image(house, SHARED)
    await delete(house, image_id)
    await removal.once()
    await stored(house, SHARED)
    await passes(house, image_id, KEPT)
    await removal.once()
    assert await is_in_place(house, SHARED)


class Killed(Exception):
    """Where the process dies."""


class DyingStore(BlobStore):
    """The same folder, until so many files were touched; the last is touched, and nobody lives to hear of it."""

    def __init__(self, house: House, touches: int) -> None:
        super().__init__(house.settings.blob_url)
        self._left = touches

    def _touched(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed

    async def set_aside(self, key: str, whose: str) -> None:
        await super().set_aside(key, whose)
        self._touched()

    async def bring_back(self, key: str, whose: str) -> None:
        await super().bring_back(key, whose)
        self._touched()

    async def purge(self, key: str, whose: str) -> None:
        await super().purge(key, whose)
        self._touched()


@pytest.mark.parametrize("touches", [1, 2, 3])
async def test_whoever_dies_after_whichever_file_leaves_the_rest_to_the_next_look(
    house: House, removal: FileRemoval, touches: int
) -> None:
    image_id, other = await an_image(house, b"raw", OURS, SHARED), await an_image(house, SHARED)
    await delete(house, image_id)
    for age in (timedelta(0), KEPT):
        await passes(house, image_id, age)
        with pytest.raises(Killed):
            await FileRemoval(house.database, DyingStore(house, touches)).once()
        left = (await house.image(image_id)).removal
        assert left is not None
        assert left.due_at > datetime.now(UTC)
        await passes(house, image_id, age)
        await removal.once()
        assert [await is_in_place(house, data) for data in (b"raw", OURS, SHARED)] == [False, False, True]
    assert kept_files(house) == [SHARED]
    assert (await house.image(image_id)).removal is None
    assert (await house.image(other)).raw is not None


async def test_a_use_is_found_by_an_index_of_each_kind(house: House) -> None:
    images = house.database.images.raw
    for query, index in (
        ({"raw.key": "k"}, "raw_key"),
        ({"file.key": "k"}, "file_key"),
        ({"thumbnail.key": "k"}, "thumbnail_key"),
        ({"input_images": {"$eq": "k", "$type": "string"}}, "input_images"),
    ):
        assert f"'indexName': '{index}'" in str((await images.find(query).explain())["queryPlanner"]["winningPlan"])
