"""`/v1/statistics`: what was asked for and what became of it, by day, provider or batch, as JSON or as a CSV file."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from fastapi import Query, Response

from pressroom.contracts.facts import Reason
from pressroom.contracts.reports import Counted, Grouping, Statistics, StatisticsRow
from pressroom.contracts.vocabulary import ImageState, Scope
from pressroom.state.machines import IMAGE_READY
from pressroom.state.statistics import Tally, tallies

from .access import Caller, GuardedRouter, Responses, Who, demand
from .edge.problems import invalid
from .house import House
from .moments import AskedMoment
from .views import dollars

router = GuardedRouter("/v1/statistics", "statistics", Scope.READ)

USUAL_DAYS = 30
RANGE_MAX_DAYS = 366
ROWS_MAX = 1000
_CENT = Decimal("0.01")


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"


_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("", response_model=Statistics, responses=_CSV)
async def get_statistics(
    owner: Caller,
    who: Who,
    house: House,
    since: Annotated[AskedMoment | None, Query(description="30 days before `until` when absent.")] = None,
    until: Annotated[AskedMoment | None, Query(description="Now when absent.")] = None,
    by: Grouping = Grouping.DAY,
    everybody: Annotated[bool, Query(description="All owners' together; needs the scope `operate`.")] = False,
    format: Format = Format.JSON,  # noqa: A002 - the parameter's name in the URL
) -> Statistics | Response:
    """Images and texts by the time at which they were asked for; at most 1000 rows, and the totals of all. The CSV has
    a row's name, date, total, successful, failed, time (minutes:seconds that providers worked) and cost in US dollars.
    """
    if everybody:
        demand(who, Scope.OPERATE)
    until = until or datetime.now(UTC)
    since = since or until - timedelta(days=USUAL_DAYS)
    if not timedelta(0) < until - since <= timedelta(days=RANGE_MAX_DAYS):
        message = f"from 'since' to 'until' must be more than nothing and at most {RANGE_MAX_DAYS} days"
        raise invalid([Reason(field="since", message=message)])
    found = await tallies(
        house.database.images.raw,
        by=by,
        owner=None if everybody else owner,
        since=since,
        until=until,
        limit=ROWS_MAX,
    )
    rows = tuple(StatisticsRow(**dict(counted(tally)), name=tally.name, date=tally.date) for tally in found.rows)
    if format is Format.CSV:
        headers = {"Content-Disposition": f'attachment; filename="statistics-by-{by}.csv"'}
        return Response(_csv(by, rows), media_type="text/csv", headers=headers)
    return Statistics(since=since, until=until, by=by, totals=counted(found.total), rows=rows)


def counted(tally: Tally) -> Counted:
    """A tally as the API shows it."""

    def of(*states: ImageState) -> int:
        return sum(tally.states[state] for state in states)

    total, placeholders = sum(tally.states.values()), tally.placeholders
    made, failed, cancelled = of(*IMAGE_READY) - placeholders, of(ImageState.FAILED), of(ImageState.CANCELLED)
    ended = made + placeholders + failed
    return Counted(
        total=total,
        successful=made,
        placeholders=placeholders,
        failed=failed,
        cancelled=cancelled,
        open=total - ended - cancelled,
        success_rate=round(made / ended, 4) if ended else None,
        tries=tally.tries,
        retry_rate=round(tally.retries / tally.tries, 4) if tally.tries else None,
        calls=tally.calls,
        cost_usd=dollars(tally.cost_microusd),
        seconds=round(tally.seconds, 3),
        seconds_per_image=round(tally.made_s / made, 3) if made else None,
    )


def _csv(by: Grouping, rows: tuple[StatisticsRow, ...]) -> str:
    """`batch_id,date,total,…`, as users had it; of days and providers without the date."""
    is_batch = by is Grouping.BATCH
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    dated = ["date"] if is_batch else []
    writer.writerow(["batch_id" if is_batch else str(by), *dated, "total", "successful", "failed", "time", "cost"])
    for row in rows:
        minutes, seconds = divmod(round(row.seconds), 60)
        cost = row.cost_usd if row.cost_usd % _CENT else row.cost_usd.quantize(_CENT)
        dates = [row.date] if is_batch else []
        time = f"{minutes:02}:{seconds:02}"
        writer.writerow([row.name, *dates, row.total, row.successful, row.failed, time, f"${cost}"])
    return text.getvalue()
