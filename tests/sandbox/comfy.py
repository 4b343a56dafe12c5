"""ComfyUI as a test talks to it: a small graph, its HTTP client, and the messages of its WebSocket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from .process import DEADLINE_S, Sandbox, wait_for

MODEL = "sd_xl_base_1.0.safetensors"


def graph(prompt: str = "a fox", *, seed: int = 1, model: str = MODEL, steps: int = 3, **latent: int) -> dict[str, Any]:
    """The text-to-image workflow that every ComfyUI starts with."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["4", 0],
                "seed": seed,
                "steps": steps,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
                "denoise": 1.0,
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": model}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1} | latent},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "fox"}},
    }


def comfy(sandbox: Sandbox, server: str = "comfyui") -> httpx.Client:
    return httpx.Client(base_url=f"{sandbox.url}/{server}", timeout=DEADLINE_S)


def post(http: httpx.Client, prompt: dict[str, Any], **more: object) -> str:
    """Queues a graph; its prompt id."""
    prompt_id = str(uuid.uuid4())
    reply = http.post("/prompt", json={"prompt": prompt, "prompt_id": prompt_id, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["prompt_id"]


def past(http: httpx.Client, prompt_id: str) -> dict[str, Any]:
    """The history of a prompt, once it is there."""
    return wait_for(lambda: http.get(f"/history/{prompt_id}").json().get(prompt_id), f"the end of {prompt_id}")


def images(entry: dict[str, Any]) -> list[dict[str, str]]:
    return [image for output in entry["outputs"].values() for image in output["images"]]


@contextmanager
def listening(sandbox: Sandbox, client_id: str, server: str = "comfyui") -> Iterator[ClientConnection]:
    url = f"{sandbox.url}/{server}/ws?clientId={client_id}".replace("http://", "ws://")
    with connect(url, proxy=None) as socket:
        yield socket


def next_message(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The data of the next message of this kind; others pass."""
    while True:
        message = json.loads(socket.recv(timeout=DEADLINE_S))
        if message["type"] == kind:
            return message["data"]


def until_nothing_runs(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages up to `executing` with no node."""
    messages: list[dict[str, Any]] = []
    while True:
        message = json.loads(socket.recv(timeout=DEADLINE_S))
        messages.append(message)
        if message["type"] == "executing" and message["data"]["node"] is None:
            return messages
