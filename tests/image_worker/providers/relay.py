"""A server between a provider and the sandbox: it sees every request, holds an answer back until the test is over, or
answers in the sandbox's place with what a vendor is known to say. What breaks behind it breaks in front of it too."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

HELD_AT_MOST_S = 30.0
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"})


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        return json.loads(self.body)


@dataclass(frozen=True)
class Scripted:
    """An answer in the vendor's place."""

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Relay:
    """One that is running. `url` is where a provider finds it."""

    behind: str
    url: str = ""
    seen: list[Seen] = field(default_factory=list[Seen])
    hold_next: bool = False
    """Hold back the next answer; what was asked for is done all the same."""
    hold_words: bytes | None = None
    """The same for every request with these words in it."""
    released: threading.Event = field(default_factory=threading.Event)
    scripted: deque[Scripted] = field(default_factory=deque[Scripted])

    def answer(self, status: int, body: object, **headers: str) -> None:
        """Answer one more request with this; a body that is not bytes is sent as JSON. `_` in a header is `-`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.scripted.append(Scripted(status, content, {"Content-Type": "application/json", **named}))

    def holds(self, body: bytes) -> bool:
        held = self.hold_next or (self.hold_words is not None and self.hold_words in body)
        self.hold_next = False
        return held


@contextmanager
def running_relay(behind: str) -> Iterator[Relay]:
    """A relay to the server at `behind`."""
    relay = Relay(behind)
    with httpx.Client(timeout=HELD_AT_MOST_S, trust_env=False) as onward:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(relay, onward))
        server.daemon_threads = True
        relay.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.released.set()
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(relay: Relay, onward: httpx.Client) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            seen = Seen("POST", self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            relay.seen.append(seen)
            if relay.scripted:
                scripted = relay.scripted.popleft()
                self._say(scripted.status, scripted.headers, scripted.body, len(scripted.body))
                return
            held = relay.holds(body)
            headers = {name: value for name, value in seen.headers.items() if name not in _HOP_BY_HOP}
            got: list[bytes] = []
            try:
                with onward.stream("POST", relay.behind + self.path, content=body, headers=headers) as response:
                    try:
                        got.extend(response.iter_raw())
                    except httpx.TransportError:
                        self.close_connection = True
            except httpx.TransportError:
                self.close_connection = True
                return
            if held:
                relay.released.wait(HELD_AT_MOST_S)
            content = b"".join(got)
            kept = {name: value for name, value in response.headers.items() if name not in _HOP_BY_HOP}
            self._say(response.status_code, kept, content, int(response.headers.get("content-length", len(content))))

        def _say(self, status: int, headers: dict[str, str], body: bytes, length: int) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
            return None

    return Handler
