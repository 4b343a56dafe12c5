"""Staged uploads: a place for bytes, asked for by GraphQL and filled by a plain HTTP PUT or a multipart POST, as Google
Cloud Storage takes them. A target is a promise of one name; only bytes that came in with its signature are there."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_int, as_objects, as_text, json_list
from pressroom.sandbox.shopify.resolving import Call, plain, resolver, unsupported
from pressroom.sandbox.shopify.user_errors import UserRefusalError

STAGED = "shopify.staged"

LARGEST_IMAGE_BYTES = 20 * 1024 * 1024
"""Shopify, "Media": an image has at most 20 MB."""

plain("StagedUploadsCreatePayload", "stagedTargets userErrors")
plain("StagedMediaUploadTarget", "parameters resourceUrl url")
plain("StagedUploadParameter", "name value")


@resolver("Mutation", "stagedUploadsCreate")
def staged_uploads_create(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    targets: list[JsonObject] = []
    errors: list[JsonObject] = []
    for place, wanted in enumerate(as_objects(arguments.get("input"))):
        try:
            targets.append(_target(call, wanted, place))
        except UserRefusalError as refusal:
            errors.append(refusal.body)
    return {"stagedTargets": json_list(targets), "userErrors": json_list(errors)}


def _target(call: Call, wanted: JsonObject, place: int) -> JsonObject:
    at = ["input", str(place)]
    resource, mime_type = as_text(wanted.get("resource")), as_text(wanted.get("mimeType"))
    file_name = as_text(wanted.get("filename")).replace("/", "-")
    if resource not in ("IMAGE", "PRODUCT_IMAGE", "FILE"):
        raise unsupported(f"staged uploads of the resource {resource}")
    if resource != "FILE" and not mime_type.startswith("image/"):
        raise UserRefusalError([*at, "mimeType"], f"{mime_type} is not a recognized image type")
    size = as_text(wanted.get("fileSize")) or str(wanted.get("fileSize") or "")
    if resource != "FILE" and size.isdigit() and int(size) > LARGEST_IMAGE_BYTES:
        raise UserRefusalError([*at, "fileSize"], "The file is larger than the limit of 20 MB")
    key = f"tmp/{secrets.token_hex(8)}/{file_name}"
    signature = secrets.token_hex(24)
    call.store.put(STAGED, key, {"mime_type": mime_type, "signature": signature, "blob": None})
    bucket = f"{call.base_url}/shopify/staged/"
    if as_text(wanted.get("httpMethod"), "PUT") == "POST":
        parameters = {
            "Content-Type": mime_type,
            "success_action_status": "201",
            "acl": "private",
            "key": key,
            "x-goog-algorithm": "GOOG4-RSA-SHA256",
            "policy": "c2FuZGJveA==",
            "x-goog-signature": signature,
        }
        url = bucket
    else:
        parameters = {"content_type": mime_type, "acl": "private"}
        url = f"{bucket}{key}?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={signature}"
    return {
        "url": url,
        "resourceUrl": f"{bucket}{key}",
        "parameters": json_list({"name": name, "value": value} for name, value in parameters.items()),
    }


class StagedUploads:
    """The HTTP side: the bucket to which the bytes go."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.blobs = BlobFolder(store.folder / "shopify-files")

    async def put(self, request: Request) -> Response:
        """`PUT {url}` with the bytes as the body."""
        key: str = request.path_params["key"]
        target = self._store.get(STAGED, key)
        signature = request.query_params.get("X-Goog-Signature", "")
        if target is None or signature != target["signature"]:
            return _refused(403, "SignatureDoesNotMatch")
        content_type = request.headers.get("content-type", "")
        if content_type and content_type != target["mime_type"]:
            return _refused(400, "ContentTypeMismatch")
        await self._keep(key, target, await request.body())
        return Response(b"", 200)

    async def post(self, request: Request) -> Response:
        """`POST {url}` as multipart/form-data: the target's parameters first, the file last."""
        async with request.form() as form:
            fields = list(form.multi_items())
            names = [name for name, _value in fields]
            key = str(form.get("key", ""))
            target = self._store.get(STAGED, key)
            if target is None or form.get("x-goog-signature") != target["signature"]:
                return _refused(403, "SignatureDoesNotMatch")
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return _refused(400, "MissingFile")
            if names[-1] != "file":
                return _refused(400, "FieldAfterFile")
            if form.get("Content-Type") != target["mime_type"]:
                return _refused(400, "ContentTypeMismatch")
            await self._keep(key, target, await file.read())
        return Response(f"<PostResponse><Key>{key}</Key></PostResponse>".encode(), 201, media_type="application/xml")

    async def _keep(self, key: str, target: JsonObject, content: bytes) -> None:
        blob = hashlib.sha256(content).hexdigest()
        await asyncio.to_thread(self.blobs.write, blob, content)
        self._store.put(STAGED, key, {**target, "blob": blob, "size": len(content)})


def staged_blob(store: Store, resource_url: str) -> tuple[str, int] | None:
    """The blob and its size behind a staged target's `resourceUrl`; None when nothing was uploaded there."""
    _, found, key = resource_url.partition("/shopify/staged/")
    target = store.get(STAGED, key) if found else None
    if target is None or target["blob"] is None:
        return None
    return as_text(target["blob"]), as_int(target["size"])


def _refused(status: int, code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>".encode(), status, media_type="application/xml")
