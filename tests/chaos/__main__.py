"""`./run chaos`: a steady run of batches while everything is killed at random; then what was lost is counted.

Each of the four services, nats-server and mongod is killed with SIGKILL and started again by the launcher. `unsure` are
jobs that a vendor has beyond one for an image, each explained by a try that is counted as perhaps paid. `overspend` are
accounts and caps under which more went than was given or allowed, by our books or the vendors'. Exit code 1 on any
violation; the data folder is kept then, and the printed seed gives the same order of kills and requests.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

import structlog
import typer

from pressroom.cli.data_folder import DataFolder, InstanceFacts
from pressroom.cli.errors import CommandFailed
from pressroom.cli.nats_connection import connected
from pressroom.cli.own_instance import OwnInstance, without_settings

from .killer import Killer
from .load import SLOW_VENDORS, Load, slow_openai
from .verdict import Verdict, drained, judge

_BATCH_EVERY_S = 3.0
_PAUSE_S = (1.5, 5.0)
_DRAIN_WITHIN_S = 240.0
_QUIET_WITHIN_S = 20.0


def tell(text: str) -> None:
    typer.echo(text, err=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="how long to submit and to kill")
    parser.add_argument("--seed", type=int, default=None, help="for the order of kills and requests")
    parser.add_argument("--workers", type=int, default=2, help="image workers")
    parser.add_argument("--keep", action="store_true", help="keep the data folder of a clean run too")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the last line is always JSON")
    return parser.parse_args()


async def run(folder: DataFolder, facts: InstanceFacts, seconds: float, seed: int) -> tuple[Verdict, Killer]:
    """The whole of it against a running instance."""
    began = time.monotonic()

    def tell_when(text: str) -> None:
        tell(f"{time.monotonic() - began:7.1f} s  {text}")

    load = Load(facts, random.Random(seed))
    killer = Killer(folder, random.Random(seed + 1), _PAUSE_S, tell_when)
    await slow_openai(facts)
    await load.let_a_payer_in()
    async with connected(facts.nats_url, facts.nats_token) as client:
        js = client.jetstream(timeout=5.0)
        approving = asyncio.create_task(load.approve_all(js))
        killing = asyncio.create_task(killer.run())
        asking: set[asyncio.Task[None]] = set()
        number = 0
        while time.monotonic() - began < seconds:
            asking.add(asyncio.create_task(load.ask(js, number)))
            number += 1
            await asyncio.sleep(_BATCH_EVERY_S)
            for task in (approving, killing):
                if task.done():
                    task.result()
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing
        await asyncio.gather(*asking)
        tell_when(f"{sum(killer.kills.values())} kills, {number} batches; draining")
        await drained(facts, load.acknowledged, _DRAIN_WITHIN_S)
        tell_when("judging")
        approving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await approving
    return await judge(facts, load.acknowledged, load.given, _QUIET_WITHIN_S), killer


def main() -> int:
    arguments = read_arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    tell(f"seed {seed}")
    path = Path(tempfile.mkdtemp(prefix="pressroom-chaos-"))
    environment = {**without_settings(os.environ), **SLOW_VENDORS}
    instance = OwnInstance(DataFolder(path), workers=arguments.workers, environment=environment)
    clean = False
    try:
        facts = instance.start()
        verdict, killer = asyncio.run(run(instance.folder, facts, arguments.seconds, seed))
        clean = verdict.clean
        for complaint in verdict.complaints:
            tell(f"VIOLATION  {complaint}")
        tell(", ".join(f"{name} {count}" for name, count in sorted(killer.kills.items())))
        result = {
            "kills": sum(killer.kills.values()),
            "images": verdict.images,
            "duplicates": verdict.duplicates,
            "lost": verdict.lost,
            "doubled_products": verdict.doubled_products,
            "drift": verdict.drift,
            "overspend": verdict.overspend,
            "unsure": verdict.unsure,
        }
        typer.echo(json.dumps(result))
    except CommandFailed as error:
        tell(str(error))
    finally:
        instance.stop()
        if clean and not arguments.keep:
            shutil.rmtree(path, ignore_errors=True)
        else:
            tell(f"The data folder is kept: {path}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
