"""`./run bench collect`: a result file of a gigabyte, collected by the real batch-poller in a process of its own.

Gemini is a server of this bench that writes each row as it is read, so nobody else holds the file either. The pictures
are as cheap to finish as they get, a few pixels with incompressible bytes beside them, so that reading the stream and
storing the bytes is what is measured. Peak memory is all that the poller's process ever held, libraries included.
"""

import asyncio
import base64
import json
import os
import struct
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyvips
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .bench_house import bench_house, seconds_since
from .jobs import images_made, poller_process, request_batch
from .table import Table

IMAGES, IMAGE_BYTES = 500, 2 * 10**6
GOAL_MB = 300.0
SIDE_PX = 64
GEMINI = "/v1beta"


class StreamingGemini:
    """As much of Gemini's Batch API as one job needs; its pictures are made while they are sent."""

    def __init__(self) -> None:
        self.url = ""
        self.sent_bytes = 0
        self.began_at = 0.0
        self._keys: list[str] = []
        self._display_name = ""
        self._picture = bytes(pyvips.Image.black(SIDE_PX, SIDE_PX, bands=3).pngsave_buffer())

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/upload/v1beta/files", self._upload, methods=["POST"]),
                Route(GEMINI + "/models/{model}:batchGenerateContent", self._create, methods=["POST"]),
                Route(GEMINI + "/batches", self._list),
                Route(GEMINI + "/batches/job", self._get),
                Route(GEMINI + "/files/results:download", self._download),
            ]
        )

    async def _upload(self, request: Request) -> Response:
        body = await request.body()
        if request.headers["x-goog-upload-command"] == "start":
            return Response(headers={"x-goog-upload-url": f"{self.url}/upload/v1beta/files?upload_id=1"})
        self._keys += [json.loads(line)["key"] for line in body.splitlines()]
        return JSONResponse({"file": {"name": "files/input"}})

    async def _create(self, request: Request) -> Response:
        self._display_name = (await request.json())["batch"]["displayName"]
        return JSONResponse(self._operation())

    async def _get(self, _request: Request) -> Response:
        return JSONResponse(self._operation())

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"operations": [self._operation()] if self._display_name else []})

    def _operation(self) -> dict[str, object]:
        output = {"responsesFile": "files/results"}
        metadata = {"state": "BATCH_STATE_SUCCEEDED", "displayName": self._display_name, "output": output}
        return {"name": "batches/job", "metadata": metadata, "done": True}

    async def _download(self, _request: Request) -> Response:
        return StreamingResponse(self._rows(), media_type="application/octet-stream")

    async def _rows(self) -> AsyncIterator[bytes]:
        self.began_at = time.perf_counter()
        for key in self._keys:
            inline = {"mimeType": "image/png", "data": base64.b64encode(self._padded()).decode()}
            answer = {"candidates": [{"content": {"parts": [{"inlineData": inline}]}, "finishReason": "STOP"}]}
            line = json.dumps({"key": key, "response": answer}).encode() + b"\n"
            self.sent_bytes += len(line)
            yield line

    def _padded(self) -> bytes:
        """The picture with a private chunk of noise before its end (PNG specification, section 5.4)."""
        noise = b"prSr" + os.urandom(IMAGE_BYTES - len(self._picture) - 12)
        chunk = struct.pack(">I", len(noise) - 4) + noise + struct.pack(">I", zlib.crc32(noise))
        return self._picture[:-12] + chunk + self._picture[-12:]


@asynccontextmanager
async def served(gemini: StreamingGemini) -> AsyncIterator[None]:
    """On a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(gemini.app(), host="127.0.0.1", port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    gemini.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def settings_of(gemini: StreamingGemini) -> dict[str, str]:
    return {"GEMINI_URL": gemini.url, "GEMINI_API_KEY": "bench", "POLL_INITIAL_S": "1"}


async def measure() -> Table:
    gemini = StreamingGemini()
    async with bench_house() as house, served(gemini), poller_process(house, settings_of(gemini)) as poller:
        at_rest_mb = poller.peak_mb
        await request_batch(house, IMAGES, side_px=SIDE_PX)
        while await images_made(house) < IMAGES:
            poller.check()
            await asyncio.sleep(0.05)
        seconds, peak_mb = seconds_since(gemini.began_at), poller.peak_mb
    file_mb = gemini.sent_bytes / 1e6
    return Table(
        title=f"collect: {IMAGES} images of {IMAGE_BYTES / 1e6:.0f} MB in one result file of {file_mb:.0f} MB",
        columns=("", "seconds", "MB/s", "peak MB"),
        rows=[("batch-poller", f"{seconds:.1f}", f"{file_mb / seconds:.1f}", f"{peak_mb:.0f}")],
        note=f"goal: under {GOAL_MB:.0f} MB at its peak; it holds {at_rest_mb:.0f} MB before it has done anything. "
        "Each picture is stored, finished and told of on the way.",
        metrics={
            "peak_mb": round(peak_mb, 1),
            "mb_per_s": round(file_mb / seconds, 1),
            "seconds": round(seconds, 1),
            "file_mb": round(file_mb, 1),
            "images": IMAGES,
        },
    )
