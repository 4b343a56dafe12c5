"""One ComfyUI server, by HTTP: a method per thing that is asked of it. Keeps nothing but the model that it ran last."""

import hashlib
from http import HTTPStatus

import httpx
from pydantic import JsonValue, RootModel

from pressroom.runtime.errors import ApiFailed
from pressroom.runtime.vendor_http import VendorClient, excerpt
from pressroom.runtime.vendors.pictures import media_type_of

from ..workflows import Graph
from .refusals import VIEW, choices_in, read_refusal
from .settings import URLS_SETTING
from .wire import History, Past, Picture, Posted, Queue, Uploaded

LOOK_S = 5.0
"""A server that does not tell its queue in this time is left out when a place is looked for."""

_RECENT = 200
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class _Info(RootModel[dict[str, dict[str, JsonValue]]]):
    """`/object_info/{class}`."""


class Server:
    """`url` may have a user and a password in it; `name` has none, and is what is stored and told."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parsed = httpx.URL(url.rstrip("/"))
        self.name = str(parsed.copy_with(userinfo=b""))
        self.label = f"ComfyUI at {self.name}"
        self.last_model: str | None = None
        self._url = parsed
        self._look_s = min(LOOK_S, timeout_s)
        self._client = VendorClient(
            self.label, str(parsed), key_setting=URLS_SETTING, headers={}, timeout_s=timeout_s, read_error=read_refusal
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    def socket_url(self, client_id: str) -> str:
        """Where the messages for a client are heard."""
        scheme = "wss" if self._url.scheme == "https" else "ws"
        path = f"{self._url.path.rstrip('/')}/ws"
        return str(self._url.copy_with(scheme=scheme, path=path, params={"clientId": client_id}))

    async def queue(self) -> Queue:
        return self._client.read(await self._get("/queue", timeout_s=self._look_s), Queue)

    async def past(self, prompt_id: str) -> Past | None:
        """A prompt that has ended; None while it has not, or when it is not known."""
        return self._client.read(await self._get(f"/history/{prompt_id}"), History).root.get(prompt_id)

    async def recent(self) -> dict[str, Past]:
        """The last prompts that have ended, oldest first."""
        return self._client.read(await self._get("/history", {"max_items": _RECENT}), History).root

    async def post(self, graph: Graph, key: str) -> str:
        """Queue a graph; the id of its prompt, which is `key` unless the server is too old to be told one. What happens
        is told to the client `key`. Raises `GraphRefused`."""
        body = {"prompt": graph, "client_id": key, "prompt_id": key}
        response = await self._client.send(self._client.http.build_request("POST", "/prompt", json=body))
        return self._client.read(response, Posted).prompt_id

    async def upload(self, picture: bytes) -> str:
        """A reference picture, by its content's name, so that sending it again changes nothing; its name for a
        LoadImage."""
        media_type = media_type_of(picture) or "image/png"
        name = f"pressroom-{hashlib.sha256(picture).hexdigest()}.{_SUFFIXES[media_type]}"
        request = self._client.http.build_request(
            "POST", "/upload/image", files={"image": (name, picture, media_type)}, data={"type": "input"}
        )
        kept = self._client.read(await self._client.send(request), Uploaded)
        return f"{kept.subfolder}/{kept.name}" if kept.subfolder else kept.name

    async def picture(self, picture: Picture) -> bytes:
        """Its bytes. Raises `NotThere` when the file is gone."""
        response = await self._get(VIEW, picture.model_dump())
        if response.status_code != HTTPStatus.OK or media_type_of(response.content) is None:
            said = excerpt(response) if response.headers.get("content-type", "").startswith("text/") else "not text"
            raise ApiFailed(f"{self.label} gave something that is no picture as {picture.filename} ({said})")
        return response.content

    async def delete(self, prompt_id: str) -> None:
        """Take a prompt out of the queue; nothing happens when it runs already."""
        await self._client.send(self._client.http.build_request("POST", "/queue", json={"delete": [prompt_id]}))

    async def interrupt(self, prompt_id: str) -> None:
        """Stop a prompt that runs. Be sure that it does: older servers do not read the id and stop whatever runs."""
        await self._client.send(self._client.http.build_request("POST", "/interrupt", json={"prompt_id": prompt_id}))

    async def choices(self, class_type: str, input_name: str) -> tuple[str, ...]:
        """The values that an input of a node takes here."""
        info = self._client.read(await self._get(f"/object_info/{class_type}"), _Info).root.get(class_type, {})
        match info.get("input"):
            case {"required": {**required}} if input_name in required:
                return choices_in(required[input_name])
            case _:
                return ()

    async def _get(
        self, path: str, params: dict[str, str | int] | None = None, timeout_s: float | None = None
    ) -> httpx.Response:
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        return await self._client.send(self._client.http.build_request("GET", path, params=params, timeout=timeout))
