"""Files and media. A file's state is worked out from its creation and the clock: UPLOADED for the first third of
`media_seconds`, PROCESSING until they are over, then READY, or FAILED for what is no image or too large an image. Its
bytes were read when it was made; its picture has an address only once it is READY."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.fetching import fetch_local
from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_float, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.connections import connect
from pressroom.sandbox.shopify.ids import new_id
from pressroom.sandbox.shopify.resolving import Call, plain, resolver, unsupported
from pressroom.sandbox.shopify.search import matches
from pressroom.sandbox.shopify.shop import finder
from pressroom.sandbox.shopify.staged import LARGEST_IMAGE_BYTES, staged_blob
from pressroom.sandbox.shopify.times import write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError

FILES = "shopify.files"

# Shopify, "Media": an image has at most 4472 x 4472 pixels, and 20 megapixels.
LARGEST_SIDE_PX = 4472
MOST_PIXELS = 20_000_000

_FILE_FIELDS = "id alt createdAt updatedAt fileStatus fileErrors preview"
_MEDIA_FIELDS = "id alt mediaContentType mediaErrors mediaWarnings preview status"
plain("File", _FILE_FIELDS)
plain("Media", _MEDIA_FIELDS)
plain("MediaImage", f"{_FILE_FIELDS} {_MEDIA_FIELDS} image mimeType originalSource")
plain("FileError", "code details message")
plain("MediaError", "code details message")
plain("MediaWarning", "code message")
plain("MediaPreviewImage", "image status")
plain("MediaImageOriginalSource", "fileSize url")
plain("Image", "id altText height width originalSrc src")
plain("FileCreatePayload", "files userErrors")
plain("FilesUserError", "code field message")


@dataclass(frozen=True)
class Source:
    """Bytes that became, or failed to become, an image."""

    blob: str
    size: int
    width: int
    height: int
    mime_type: str
    error_code: str
    """A FileErrorCode, or empty."""
    error: str


def read_source(call: Call, url: str) -> Source:
    """Reads what stands behind an `originalSource`: a staged upload, or a URL on this machine. Takes as long as
    decoding the image, so it is called outside of transactions."""
    blobs = BlobFolder(call.store.folder / "shopify-files")
    staged = staged_blob(call.store, url)
    if staged is not None:
        blob, content = staged[0], blobs.read(staged[0]) or b""
    else:
        try:
            content = fetch_local(url)
        except ValueError as wrong:
            return Source("", 0, 0, 0, "", "IMAGE_DOWNLOAD_FAILURE", f"Image could not be downloaded: {wrong}.")
        blob = hashlib.sha256(content).hexdigest()
        blobs.write(blob, content)
    return _judge(blob, content)


def _judge(blob: str, content: bytes) -> Source:
    try:
        facts = read_facts(content)
    except ValueError as wrong:
        return Source(
            blob, len(content), 0, 0, "", "UNSUPPORTED_IMAGE_FILE_TYPE", f"The file is not supported: {wrong}."
        )
    code = error = ""
    if len(content) > LARGEST_IMAGE_BYTES:
        code, error = "INVALID_IMAGE_FILE_SIZE", "Image size exceeds 20 MB."
    elif max(facts.width, facts.height) > LARGEST_SIDE_PX or facts.width * facts.height > MOST_PIXELS:
        code = "INVALID_IMAGE_RESOLUTION"
        error = f"Image has {facts.width} x {facts.height} pixels; at most 4472 x 4472 and 20 megapixels are taken."
    return Source(blob, len(content), facts.width, facts.height, facts.mime_type, code, error)


def file_name_of(wanted: JsonObject) -> str:
    """The name under which the file will stand: the asked one, or the last part of its source."""
    name = as_text(wanted.get("filename")) or PurePosixPath(urlsplit(as_text(wanted.get("originalSource"))).path).name
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) or "file"


def add_file(call: Call, wanted: JsonObject, source: Source, at: list[str]) -> JsonObject:
    """Makes the file, or replaces the one of its name (`duplicateResolutionMode`); `UserRefusalError` for
    RAISE_ERROR."""
    name = file_name_of(wanted)
    mode = as_text(wanted.get("duplicateResolutionMode"), "APPEND_UUID")
    namesakes = [row.body for row in call.store.find(FILES, "filename", name)]
    file_id = ""
    if namesakes and mode == "RAISE_ERROR":
        raise UserRefusalError([*at, "filename"], f"A file named {name} already exists.", "FILENAME_ALREADY_EXISTS")
    if namesakes and mode == "REPLACE":
        file_id = as_text(namesakes[0]["id"])
    elif namesakes:
        path = PurePosixPath(name)
        name = f"{path.stem}_{secrets.token_hex(16)}{path.suffix}"
    failed = call.fault is not None and call.fault.kind == "fail"
    body: JsonObject = {
        "id": file_id or new_id(call.store, "MediaImage"),
        "filename": name,
        "alt": as_text(wanted.get("alt")),
        "created": call.now,
        "blob": source.blob,
        "size": source.size,
        "width": source.width,
        "height": source.height,
        "mime_type": source.mime_type,
        "error_code": "IMAGE_PROCESSING_FAILURE" if failed else source.error_code,
        "error": "The sandbox was asked to fail this image." if failed else source.error,
    }
    call.store.put(FILES, as_text(body["id"]), body)
    return body


def find_file(store: Store, file_id: str) -> JsonObject | None:
    return store.get(FILES, file_id)


def file_status(call: Call, body: JsonObject) -> str:
    age = call.now - as_float(body["created"])
    if age < call.settings.media_seconds / 3:
        return "UPLOADED"
    if age < call.settings.media_seconds:
        return "PROCESSING"
    return "FAILED" if body["error_code"] else "READY"


def media_view(call: Call, body: JsonObject) -> JsonObject:
    """The file as a MediaImage."""
    status = file_status(call, body)
    image = image_view(call, body) if status == "READY" else None
    errors: list[JsonObject] = []
    if status == "FAILED":
        errors.append({"code": body["error_code"], "message": body["error"], "details": body["error"]})
    created = write_time(as_float(body["created"]))
    return {
        "id": body["id"],
        "alt": body["alt"],
        "createdAt": created,
        "updatedAt": created,
        "fileStatus": status,
        "fileErrors": json_list(errors),
        "status": status,
        "mediaContentType": "IMAGE",
        "mediaErrors": json_list(errors),
        "mediaWarnings": [],
        "mimeType": body["mime_type"] or None,
        "image": image,
        "originalSource": {"fileSize": body["size"], "url": image["url"]} if image is not None else None,
        "preview": {"image": image, "status": status},
    }


def image_view(call: Call, body: JsonObject) -> JsonObject:
    address = f"{call.base_url}/shopify/cdn/files/{quote(as_text(body['filename']))}?v={int(as_float(body['created']))}"
    return {
        "id": as_text(body["id"]).replace("MediaImage", "ImageSource"),
        "altText": body["alt"],
        "width": body["width"],
        "height": body["height"],
        "url": address,
        "originalSrc": address,
        "src": address,
    }


@resolver("Image", "url")
def image_url(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    if as_object(arguments.get("transform")):
        raise unsupported("transformed images")
    return source["url"]


@resolver("Mutation", "fileCreate")
def file_create(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    wanted = as_objects(arguments.get("files"))
    sources = [read_source(call, as_text(one.get("originalSource"))) for one in wanted]
    if any(as_text(one.get("contentType"), "IMAGE") != "IMAGE" for one in wanted):
        raise unsupported("files that are no images")
    try:
        with call.store.transaction():
            made = [
                add_file(call, one, source, ["files", str(place)])
                for place, (one, source) in enumerate(zip(wanted, sources, strict=True))
            ]
    except UserRefusalError as refusal:
        return {"files": None, "userErrors": [refusal.body]}
    return {"files": json_list(media_view(call, body) for body in made), "userErrors": []}


@resolver("QueryRoot", "files")
def files(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    query = as_text(arguments.get("query"))
    found = [
        row.body for row in call.store.rows(FILES) if matches(row.body, query, {"filename": "filename", "id": "id"})
    ]
    return connect([media_view(call, body) for body in found], arguments)


def _find_media(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    body = find_file(call.store, as_text(arguments.get("id")))
    return None if body is None else media_view(call, body)


finder("MediaImage", _find_media)


@resolver("MediaImage", "metafields")
def media_metafields(_call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return connect([], arguments)
