"""`pressroom openapi`: the HTTP API's document, as this version's gateway serves it at `/openapi.json`.

The gateway's own program is asked for it, which needs no server and no instance; nothing is read or written besides.
"""

import json
import subprocess
import sys
from typing import Annotated

import typer

from ..errors import CommandFailed
from ..readable_yaml import readable_yaml

GATEWAY = (sys.executable, "-m", "pressroom.gateway", "openapi")


def register(app: typer.Typer) -> None:
    app.command("openapi")(openapi)


def openapi(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON; YAML when absent.")] = False) -> None:
    """Print the API's OpenAPI 3.1 document, for client generators and readers; needs no running instance."""
    told = subprocess.run(GATEWAY, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise CommandFailed(f"The gateway's program could not write its document: {told.stderr.strip()}")
    sys.stdout.write(told.stdout if as_json else readable_yaml(json.loads(told.stdout)))
