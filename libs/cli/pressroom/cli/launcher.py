"""`pressroom up`: one instance on this machine, from nothing to ready, until it is told to end.

The order is servers, then everything else; the end is the other way round. A launcher that is killed
takes every program with it, and the next start in the same folder goes on where that one was.
"""

import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pydantic import TypeAdapter

from .children import Child, ChildFailed
from .data_folder import DataFolder, InstanceFacts
from .errors import CommandFailed
from .log_follower import LogFollower, trim
from .programs import House, Program, plan_house
from .servers import ServerMissing
from .supervisor import Supervisor

READY_WITHIN_S = 90.0
_FLAG = TypeAdapter(bool)
_TICK_S = 0.05
_TRIM_EVERY_S = 60.0


class _Ended(Exception):
    """Somebody asked the launcher to end."""


class Launcher:
    """Runs one instance. `tell` gets the launcher's own words, `show` the programs' lines with their names."""

    def __init__(self, folder: DataFolder, tell: Callable[[str], None], show: Callable[[str, str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._show = show
        self._supervisor = Supervisor(tell)
        self._signals = 0
        self._ready = False

    def run(self, *, workers: int, when_ready: Callable[[InstanceFacts], None]) -> None:
        """Start everything, call `when_ready` once, return when a signal has ended it all.

        Raises `CommandFailed` when something cannot start; everything that had started is ended by then.
        """
        with self._folder.locked(), self._listening_to_signals():
            self._folder.forget()
            try:
                house = plan_house(self._folder, os.environ, workers=workers)
                self._run(house, when_ready)
            except _Ended:
                self._tell("Ending.")
            except (ChildFailed, ServerMissing) as error:
                raise CommandFailed(str(error)) from error
            finally:
                self._end()
                self._folder.forget()

    def _run(self, house: House, when_ready: Callable[[InstanceFacts], None]) -> None:
        programs = [*house.servers, *house.sandbox, *house.services]
        follower = LogFollower((program.name, program.log) for program in programs if program.shown)
        deadline = time.monotonic() + READY_WITHIN_S
        self._supervisor.add([*house.servers, *house.sandbox])
        self._until_ready(house, follower, house.servers, deadline)
        # The services wait for the streams themselves, so their start and the provisioning go side by side.
        self._supervisor.add(house.services)
        self._provision(house, follower, deadline)
        self._until_ready(house, follower, programs, deadline)
        self._ready = True
        facts = self._facts(house)
        self._folder.publish(facts)
        when_ready(facts)
        logs = [*(program.log for program in programs), launcher_log(self._folder)]
        trim_at = 0.0
        while True:
            self._step(house, follower)
            if time.monotonic() > trim_at:
                trim(logs)
                trim_at = time.monotonic() + _TRIM_EVERY_S

    def _until_ready(self, house: House, follower: LogFollower, programs: Sequence[Program], deadline: float) -> None:
        wanted = {program.name for program in programs}
        while waiting := wanted - {facts.name for facts in self._supervisor.facts() if facts.state == "ready"}:
            if time.monotonic() > deadline:
                raise ChildFailed(
                    f"Not ready after {READY_WITHIN_S:.0f} s: {', '.join(sorted(waiting))}. "
                    f"What they said is in {self._folder.logs}"
                )
            self._step(house, follower)

    def _provision(self, house: House, follower: LogFollower, deadline: float) -> None:
        log = self._folder.logs / "provision.log"
        child = Child("provisioning", house.provisioning, log, environment=house.environment)
        try:
            while child.exit_code is None:
                if time.monotonic() > deadline:
                    raise ChildFailed(f"provisioning did not end:\n{child.tail()}")
                self._step(house, follower)
            if child.exit_code != 0:
                child.check()
        finally:
            child.kill()

    def _step(self, house: House, follower: LogFollower) -> None:
        if self._signals:
            raise _Ended
        changed = self._supervisor.tick()
        for name, line in follower.new_lines():
            self._show(name, line)
        if changed:
            self._folder.publish(self._facts(house))
        else:
            time.sleep(_TICK_S)

    def _facts(self, house: House) -> InstanceFacts:
        environment = house.environment
        return InstanceFacts(
            launcher_pid=os.getpid(),
            ready=self._ready,
            url=house.url,
            token=environment["PRESSROOM_API_TOKEN"],
            nats_url=environment["PRESSROOM_NATS_URL"],
            nats_token=environment.get("PRESSROOM_NATS_TOKEN"),
            mongo_url=environment["PRESSROOM_MONGO_URL"],
            mongo_database=environment["PRESSROOM_MONGO_DATABASE"],
            blob_url=environment["PRESSROOM_BLOB_URL"],
            sandbox_url=house.sandbox_url,
            stand_ins=house.stand_ins,
            is_open=_FLAG.validate_python(environment.get("PRESSROOM_AUTH_OPEN", "false")),
            programs=self._supervisor.facts(),
        )

    def _end(self) -> None:
        """Services first, so that they can say their last words to the servers."""
        names = [facts.name for facts in self._supervisor.facts()]
        servers = {"nats-server", "mongod"}
        self._supervisor.stop([name for name in names if name not in servers | {"sandbox"}])
        self._supervisor.stop(["sandbox"])
        self._supervisor.stop(servers)

    @contextmanager
    def _listening_to_signals(self) -> Generator[None]:
        """The first Ctrl-C ends everything in order, the third at once."""

        def note(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1
            if self._signals >= 3:
                self._supervisor.kill()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, note) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def launcher_log(folder: DataFolder) -> Path:
    """What a launcher in the background says."""
    return folder.logs / "launcher.log"
