"""What must be so before an example can be answered as its page shows, each under the words of the index."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import nats

from pressroom.cli.data_folder import InstanceFacts
from pressroom.contracts.cloudevents import headers_for
from pressroom.contracts.events import BatchRequested
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter

from ..house import PICTURE
from .old_clients import OldClients

WITHIN_S = 60.0
PAGES_BATCH = "batch_abc123def456"
PAGES_CASE = "case-2025-01-19"
EMAIL, PASSWORD = "user@example.com", "password"
"""Who logs in, in the pages."""
RUNPOD_ASKED = "POST /runpod/v2/"


@dataclass
class Situation:
    """A running instance and what its examples were given. `values` stand in examples for what only a reader has."""

    facts: InstanceFacts
    clients: OldClients
    user: OldClients
    values: dict[str, str] = field(default_factory=lambda: {"$PICTURE": base64.b64encode(PICTURE).decode()})

    def come_to(self, name: str) -> None:
        SITUATIONS[name](self)

    def over(self) -> None:
        """What went wrong on purpose goes wrong no more."""
        self._sandbox("DELETE", "faults")

    def _sandbox(self, method: str, path: str, body: Any = None) -> None:
        assert self.facts.sandbox_url is not None
        url = f"{self.facts.sandbox_url}/_sandbox/{path}"
        httpx.request(method, url, json=body, trust_env=False, timeout=20).raise_for_status()

    def pictures_fail(self, times: int) -> None:
        self._sandbox("POST", "faults", {"vendor": "runpod", "kind": "fail", "match": RUNPOD_ASKED, "times": times})

    def the_pages_batch(self) -> None:
        """It has the id that the page shows, which only a program upstream chooses, and some of it is approved."""
        if self.clients.send("GET", f"/v1/batches/{PAGES_BATCH}").status_code == httpx.codes.NOT_FOUND:
            asyncio.run(self._ask_by_event())
        self.until(f"/v1/batches/{PAGES_BATCH}", lambda batch: batch["state"] == "completed")
        images = self.clients.send("GET", f"/v1/batches/{PAGES_BATCH}/images").json()["items"]
        for image in images[:2]:
            self.clients.send("POST", f"/v1/images/{image['id']}/approve").raise_for_status()

    async def _ask_by_event(self) -> None:
        request = {
            "provider": "runpod",
            "prompt": "cyberpunk cat neon lights",
            "style": "digital art",
            "genre": "futuristic",
            "count": 5,
            "width": 64,
            "height": 64,
            "profile": "none",
        }
        client = await nats.connect(self.facts.nats_url, token=self.facts.nats_token)
        body = json.dumps({"batch_id": PAGES_BATCH, "request": request}).encode()
        headers = headers_for(BatchRequested.type_name(), source="upstream")
        subject = event_filter(BatchRequested, PAGES_BATCH)
        await client.jetstream().publish(subject, body, stream=EVENTS_STREAM, headers=headers)
        await client.close()

    def two_poses(self) -> None:
        poses = [{"prompt": "Generate character in front pose"}, {"prompt": "Generate character in side pose"}]
        made = self.user.send("POST", "/batch/create", {"type": "character", "requests": poses}).json()
        self.values["$GENERATION_ID"] = made["id"]
        self.until(f"/batch/status/{made['id']}", lambda status: status["status"] == "completed", self.user)

    def the_pages_character(self) -> None:
        body = {"characterId": "123", "prompt": "character in a beautiful garden", "width": 64, "height": 64}
        self.clients.send("POST", "/api/image-generation/generate", body).raise_for_status()

    def the_pages_case(self) -> None:
        """What the scripts' own files said of a case: three suspects and a scene."""
        suspects = [self._part(f"suspect-{number}", "suspect", f"suspect {number}") for number in (1, 2, 3)]
        self._keep_case([*suspects, self._part("scene", "scene", "a library at night")])

    def a_suspect_fails(self) -> None:
        """The third one is refused by the provider; all others are made."""
        suspects = [self._part(f"suspect-{number}", "suspect", f"suspect {number}") for number in (1, 2)]
        refused = self._part("suspect-3", "suspect", "[sandbox:moderated]")
        self._keep_case([*suspects, refused, self._part("scene", "scene", "a library at night")])
        body = {"caseId": PAGES_CASE, "options": {"delay": 0, "maxConcurrent": 4}}
        made = self.clients.send("POST", "/api/case-images/batches", body).json()
        self.values["$BATCH_ID"] = made["batchId"]
        self.until(f"/v1/batches/{made['batchId']}", lambda batch: batch["state"] == "completed")

    def half_of_a_case_is_made(self) -> None:
        """The batch of the page's file, whose pause is long enough to see one of two."""
        self.the_pages_case()
        images = [
            {"type": "suspect", "caseId": PAGES_CASE, "suspectId": "suspect-1"},
            {"type": "suspect", "caseId": PAGES_CASE, "suspectId": "suspect-2"},
        ]
        body = {"images": images, "options": {"delay": 600_000}}
        made = self.clients.send("POST", "/api/case-images/batches", body).json()
        self.values["$BATCH_ID"] = made["batchId"]
        self.until(f"/api/case-images/batches/{made['batchId']}", lambda progress: len(progress["completed"]) == 1)

    @staticmethod
    def _part(name: str, role: str, description: str) -> dict[str, Any]:
        return {"name": name, "role": role, "fields": {"description": description}}

    def _keep_case(self, parts: list[dict[str, Any]]) -> None:
        case = {"kind": "case", "title": "The Missing Page", "parts": parts}
        self.clients.send("PUT", f"/v1/subjects/{PAGES_CASE}", case).raise_for_status()

    def until(self, path: str, is_so: Callable[[Any], bool], whose: OldClients | None = None) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            answer = (whose or self.clients).send("GET", path)
            if answer.is_success and is_so(answer.json()):
                return
            assert time.monotonic() < deadline, f"{path} within {WITHIN_S} s: {answer.text}"
            time.sleep(0.1)


SITUATIONS: Mapping[str, Callable[[Situation], None]] = {
    "two pictures fail": lambda situation: situation.pictures_fail(2),
    "every picture fails": lambda situation: situation.pictures_fail(-1),
    "the batch of the page": Situation.the_pages_batch,
    "two poses are made": Situation.two_poses,
    "pictures of the page's character": Situation.the_pages_character,
    "the case of the page": Situation.the_pages_case,
    "a suspect fails": Situation.a_suspect_fails,
    "half of a case is made": Situation.half_of_a_case_is_made,
}
