"""`/v1/statistics` and a batch's report: what was asked for, what became of it, what it took."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pressroom.contracts.facts import ErrorReport, ProviderTry
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderName, Role, TryOutcome
from pressroom.gateway import statistics

from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of

BEGAN = datetime(2026, 1, 19, 10, 0, tzinfo=UTC)


def a_try(
    seconds: float, cost_microusd: int, *, made: bool = True, by: ProviderName = ProviderName.STUDIO
) -> dict[str, Any]:
    outcome = TryOutcome.MADE if made else TryOutcome.FAILED
    known = ProviderTry(
        provider=by,
        outcome=outcome,
        calls=1,
        cost_microusd=cost_microusd,
        began_at=BEGAN,
        seconds=seconds,
    )
    return known.model_dump()


async def a_batch(gateway: Gateway, created_at: datetime = BEGAN, owner: str = "default") -> str:
    """Four images: made at once, made at the second try, failed, and one that waits."""
    house = gateway.house
    batch = await gateway.planned(count=4, owner=owner)
    error = ErrorReport(kind=ErrorKind.RATE_LIMIT, message="too many requests", recoverable=True)
    changes: list[dict[str, Any]] = [
        {"state": str(ImageState.GENERATED), "tries": [a_try(60, 20_000)]},
        {"state": str(ImageState.APPROVED), "tries": [a_try(20, 0, made=False), a_try(40, 20_000)]},
        {"state": str(ImageState.FAILED), "tries": [a_try(30, 0, made=False)], "error": error.model_dump()},
        {},
    ]
    for index, change in enumerate(changes):
        await house.database.images.change(f"{batch.id}-{index:04}", {"created_at": created_at, **change})
    await house.database.batches.change(batch.id, {"created_at": created_at})
    return batch.id


async def asked(gateway: Gateway, query: str = "") -> Any:
    answer = await gateway.http.get(f"/v1/statistics?since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z{query}")
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


async def test_what_became_of_images_and_what_it_took(gateway: Gateway) -> None:
    await a_batch(gateway)
    assert (await asked(gateway))["totals"] == {
        "total": 4,
        "successful": 2,
        "placeholders": 0,
        "failed": 1,
        "cancelled": 0,
        "open": 1,
        "success_rate": 0.6667,
        "tries": 4,
        "retry_rate": 0.25,
        "calls": 4,
        "cost_usd": "0.04",
        "seconds": 150.0,
        "seconds_per_image": 60.0,
    }


async def test_a_deleted_image_counts_as_it_ended(gateway: Gateway) -> None:
    batch = await a_batch(gateway)
    before = (await asked(gateway))["totals"]
    assert (await gateway.http.delete(f"/v1/images/{batch}-0000")).status_code == 204
    assert (await asked(gateway))["totals"] == before


async def test_by_day_by_provider_and_by_batch(gateway: Gateway) -> None:
    first, second = await a_batch(gateway), await a_batch(gateway, BEGAN + timedelta(days=1))
    days = (await asked(gateway, "&by=day"))["rows"]
    assert [(row["name"], row["total"]) for row in days] == [("2026-01-20", 4), ("2026-01-19", 4)]
    assert [(row["name"], row["total"]) for row in (await asked(gateway, "&by=provider"))["rows"]] == [("studio", 8)]
    batches = (await asked(gateway, "&by=batch"))["rows"]
    assert [(row["name"], row["date"]) for row in batches] == [(second, "2026-01-20"), (first, "2026-01-19")]


async def test_each_try_counts_for_the_provider_that_was_tried(gateway: Gateway) -> None:
    batch = await gateway.planned()
    change = {
        "created_at": BEGAN,
        "state": str(ImageState.GENERATED),
        "provider": str(ProviderName.FLUX),
        "tries": [
            a_try(20, 1000, made=False),
            a_try(30, 2000, made=False),
            a_try(40, 50_000, by=ProviderName.FLUX),
        ],
    }
    await gateway.house.database.images.change(f"{batch.id}-0000", change)
    flux, studio = (await asked(gateway, "&by=provider"))["rows"]
    shown = ("name", "total", "successful", "tries", "retry_rate", "calls", "cost_usd", "seconds", "seconds_per_image")
    assert [flux[name] for name in shown] == ["flux", 1, 1, 1, 1.0, 1, "0.05", 40.0, 40.0]
    assert [studio[name] for name in shown] == ["studio", 0, 0, 2, 0.5, 2, "0.003", 50.0, None]


async def test_a_placeholder_is_no_success(gateway: Gateway) -> None:
    batch = await a_batch(gateway)
    change = {"state": str(ImageState.GENERATED), "provider": str(ProviderName.PLACEHOLDER)}
    await gateway.house.database.images.change(f"{batch}-0003", change)
    totals = (await asked(gateway))["totals"]
    counts = [totals[name] for name in ("total", "successful", "placeholders", "failed", "open", "success_rate")]
    assert counts == [4, 2, 1, 1, 0, 0.5]


async def test_totals_are_of_everything_however_few_rows_are_shown(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "ROWS_MAX", 1)
    await a_batch(gateway)
    await a_batch(gateway, BEGAN + timedelta(days=1))
    found = await asked(gateway)
    assert ([row["name"] for row in found["rows"]], found["totals"]["total"]) == (["2026-01-20"], 8)


async def test_as_a_file_it_has_the_columns_that_users_had(gateway: Gateway) -> None:
    batch = await a_batch(gateway)
    lines = (await asked(gateway, "&by=batch&format=csv")).splitlines()
    assert lines == ["batch_id,date,total,successful,failed,time,cost", f"{batch},2026-01-19,4,2,1,02:30,$0.04"]
    assert (await asked(gateway, "&by=provider&format=csv")).splitlines()[1] == "studio,4,2,1,02:30,$0.04"


async def test_everybodys_are_for_operators(gateway: Gateway) -> None:
    user, operator = await a_user(gateway.house, Role.USER), await a_user(gateway.house, Role.OPERATOR)
    await a_batch(gateway)
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
        path = "/v1/statistics?since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z"
        own = (await http.get(path, headers=bearer(token_of(operator)))).json()
        everybodys = (await http.get(f"{path}&everybody=true", headers=bearer(token_of(operator)))).json()
        refused = await http.get(f"{path}&everybody=true", headers=bearer(token_of(user)))
    assert (own["totals"]["total"], everybodys["totals"]["total"]) == (0, 4)
    problem_of(refused, 403, "insufficient-scope")


async def test_nothing_asked_for_is_nothing_counted(gateway: Gateway) -> None:
    found = (await gateway.http.get("/v1/statistics")).json()
    assert (found["rows"], found["totals"]["total"], found["totals"]["success_rate"]) == ([], 0, None)
    since, until = datetime.fromisoformat(found["since"]), datetime.fromisoformat(found["until"])
    assert until - since == timedelta(days=30)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "since"),
        ("since=2024-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=9999-12-31T23:59:59-12:00", "since"),
        ("until=9999-12-31T23:59:59-12:00", "until"),
        ("since=0001-01-01T00:00:00%2B12:00", "since"),
        ("by=week", "by"),
        ("format=xml", "format"),
    ],
)
async def test_a_range_or_grouping_that_is_none_is_refused(gateway: Gateway, query: str, field: str) -> None:
    answer = await gateway.http.get(f"/v1/statistics?{query}")
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == [field]


async def test_a_report_says_what_failed_and_what_to_do(gateway: Gateway) -> None:
    batch = await a_batch(gateway)
    completed_at = BEGAN + timedelta(minutes=10)
    changes = {"state": str(BatchState.COMPLETED), "completed_at": completed_at}
    await gateway.house.database.batches.change(batch, changes)
    report = (await gateway.http.get(f"/v1/batches/{batch}/report")).json()
    assert (report["state"], report["wall_seconds"]) == ("completed", 600.0)
    assert (report["summary"]["successful"], report["summary"]["failed"]) == (2, 1)
    assert report["failures"] == [
        {
            "id": f"{batch}-0002",
            "index": 2,
            "prompt": "a quiet harbour",
            "kind": "rate_limit",
            "error": "too many requests",
            "attempts": 1,
            "recoverable": True,
        }
    ]
    first, retry = report["recommendations"]
    assert first.startswith("1 failed (rate_limit).")
    assert retry == f"POST /v1/batches/{batch}/retry makes what failed again, alone."


async def test_a_report_of_a_batch_under_way_recommends_nothing(gateway: Gateway) -> None:
    batch = (await gateway.planned()).id
    report = (await gateway.http.get(f"/v1/batches/{batch}/report")).json()
    assert (report["state"], report["summary"]["open"], report["wall_seconds"]) == ("accepted", 1, None)
    assert (report["failures"], report["recommendations"]) == ([], [])


async def test_a_report_tells_of_each_failure_that_it_counts_also_of_deleted_ones(gateway: Gateway) -> None:
    batch = await a_batch(gateway)
    await gateway.house.database.batches.change(batch, {"state": str(BatchState.COMPLETED), "completed_at": BEGAN})
    assert (await gateway.http.delete(f"/v1/images/{batch}-0002")).status_code == 204
    report = (await gateway.http.get(f"/v1/batches/{batch}/report")).json()
    (failure,) = report["failures"]
    assert (report["summary"]["failed"], failure["id"], failure["prompt"]) == (1, f"{batch}-0002", "")
    assert "deleted" in failure["error"]
    assert report["recommendations"] == []
