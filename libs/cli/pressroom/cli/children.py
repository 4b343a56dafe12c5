"""Child processes that never outlive the process that started them, however that one ends.

Each child leads a session of its own, so that a Ctrl-C on the terminal reaches only the parent, which ends its children
in the order that it wants. On Linux the kernel kills a child at the moment its parent is gone, kill -9
included (`PR_SET_PDEATHSIG`). The kernel means the parent's THREAD, so children are started from a main thread.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_TAIL_BYTES = 8192
_DEBIAN_PACKAGE_OF = {"libcurl.so.4": "libcurl4", "libcrypto.so.3": "libssl3", "libssl.so.3": "libssl3"}


class ChildFailed(Exception):
    """A child ended, or never became ready. The message has its last lines."""


def dies_with_its_parent() -> Callable[[], None]:
    """What a new child runs between fork and exec. It allocates nothing and takes no lock but the interpreter's."""
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return ask_the_kernel


def last_lines(path: Path, count: int = 12, *, since: int = 0) -> str:
    """The end of a log, nothing before byte `since`, indented; a hint when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(since, log.tell() - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"


def missing_library_advice(said: str) -> str:
    """What to type when the loader did not find a library that a program needs; empty when it did."""
    if "error while loading shared libraries" not in said:
        return ""
    packages = {package for library, package in _DEBIAN_PACKAGE_OF.items() if library in said}
    if not packages:
        return ""
    return f"\nOn Debian and Ubuntu type: sudo apt-get install -y {' '.join(sorted(packages))}"


def how_it_ended(exit_code: int) -> str:
    """In words, e.g. `ended with exit code 1`, `was killed by SIGKILL`."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    return f"was killed by {signal.Signals(-exit_code).name}"


class Child:
    """One running process that writes what it says to `log`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        dies_with_parent: bool = True,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._log_began = output.tell()
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                preexec_fn=dies_with_its_parent() if dies_with_parent else None,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal when one ended it."""
        return self._process.poll()

    def check(self) -> None:
        """Raise `ChildFailed` with its last lines when it has ended."""
        code = self.exit_code
        if code is not None:
            said = self.tail()
            advice = missing_library_advice(said)
            raise ChildFailed(f"{self.name} {how_it_ended(code)}. Its last lines ({self.log}):\n{said}{advice}")

    def tail(self) -> str:
        return last_lines(self.log, since=self._log_began)

    def kill(self) -> None:
        """SIGKILL, to the whole group: what a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM; returns at once."""
        if self.exit_code is None:
            self._process.terminate()

    def stop(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL when it still runs after `grace_s` seconds."""
        self.ask_to_end()
        if self.exit_code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        self.kill()
