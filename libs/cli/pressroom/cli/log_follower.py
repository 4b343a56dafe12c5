"""Follows the programs' log files: new lines, whole ones only, each with the name of who wrote it.

The files are the programs' own, so nothing is lost or held up when nobody follows. One that grows past a limit is
set aside (`.1`, one deep) and begun again; what is written in between those two steps is lost, and nothing else.
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

_KEPT_BYTES = 20 * 1024 * 1024
_READ_BYTES = 256 * 1024


class LogFollower:
    """Where each file was read up to."""

    def __init__(self, logs: Iterable[tuple[str, Path]]) -> None:
        """Lines that are in the files already are not shown again."""
        self._logs = dict(logs)
        self._positions = {name: _size(path) for name, path in self._logs.items()}

    def new_lines(self) -> Iterator[tuple[str, str]]:
        """Name and line of everything written since the last call."""
        for name, path in self._logs.items():
            if _size(path) < self._positions[name]:
                self._positions[name] = 0
            if _size(path) == self._positions[name]:
                continue
            with path.open("rb") as log:
                log.seek(self._positions[name])
                block = log.read(_READ_BYTES)
            whole = block.rfind(b"\n") + 1 or (len(block) if len(block) == _READ_BYTES else 0)
            self._positions[name] += whole
            for line in block[:whole].decode(errors="replace").splitlines():
                yield name, line


def trim(paths: Iterable[Path]) -> None:
    """Set aside what has grown too large. Whoever writes to it must append."""
    for path in paths:
        if _size(path) > _KEPT_BYTES:
            with contextlib.suppress(OSError):  # a full disk: try again later
                shutil.copyfile(path, path.with_name(path.name + ".1"))
                with path.open("r+b") as log:
                    log.truncate()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
