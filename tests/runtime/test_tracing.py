"""One trace from the request to the finished image, seen by a collector that is a real HTTP server."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pressroom.cli.ports import free_port
from pressroom.contracts.vocabulary import BatchState

from ..house import House, eventually


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_trace_that_comes_with_a_request_goes_on_in_the_worker(
    house: House, collector: tuple[str, list[ExportTraceServiceRequest]]
) -> None:
    url, received = collector
    values = {**house.values, "otlp_endpoint": url, "image_worker_port": free_port()}
    environment = {f"PRESSROOM_{name.upper()}": str(value) for name, value in values.items()}
    environment |= {"OTEL_BSP_SCHEDULE_DELAY": "100"}
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pressroom.image_worker",
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    trace = "0af7651916cd43dd8448eb211c80319c"
    try:
        batch = await house.request(traceparent=f"00-{trace}-b7ad6b7169203331-01")
        await house.batch_in(batch.id, BatchState.COMPLETED, within_s=30)

        async def names() -> set[str] | None:
            found = {
                span.name
                for request in list(received)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
                if span.trace_id.hex() == trace
            }
            return found if any(name.startswith("job image") for name in found) else None

        found = await eventually(names)
    finally:
        worker.terminate()
        await worker.wait()
    assert "event image-worker-batch-requested" in found
