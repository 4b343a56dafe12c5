"""The folder of one instance: its lock, its token, the ports it had last time, and what it says about itself.

One launcher at a time holds the lock, and the kernel frees it when that process is gone. Every file is written
whole beside its place and moved there, so a reader never sees half of one.
"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pressroom.runtime.settings import default_data_dir

from .errors import CommandFailed
from .ports import free_port, is_free

_TOKEN_BYTES = 24
_JWT_SECRET_BYTES = 32


class ProgramFacts(BaseModel):
    """One program of the instance, as the launcher sees it."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    pid: int | None = None
    url: str | None = None
    restarts: int = 0


class InstanceFacts(BaseModel):
    """What a running launcher tells: where things are and how to be let in. `ready`: everything took work at once."""

    model_config = ConfigDict(frozen=True)

    launcher_pid: int
    ready: bool
    url: str
    token: str
    nats_url: str
    nats_token: str | None = None
    mongo_url: str
    mongo_database: str
    blob_url: str
    sandbox_url: str | None = None
    stand_ins: tuple[str, ...] = ()
    is_open: bool = False
    programs: tuple[ProgramFacts, ...] = ()


class DataFolder:
    """One instance's folder, whether anything runs in it or not."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or default_data_dir()).expanduser().resolve()
        self.is_default = self.path == default_data_dir().expanduser().resolve()
        self.logs = self.path / "logs"

    @property
    def option(self) -> str:
        """What to type after a command so that it means this folder."""
        return "" if self.is_default else f" --data {self.path}"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the folder for one launcher. Raises `CommandFailed` when another has it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self.taken() from None
            yield

    def taken(self) -> CommandFailed:
        """What to say to who wants to start a second launcher here."""
        return CommandFailed(
            f"Pressroom runs already in {self.path}.\n"
            f"See it with: ./run status{self.option}   End it with: ./run down{self.option}\n"
            "For a second one beside it: ./run up --data ANOTHER_FOLDER"
        )

    def is_locked(self) -> bool:
        """Whether a launcher runs here."""
        try:
            with (self.path / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def token(self) -> str:
        """The API's bearer token: made once, readable by its owner only."""
        return self._secret("token", _TOKEN_BYTES)

    def jwt_secret(self) -> str:
        """What logins are signed with, so that they hold across starts: made once, readable by its owner only."""
        return self._secret("jwt-secret", _JWT_SECRET_BYTES)

    def ports(self, names: list[str]) -> dict[str, int]:
        """A port for each name: the one it had last time where that is free, so that addresses stay."""
        place = self.path / "ports.json"
        remembered: dict[str, int] = json.loads(place.read_text()) if place.exists() else {}
        chosen: dict[str, int] = {}
        for name in names:
            port = remembered.get(name)
            while port is None or port in chosen.values() or not is_free(port):
                port = free_port()
            chosen[name] = port
        self._write(place, json.dumps({**remembered, **chosen}, indent=2))
        return chosen

    def publish(self, facts: InstanceFacts) -> None:
        """Tell the other commands; the file has the token, so its owner alone may read it."""
        self._write(self.path / "instance.json", facts.model_dump_json(indent=2))

    def running(self) -> InstanceFacts | None:
        """What the launcher that runs here told last; None when none runs, or it has told nothing yet."""
        if not self.is_locked():
            return None
        try:
            return InstanceFacts.model_validate_json((self.path / "instance.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def forget(self) -> None:
        """What the last launcher told is over."""
        (self.path / "instance.json").unlink(missing_ok=True)

    def _secret(self, name: str, size: int) -> str:
        place = self.path / name
        if not place.exists():
            self._write(place, secrets.token_urlsafe(size))
        return place.read_text().strip()

    def _write(self, place: Path, text: str) -> None:
        """`mkstemp` makes the file with mode 0600."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix=f".{place.name}.")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).replace(place)
