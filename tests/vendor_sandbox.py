"""The vendors' sandbox as a process of its own on a free port, for tests of the clients that talk to vendors.

One is started in a test process and emptied before each test, so tests see only what they made. Its limits are
wide and its waits are short; tests that want them otherwise ask for faults.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

GEMINI_KEY = "sandbox-gemini-key"
OPENAI_KEY = "sandbox-openai-key"
RUNPOD_KEY = "sandbox-runpod-key"
RUNPOD_ENDPOINT = "sandbox-endpoint"
FLUX_KEY = "sandbox-flux-key"
PRINTIFY_TOKEN = "sandbox-printify-token"
SHOPIFY_TOKEN = "sandbox-shopify-token"

_LIMITS = {
    "PORT": "0",
    "PICTURE_PX": "64",
    "BATCH_SECONDS": "0.1",
    "MEDIA_SECONDS": "0.05",
    "COMFYUI_STEP_SECONDS": "0.01",
    "RUNPOD_SECONDS": "0.1",
    "FLUX_SECONDS": "0.1",
    "WEBHOOK_RETRY_SECONDS": "0.1",
    "PRINTIFY_PER_MINUTE": "100000",
    "PRINTIFY_CATALOG_PER_MINUTE": "100000",
    "PRINTIFY_PUBLISH_PER_HALF_HOUR": "100000",
    "SHOPIFY_BUCKET": "100000",
    "SHOPIFY_RESTORE_PER_SECOND": "10000",
}

_LOOKING = httpx.Client(timeout=30, trust_env=False, verify=False)
"""One for all, as making one takes longer than most tests; it speaks to this machine only."""


@dataclass(frozen=True)
class VendorSandbox:
    """A running sandbox and the look inside."""

    url: str

    def fault(self, vendor: str, kind: str, match: str, **more: object) -> None:
        """What goes wrong at the next request that matches, unless `times` or `after` say otherwise."""
        self._tell("POST", "faults", {"vendor": vendor, "kind": kind, "match": match, **more})

    def clear_faults(self) -> None:
        self._tell("DELETE", "faults")

    def strikes(self) -> int:
        """How many requests faults have hit."""
        return sum(fault["hits"] for fault in self._tell("GET", "faults"))

    def stats(self, vendor: str) -> dict[str, object]:
        return self._tell("GET", "stats")[vendor]

    def items(self, vendor: str, collection: str) -> list[dict[str, object]]:
        """What was given to a vendor; its `requests` are there too, newest first."""
        return self._tell("GET", f"{vendor}/{collection}")["items"]

    def lines(self, vendor: str) -> list[str]:
        """`METHOD path` of every request, oldest first."""
        return [f"{request['method']} {request['path']}" for request in reversed(self.items(vendor, "requests"))]

    def reset(self) -> None:
        self._tell("POST", "reset")

    def _tell(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        response = _LOOKING.request(method, f"{self.url}/_sandbox/{path}", json=body)
        response.raise_for_status()
        return response.json()


@contextmanager
def running_sandbox(folder: Path, **limits: str) -> Iterator[VendorSandbox]:
    """A sandbox with limits of its own, by the names of its settings in capitals."""
    settings = {f"PRESSROOM_SANDBOX_{name}": value for name, value in {**_LIMITS, **limits}.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "pressroom.sandbox", "--data", str(folder)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://"), "the sandbox did not start"
    try:
        yield VendorSandbox(url)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def vendor_sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("vendors")) as sandbox:
        yield sandbox


@pytest.fixture
def vendors(vendor_sandbox_process: VendorSandbox) -> VendorSandbox:
    """An empty sandbox."""
    vendor_sandbox_process.reset()
    return vendor_sandbox_process
