"""A sandbox as a real process on a random port, and waiting for what it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

DEADLINE_S = 20
T = TypeVar("T")


@dataclass
class Sandbox:
    """A running sandbox process and the folder that outlives it."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    url: str = ""
    started_in_s: float = 0.0

    def start(self) -> Sandbox:
        began = time.monotonic()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
        environ |= {"PRESSROOM_SANDBOX_DATA": str(self.data), "PRESSROOM_SANDBOX_PICTURE_PX": "128"}
        environ |= {f"PRESSROOM_SANDBOX_{name.upper()}": value for name, value in self.settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pressroom.sandbox"], env=environ, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert httpx.get(f"{self.url}/healthz", timeout=DEADLINE_S).json()["status"] == "ok"
        self.started_in_s = time.monotonic() - began
        return self

    def kill(self) -> None:
        """Ends the process as a power cut would: nothing is told to it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def reset(self) -> None:
        assert httpx.post(f"{self.url}/_sandbox/reset").json() == {"reset": True}

    def stats(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/_sandbox/stats").json()

    def fault(self, **fault: object) -> dict[str, Any]:
        reply = httpx.post(f"{self.url}/_sandbox/faults", json=fault)
        assert reply.status_code == 201, reply.text
        return reply.json()

    def gemini(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"x-goog-api-key": "sandbox-gemini-key"}, timeout=DEADLINE_S)

    def printify(self) -> httpx.Client:
        headers = {"Authorization": "Bearer sandbox-printify-token", "User-Agent": "pressroom-tests"}
        return httpx.Client(base_url=f"{self.url}/printify/v1", headers=headers, timeout=DEADLINE_S)

    def graphql(self, document: str, **variables: object) -> dict[str, Any]:
        reply = httpx.post(
            f"{self.url}/shopify/admin/api/2026-10/graphql.json",
            headers={"X-Shopify-Access-Token": "sandbox-shopify-token"},
            json={"query": document, "variables": variables},
            timeout=DEADLINE_S,
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


def wait_for(condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """The first true value of `condition`."""
    until = time.monotonic() + deadline_s
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.03)
    raise AssertionError(f"waited {deadline_s} s for {what}")
