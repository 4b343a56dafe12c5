"""`./run bench NAME [--json]`: measure, print a table, and with --json one last line for scripts."""

import argparse
import asyncio
import importlib
import json
import sys

from pressroom.runtime.importing import importing

BENCHES = {
    "overhead": "images per second through the whole line, beside a bare loop doing the same writes",
    "dispatch": "accepted to taken, beside a bare loop doing the same writes",
    "worker": "how much of the time a GPU works, beside a worker that takes one image at a time",
    "finishing": "one print file of 24 megapixels, beside Pillow's defaults",
    "diffusers": "images per second of the diffusers lane, beside a bare loop over the same pipeline",
    "collect": "a provider job's result file of a gigabyte: MB per second, and the poller's peak memory",
    "gateway": "batches accepted a second over HTTP, beside a bare handler of one write and one publish",
    "tail": "200 clients of the live events while 50 events a second flow: lag, and what is lost across a cut",
    "jobs": "provider jobs in flight, 2000 unless --jobs says otherwise: status calls, CPU, memory, late ones",
}


def main() -> int:
    listing = "\n".join(f"  {name:<10} {what}" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description=f"Measures on this machine, in one run:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHES, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments, more = parser.parse_known_args()
    with importing():
        bench = importlib.import_module(f"benchmarks.{arguments.name}")
    # What only one bench knows, it reads itself; one that knows nothing of it refuses it.
    options: dict[str, object] = bench.options(more) if hasattr(bench, "options") else {}
    if more and not options:
        parser.error(f"{arguments.name} takes no {' '.join(more)}")
    table = asyncio.run(bench.measure(**options))
    table.show(sys.stdout)
    if arguments.json:
        print(json.dumps({"bench": arguments.name, "metrics": table.metrics}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
