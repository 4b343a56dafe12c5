"""Bytes that the sandbox was given, as files in folders. A file appears under its name only when it is whole (written
beside it and renamed), so a crash leaves either the file or a `.part` that nobody reads."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")


class BlobFolder:
    """One vendor's kind of blob; names are the vendor's ids."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the blob of this name is or would be; `ValueError` for a name that could leave the folder."""
        if SAFE_NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a blob")
        return self.folder / name

    def write(self, name: str, content: bytes) -> Path:
        path = self.path(name)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        part.replace(path)
        return path

    def read(self, name: str) -> bytes | None:
        path = self.path(name)
        return path.read_bytes() if path.is_file() else None

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def delete(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
