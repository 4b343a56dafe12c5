"""`./run bench NAME [--json]`: measure, print a table, and with --json one last line for scripts."""

import argparse
import asyncio
import importlib
import json
import sys

BENCHES = {
    "overhead": "images per second through the whole line, beside a bare loop doing the same writes",
    "dispatch": "accepted to taken, beside a bare loop doing the same writes",
    "worker": "how much of the time a GPU works, beside a worker that takes one image at a time",
    "finishing": "one print file of 24 megapixels, beside Pillow's defaults",
    "diffusers": "images per second of the diffusers lane, beside a bare loop over the same pipeline",
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
    arguments = parser.parse_args()
    table = asyncio.run(importlib.import_module(f"benchmarks.{arguments.name}").measure())
    table.show(sys.stdout)
    if arguments.json:
        print(json.dumps({"bench": arguments.name, "metrics": table.metrics}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
