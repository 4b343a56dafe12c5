"""How a command finds what it talks to: the environment where that says so, else the instance of the data folder."""

import os
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from pressroom.contracts.api import Problem
from pressroom.runtime.settings import Settings, load

from .data_folder import DataFolder, InstanceFacts
from .errors import CommandFailed, NotAnswered

_TIMEOUT_S = 30.0


def instance(data: Path | None) -> InstanceFacts:
    """What runs in a data folder. Raises `CommandFailed` when nothing does."""
    folder = DataFolder(data)
    facts = folder.running()
    if facts is not None:
        return facts
    if folder.is_locked():
        raise CommandFailed(f"Pressroom is starting in {folder.path}; try again in a moment.")
    raise CommandFailed(
        f"Pressroom does not run in {folder.path}.\n"
        f"Start it with: ./run up --detach{folder.option}\n"
        "If it runs with another data folder, add --data FOLDER."
    )


def server_settings(data: Path | None) -> Settings:
    """Where NATS, MongoDB and the blobs are."""
    from_environment = {"PRESSROOM_NATS_URL", "PRESSROOM_MONGO_URL"} & os.environ.keys()
    if from_environment:
        return load(Settings)
    return settings_of(instance(data))


def settings_of(facts: InstanceFacts) -> Settings:
    """Where an instance's NATS, MongoDB and blobs are."""
    values: dict[str, Any] = {
        "nats_url": facts.nats_url,
        "nats_token": facts.nats_token,
        "mongo_url": facts.mongo_url,
        "mongo_database": facts.mongo_database,
        "blob_url": facts.blob_url,
    }
    return Settings(**values)


class Api:
    """The gateway's API for one command; every refusal is a `CommandFailed` that says what was wrong,
    a `NotAnswered` where it may have been done."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S)

    @classmethod
    def of(cls, data: Path | None) -> Self:
        """`PRESSROOM_URL` with `PRESSROOM_API_TOKEN`, else the instance of the data folder."""
        url = os.environ.get("PRESSROOM_URL")
        if url:
            return cls(url, os.environ.get("PRESSROOM_API_TOKEN", ""))
        facts = instance(data)
        return cls(facts.url, facts.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> bytes:
        """The answer's body."""
        try:
            response = self._http.request(
                method, path, json=json, content=content, params=query, headers=headers, timeout=timeout_s
            )
        except httpx.HTTPError as error:
            raise NotAnswered(f"{self.url} does not answer ({error}).\nSee what runs with: ./run status") from error
        if response.is_server_error or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise NotAnswered(_what_was_wrong(response))
        if response.is_error:
            raise CommandFailed(_what_was_wrong(response))
        return response.content


def _what_was_wrong(response: httpx.Response) -> str:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return f"{response.request.url} answered {response.status_code}: {response.text[:500]}"
    lines = [f"{problem.title} ({problem.status})" + (f": {problem.detail}" if problem.detail else "")]
    lines += [f"  {reason.field}: {reason.message}" for reason in problem.errors]
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        lines.append("  The token is in PRESSROOM_API_TOKEN, or in the data folder's `token` file.")
    return "\n".join(lines)
