"""Clients of the older systems: `curl` in a shell, `fetch` in Node, and bodies by HTTP, against one running instance.

The scripts run as they stand. What is different for every reader comes from outside: curl's own configuration leads
`localhost:5000` and `localhost:3001` to the instance and brings the token. Where there is no curl, `plain_curl.py`
plays the part of it that the scripts use.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ENDS_WITHIN_S = 150
OLD_PORTS = (5000, 3001)
"""Where the older systems listened."""

NODE_BEGINS = """\
const token = process.env.TOKEN;
const fetch = (address, init) => globalThis.fetch(new URL(address, process.env.URL_BASE), init);
"""
"""What a page in a browser has and a script does not: its own address, and whoever is logged in."""


@dataclass(frozen=True)
class OldClients:
    """`folder` is the clients' home."""

    url: str
    token: str
    folder: Path
    curl: str | None = shutil.which("curl")

    def shell(self, script: str, *, brings_token: bool) -> str:
        """What a script prints. Raises `AssertionError` with what it complained of."""
        home = self.folder / ("with-token" if brings_token else "logs-in")
        home.mkdir(exist_ok=True)
        address = self.url.removeprefix("http://")
        lines = [f"connect-to = localhost:{port}:{address}" for port in OLD_PORTS]
        lines += ["silent", "show-error", 'noproxy = "*"']
        if brings_token:
            lines.append(f'header = "Authorization: Bearer {self.token}"')
        (home / ".curlrc").write_text("\n".join(lines))
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if self.curl is None:
            stand_in = home / "curl"
            stand_in.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "plain_curl.py"}" "$@"\n'
            )
            stand_in.chmod(0o755)
            programs.insert(0, str(home))
        (home / "script.sh").write_text(script)
        environment = {"PATH": os.pathsep.join(programs), "CURL_HOME": str(home), "HOME": str(home), "LANG": "C.UTF-8"}
        return self._run(["bash", str(home / "script.sh")], environment)

    def node(self, script: str) -> str:
        """What a script for a browser prints."""
        path = self.folder / "script.mjs"
        path.write_text(NODE_BEGINS + script)
        environment = {"PATH": os.environ["PATH"], "TOKEN": self.token, "URL_BASE": self.url}
        return self._run([shutil.which("node") or "node", str(path)], environment)

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=ENDS_WITHIN_S, trust_env=False) as http:
            return http.request(method, path, json=body)

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        assert not ended.stderr, ended.stderr
        return ended.stdout


def documents_in(text: str) -> list[Any]:
    """The JSON objects and lists of what a script printed, in order."""
    return list(_documents(text))


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    place = 0
    while place < len(text):
        if text[place] in "{[":
            document, place = decoder.raw_decode(text, place)
            yield document
        else:
            place += 1
