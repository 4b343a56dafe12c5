"""Keeps programs running: starts them, sees when they are ready, starts again what dies, ends them in order.

It is driven by `tick` from one thread, which is the one that starts children. If that process dies, its children
die with it (`pressroom.cli.children`); what they had acknowledged is theirs to find at the next start.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .children import Child, how_it_ended
from .data_folder import ProgramFacts
from .programs import Program

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_STEADY_AFTER_S = 10.0  # a program that ran this long was well: the next pause is the first one again
_PROBE_EVERY_S = 0.05
_DEATHS_BEFORE_GIVING_UP = 3  # of a program that was never ready: a wrong setting, not bad luck


@dataclass
class _Watched:
    program: Program
    child: Child | None = None
    ready: bool = False
    ever_ready: bool = False
    restarts: int = 0
    pause_s: float = field(default=_FIRST_PAUSE_S)
    started_at: float = 0.0
    start_at: float = 0.0
    probe_at: float = 0.0


class Supervisor:
    """The programs of one instance. `tell` is called with a line or more for people."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._watched: dict[str, _Watched] = {}

    def add(self, programs: Iterable[Program]) -> None:
        """Start these at the next `tick`, and keep them running."""
        for program in programs:
            self._watched[program.name] = _Watched(program)

    def tick(self) -> bool:
        """Look after every program once; True when anything changed.

        Raises `ChildFailed` when a program that was never ready keeps dying.
        """
        changed = False
        for watched in self._watched.values():
            changed |= self._look_after(watched)
        return changed

    @property
    def all_ready(self) -> bool:
        return all(watched.ready for watched in self._watched.values())

    def facts(self) -> tuple[ProgramFacts, ...]:
        return tuple(
            ProgramFacts(
                name=watched.program.name,
                state="ready" if watched.ready else "starting" if watched.child else "waiting",
                pid=watched.child.pid if watched.child else None,
                url=watched.program.url,
                restarts=watched.restarts,
            )
            for watched in self._watched.values()
        )

    def stop(self, names: Iterable[str]) -> None:
        """End these together, and SIGKILL who does not end within its grace. They are not started again."""
        ending = [self._watched[name] for name in names if name in self._watched]
        for watched in ending:
            if watched.child:
                watched.child.ask_to_end()
        for watched in ending:
            if watched.child:
                watched.child.stop(watched.program.grace_s)
            self._watched.pop(watched.program.name, None)

    def kill(self) -> None:
        """SIGKILL to everything."""
        for watched in self._watched.values():
            if watched.child:
                watched.child.kill()

    def _look_after(self, watched: _Watched) -> bool:
        now = time.monotonic()
        if watched.child is None:
            if now < watched.start_at:
                return False
            program = watched.program
            watched.child = Child(program.name, program.argv, program.log, environment=program.environment)
            watched.started_at = now
            return True
        if watched.child.exit_code is not None:
            self._bury(watched, watched.child, watched.child.exit_code, now)
            return True
        if not watched.ready and now >= watched.probe_at:
            watched.ready = watched.program.is_ready()
            watched.ever_ready |= watched.ready
            watched.probe_at = time.monotonic() + _PROBE_EVERY_S
            return watched.ready
        return False

    def _bury(self, watched: _Watched, child: Child, exit_code: int, now: float) -> None:
        child.kill()  # what it may have started itself
        watched.restarts += 1
        if not watched.ever_ready and watched.restarts >= _DEATHS_BEFORE_GIVING_UP:
            child.check()
        if now - watched.started_at > _STEADY_AFTER_S:
            watched.pause_s = _FIRST_PAUSE_S
        said = "" if exit_code < 0 or watched.program.shown else f" It said ({child.log}):\n{child.tail()}"
        self._tell(f"{watched.program.name} {how_it_ended(exit_code)}; again in {watched.pause_s:.1f} s.{said}")
        watched.child = None
        watched.ready = False
        watched.start_at = now + watched.pause_s
        watched.pause_s = min(watched.pause_s * 2, _LONGEST_PAUSE_S)
