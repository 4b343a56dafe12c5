"""`pressroom retry`: the images, or texts, of a finished batch that failed are made again, alone."""

from typing import Annotated

import typer

from pressroom.contracts.api import Batch
from pressroom.contracts.vocabulary import BatchState, Mode, ProviderName

from ..connection import Api
from ..options import Data, Json
from ..waiting import wait_for


def register(app: typer.Typer) -> None:
    app.command("retry")(retry)


def retry(
    batch: Annotated[str, typer.Argument(help="The batch.", metavar="BATCH")],
    *,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="Now, one by one, or as a provider's half-price job, the only way for texts.", show_default=False
        ),
    ] = None,
    provider: Annotated[
        ProviderName | None, typer.Option(help="Who makes them; the first of the batch's own that can, when absent.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is done; exit code 1 if images failed.")] = False,
    json: Json = False,
    data: Data = None,
) -> None:
    """Make again what failed of a batch, and nothing else."""
    body = {"mode": mode, "provider": provider}
    asked_for = {name: str(value) for name, value in body.items() if value is not None}
    with Api.of(data) as api:
        opened = Batch.model_validate_json(api.request("POST", f"/v1/batches/{batch}/retry", json=asked_for))
        if wait:
            opened = wait_for(api, batch, quiet=json)
    counts = opened.progress
    if json:
        typer.echo(opened.model_dump_json())
    else:
        typer.echo(f"{opened.id} {opened.state}: {counts.ready} of {counts.requested} made, {counts.failed} failed")
    if wait and (opened.state is not BatchState.COMPLETED or counts.failed):
        raise typer.Exit(1)
