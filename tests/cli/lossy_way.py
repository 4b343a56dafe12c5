"""A way to the gateway on which answers get lost: the request arrives, and whoever asked hears nothing of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx

_PASSED_ON = ("authorization", "content-type", "idempotency-key")


@contextmanager
def losing(url: str, lost: int) -> Iterator[str]:
    """The address of a way to `url` that loses the answer of POST number `lost`, counted from 1."""
    posts = count(1)

    class _Way(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            answer = httpx.request(
                self.command, url + self.path, content=content, headers=headers, trust_env=False, timeout=60
            )
            self.close_connection = True
            if self.command == "POST" and next(posts) == lost:
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Way) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
