"""`pressroom audit`: fold the event stream and compare it with the database; exit code 1 when they differ."""

import asyncio
import dataclasses
import json as json_module

import typer

from pressroom.runtime.audit import AuditReport
from pressroom.runtime.audit import audit as audit_all

from ..connection import server_settings
from ..options import Data, Json


def register(app: typer.Typer) -> None:
    app.command("audit")(audit)


def audit(*, json: Json = False, data: Data = None) -> None:
    """Compare what the events told with what is stored. Work that is under way counts as drift."""
    report = asyncio.run(audit_all(server_settings(data)))
    if json:
        typer.echo(json_module.dumps({**dataclasses.asdict(report), "drift": len(report.drifts)}))
    else:
        typer.echo(describe(report))
    if report.drifts:
        raise typer.Exit(1)


def describe(report: AuditReport) -> str:
    """Every drift, then what was compared."""
    lines = [f"{drift.entity} {drift.id}: told {drift.told}, stored {drift.stored}" for drift in report.drifts]
    if not report.complete:
        lines.append(
            "The stream no longer has its oldest events: what is older than the first that it has is not compared."
        )
    if report.unreadable:
        lines.append(f"{report.unreadable} messages of the stream are no events that this version knows.")
    lines.append(
        f"{len(report.drifts)} drifts in {report.events} events, {report.batches} batches, {report.images} images, "
        f"{report.publications} publications, {report.provider_jobs} provider jobs, {report.notices} notices, "
        f"{report.accounts} accounts, {report.budgets} budgets."
    )
    return "\n".join(lines)
