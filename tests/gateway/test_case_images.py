"""`/api/case-images`: batch files, progress, error reports, missing images and statistics of cases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import BatchState
from pressroom.gateway.compat.case_reports import progress_of
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import InvalidRequest

from ..house import House, ReadyProvider, eventually
from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of, serving

AT_ONCE = {"delay": 0, "maxConcurrent": 4}
BATCHES = "/api/case-images/batches"
OF_CASE = {"provider": "studio", "recipe": "case", "subject": "case-1", "profile": "none"}


def a_case(**descriptions: str) -> dict[str, Any]:
    told = {"suspect-1": "a tall man", "suspect-2": "a cook", "suspect-3": "a poet"} | descriptions
    suspects = [{"name": name, "role": "suspect", "fields": {"description": said}} for name, said in told.items()]
    scene = {"name": "scene", "role": "scene", "fields": {"description": "a library"}}
    return {"kind": "case", "title": "The Missing Page", "parts": [*suspects, scene]}


async def _no_rain(request: GenerationRequest) -> bytes | None:
    if "rain" in request.prompt:
        raise InvalidRequest("the provider does not like it")
    return None


@asynccontextmanager
async def an_agency(house: House, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway with a worker that makes pictures at once, and one case."""
    async with house.worker(ReadyProvider(_no_rain)), serving(house, case_providers=["studio"], **settings) as gateway:
        await keep(gateway, "case-1", a_case())
        yield gateway


async def keep(gateway: Gateway, name: str, case: dict[str, Any]) -> None:
    assert (await gateway.http.put(f"/v1/subjects/{name}", json=case)).is_success


async def asked(gateway: Gateway, **body: Any) -> dict[str, Any]:
    answer = await gateway.http.post(BATCHES, json={"caseId": "case-1", "options": AT_ONCE} | body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def made(gateway: Gateway, **body: Any) -> dict[str, Any]:
    """The progress of a batch once it is over."""
    batch_id = (await asked(gateway, **body))["batchId"]
    await gateway.house.completed(batch_id)
    return (await gateway.http.get(f"{BATCHES}/{batch_id}")).json()


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("all", ["suspect-1", "suspect-2", "suspect-3", "scene"]),
        ("suspects", ["suspect-1", "suspect-2", "suspect-3"]),
        ("scene", ["scene"]),
    ],
)
async def test_a_case_is_made_as_its_type_says(house: House, kind: str, parts: list[str]) -> None:
    async with an_agency(house) as gateway:
        told = await made(gateway, type=kind)
        of_one = {"subject": "case-1", "part": parts[-1]}
        (listed,) = (await gateway.http.get("/v1/images", params=of_one)).json()["items"]

    images = await house.database.images.of_batch(told["batchId"])
    assert [image.part for image in images] == parts
    assert (listed["subject"], listed["part"], listed["id"]) == ("case-1", parts[-1], images[-1].id)
    assert [one.get("suspectId", one["type"]) for one in told["completed"]] == parts
    assert (told["pending"], told["failed"]) == ([], [])
    assert (told["progress"]["current"], told["progress"]["percentage"]) == (len(parts), 100)


async def test_a_batch_file_goes_one_after_another_with_its_pauses_and_retries(house: House) -> None:
    wanted = [
        {"type": "scene", "caseId": "case-2", "retries": 5},
        {"type": "suspect", "caseId": "case-1", "suspectId": "suspect-2", "retries": 3},
    ]
    async with an_agency(house) as gateway:
        await keep(gateway, "case-2", a_case())
        told = await asked(gateway, caseId=None, images=wanted, options={"delay": 2000})
        answer = (await gateway.http.get(f"/v1/batches/{told['batchId']}")).json()

    assert [(one["type"], one["caseId"], one.get("suspectId")) for one in (*told["completed"], *told["pending"])] == [
        ("scene", "case-2", None),
        ("suspect", "case-1", "suspect-2"),
    ]
    request = answer["request"]
    assert (request["max_concurrent"], request["delay_s"], request["delay_after_error_s"]) == (1, 2.0, 5.0)
    assert (request["max_attempts"], request["subject"]) == (5, None)
    assert [image["subject"] for image in request["images"]] == ["case-2", "case-1"]


async def test_what_failed_is_reported_and_made_again_alone(house: House) -> None:
    async with an_agency(house) as gateway:
        await keep(gateway, "case-1", a_case(**{"suspect-3": "a poet in the rain"}))
        told = await made(gateway)
        report = (await gateway.http.get(f"{BATCHES}/{told['batchId']}/report")).json()
        resumed = await gateway.http.post(f"{BATCHES}/{told['batchId']}/resume")
        await house.completed(told["batchId"])

    assert [one["suspectId"] for one in told["failed"]] == ["suspect-3"]
    assert report["summary"] == {"total": 4, "successful": 3, "failed": 1}
    assert report["failures"] == [
        {
            "type": "suspect",
            "caseId": "case-1",
            "suspectId": "suspect-3",
            "error": "the provider does not like it",
            "attempts": 1,
            "recoverable": False,
        }
    ]
    assert report["recommendations"] == ["Change the description of what was refused: PUT /v1/subjects/{caseId}"]
    assert resumed.status_code == 202
    images = await house.database.images.of_batch(told["batchId"])
    assert [len(image.tries) for image in images] == [1, 1, 2, 1]


async def test_a_batch_that_stops_on_an_error_goes_on_when_it_is_resumed(house: House) -> None:
    async with an_agency(house) as gateway:
        await keep(gateway, "case-1", a_case(**{"suspect-1": "a tall man in the rain"}))
        batch_id = (await asked(gateway, options={"delay": 0, "stopOnError": True}))["batchId"]
        path = f"{BATCHES}/{batch_id}"

        async def stopped() -> bool:
            return (await gateway.http.get(f"/v1/batches/{batch_id}")).json()["paused_at"] is not None

        await eventually(stopped)
        told = (await gateway.http.get(path)).json()
        assert (await gateway.http.post(f"{path}/resume")).status_code == 202
        await house.completed(batch_id)
        after = (await gateway.http.get(path)).json()

    assert ([one["suspectId"] for one in told["failed"]], len(told["pending"])) == (["suspect-1"], 3)
    assert (len(after["failed"]), len(after["completed"]), after["pending"]) == (1, 3, [])


async def test_whoever_has_no_image_is_missing_until_one_is_asked_for(house: House) -> None:
    async with an_agency(house) as gateway:
        await made(gateway, type="scene")
        await keep(gateway, "case-2", a_case())

        lacking = (await gateway.http.get("/api/case-images/missing")).json()
        of_one = (await gateway.http.get("/api/case-images/missing", params={"caseId": "case-1"})).json()
        asked_for = (await gateway.http.post("/api/case-images/missing")).json()
        await house.batch_in(asked_for["batchId"], BatchState.ACCEPTED, BatchState.COMPLETED)
        again = await gateway.http.post("/api/case-images/missing")
        problem_of(again, 409, "nothing-missing")
        nobodys = await gateway.http.get("/api/case-images/missing", params={"caseId": "nobodys"})
        problem_of(nobodys, 404, "not-found")

    assert [(case["caseId"], len(case["missing"])) for case in lacking] == [("case-1", 3), ("case-2", 4)]
    assert of_one == lacking[:1]
    assert asked_for["progress"]["total"] == 7


async def test_what_is_asked_for_is_missing_no_more_though_nobody_has_planned_it(house: House) -> None:
    path = "/api/case-images/missing"
    async with serving(house, case_providers=["studio"]) as gateway, serving(house, case_providers=["studio"]) as other:
        await keep(gateway, "case-1", a_case())
        first = await gateway.http.post(path)
        assert first.status_code == 202, first.text
        problem_of(await gateway.http.post(path), 409, "nothing-missing")
        # Also at another gateway, when the first is gone; and a case of its own is seen as any.
        problem_of(await other.http.post(path, params={"caseId": "case-1"}), 409, "nothing-missing")
        assert (await other.http.get(path)).json() == []

        assert (await other.http.post(f"/v1/batches/{first.json()['batchId']}/cancel")).is_success
        again = await other.http.post(path)
    assert (again.status_code, again.json()["progress"]["total"]) == (202, 4)


@pytest.mark.parametrize("keys", [(None,), ("one",), ("one", "two")])
async def test_the_same_missing_images_are_bought_once_by_many_at_once(
    house: House, keys: tuple[str | None, ...]
) -> None:
    async with serving(house, case_providers=["studio"]) as gateway, serving(house, case_providers=["studio"]) as other:
        await keep(gateway, "case-1", a_case())
        await keep(gateway, "case-2", a_case())

        async def ask(number: int) -> httpx.Response:
            key = keys[number % len(keys)]
            return await (gateway, other)[number % 2].http.post(
                "/api/case-images/missing",
                params={"caseId": "case-1"} if number % 4 == 0 and key is None else None,
                headers={"Idempotency-Key": key} if key else None,
            )

        answers = await asyncio.gather(*(ask(number) for number in range(12)))
    batches = await house.database.batches.find({})
    parts = [(image.subject, image.part) for batch in batches for image in batch.request.wanted()]
    assert len(parts) == len(set(parts)) == 8
    assert {answer.status_code for answer in answers} <= {202, 409}
    replayed = [answer for answer in answers if answer.status_code == 202]
    assert {answer.json()["batchId"] for answer in replayed} == {batch.id for batch in batches}


def several_scenes(count: int) -> dict[str, Any]:
    names = ("hall", "attic", "cellar", *(f"room-{n}" for n in range(count - 3)))
    fields = {"description": "a room"}
    return {"kind": "case", "parts": [{"name": name, "role": "scene", "fields": fields} for name in names]}


async def test_only_the_scenes_that_are_missing_are_made_and_the_same_key_asks_once(house: House) -> None:
    key = {"Idempotency-Key": "one"}
    path = "/api/case-images/missing"
    async with an_agency(house) as gateway:
        await keep(gateway, "case-1", several_scenes(3))
        there = await gateway.http.post("/v1/batches", json=OF_CASE | {"parts": ["attic"]})
        await house.completed(there.json()["id"])
        first = await gateway.http.post(path, headers=key)
        await house.completed(first.json()["batchId"])
        again = await gateway.http.post(path, headers=key)

    images = await house.database.images.of_batch(first.json()["batchId"])
    assert [image.part for image in images] == ["hall", "cellar"]
    assert again.status_code == 202
    assert again.json()["batchId"] == first.json()["batchId"]
    assert (again.headers["idempotency-replayed"], len(again.json()["completed"])) == ("true", 2)


async def test_more_than_a_thousand_missing_images_are_one_batch(house: House) -> None:
    async with serving(house, case_providers=["studio"], max_images_per_batch=2000, max_body_bytes=2**20) as gateway:
        for number in range(6):
            await keep(gateway, f"case-{number}", several_scenes(200))
        answer = await gateway.http.post("/api/case-images/missing")
    assert answer.status_code == 202, answer.text
    assert answer.json()["progress"]["total"] == 1200


async def test_more_images_than_any_batch_may_have_are_refused_with_one_reason(house: House) -> None:
    async with an_agency(house) as gateway:
        await keep(gateway, "case-1", several_scenes(20))
        templates = [{"role": "scene", "prompt": f"{n} {{description}}"} for n in range(30)]
        answer = await gateway.http.put("/v1/recipes/case", json={"pictures": templates})
        assert answer.is_success
        wanted = [{"type": "scene", "caseId": "case-1"}] * 20
        told = (await gateway.http.post("/api/case-images/validate", json={"images": wanted})).json()
    assert told == {"valid": False, "errors": ["more than 10000 images, the most of a batch"]}


async def test_a_batch_file_is_answered_again_though_its_case_is_another_by_now(house: House) -> None:
    key = {"Idempotency-Key": "one"}
    body = {"caseId": "case-1", "options": AT_ONCE}
    async with an_agency(house) as gateway:
        first = await gateway.http.post(BATCHES, json=body, headers=key)
        assert (await gateway.http.delete("/v1/subjects/case-1")).is_success
        again = await gateway.http.post(BATCHES, json=body, headers=key)
        other = await gateway.http.post(BATCHES, json=body | {"type": "scene"}, headers=key)
    assert (again.status_code, again.json()["batchId"]) == (202, first.json()["batchId"])
    assert again.headers["location"] == first.headers["location"]
    problem_of(other, 422, "invalid-request")


async def test_the_time_of_a_batch_that_was_cancelled_stands_still(house: House) -> None:
    async with serving(house, case_providers=["studio"]) as gateway:
        await keep(gateway, "case-1", a_case())
        path = f"{BATCHES}/{(await asked(gateway))['batchId']}"
        assert (await gateway.http.post(path.replace("/api/case-images", "/v1") + "/cancel")).is_success
        batch = await house.database.batches.get(path.rsplit("/", 1)[1])
    assert batch is not None
    told = [progress_of(batch, [], {}, batch.updated_at + timedelta(hours=hours)).progress.elapsed for hours in (0, 9)]
    assert told[0] == told[1]


async def test_an_image_that_was_deleted_was_made_and_is_missing_again(house: House) -> None:
    async with an_agency(house) as gateway:
        told = await made(gateway, type="scene")
        (image,) = told["completed"]
        assert (await gateway.http.get("/api/case-images/missing")).json()[0]["missing"][-1]["type"] == "suspect"

        assert (await gateway.http.delete(f"/v1/images/{image['imageId']}")).is_success

        after = (await gateway.http.get(f"{BATCHES}/{told['batchId']}")).json()
        (case,) = (await gateway.http.get("/api/case-images/missing")).json()
    assert (after["completed"], after["pending"], after["progress"]["percentage"]) == ([image], [], 100)
    assert case["missing"][-1] == {"type": "scene"}


async def test_statistics_are_a_line_of_csv_for_each_batch(house: House) -> None:
    async with an_agency(house) as gateway:
        await keep(gateway, "case-1", a_case(**{"suspect-3": "a poet in the rain"}))
        first, second = await made(gateway), await made(gateway, type="scene")
        await gateway.batch(count=2)
        answer = await gateway.http.get("/api/case-images/statistics")
        day = first["startTime"][:10]
        before = await gateway.http.get("/api/case-images/statistics", params={"to": "2020-01-01"})
        today = await gateway.http.get("/api/case-images/statistics", params={"from": day, "to": "9999-12-31"})

    assert answer.headers["content-type"].startswith("text/csv")
    head, *lines = answer.text.splitlines()
    assert head == "batch_id,date,total,successful,failed,time,cost"
    assert [line.split(",")[:5] for line in lines] == [
        [first["batchId"], day, "4", "3", "1"],
        [second["batchId"], day, "1", "1", "0"],
    ]
    assert all(line.endswith(",$0.00") for line in lines)
    assert before.text.splitlines() == [head]
    assert today.text == answer.text


async def test_an_estimate_and_a_look_beforehand_make_nothing(house: House) -> None:
    wrong = [
        {"type": "suspect", "caseId": "case-1", "suspectId": "suspect-9"},
        {"type": "scene", "caseId": "case-7"},
    ]
    async with an_agency(house) as gateway:
        good = await gateway.http.post("/api/case-images/validate", json={"caseId": "case-1"})
        bad = await gateway.http.post("/api/case-images/validate", json={"images": wrong})
        cost = await gateway.http.post("/api/case-images/estimate", json={"caseId": "case-1", "maxCost": 5.00})
        assert (await gateway.http.get("/v1/batches")).json()["items"] == []

    assert good.json() == {"valid": True, "errors": []}
    assert bad.json() == {
        "valid": False,
        "errors": ["Case not found: case-7 (PUT /v1/subjects/case-7)", "Suspect not found: suspect-9 in case-1"],
    }
    assert cost.json() == {
        "imageCount": 4,
        "costPerImage": 0.0,
        "estimatedCost": 0.0,
        "maxCost": 5.0,
        "withinLimit": True,
    }


async def test_a_batch_of_something_else_or_somebody_else_is_not_here(house: House) -> None:
    async with an_agency(house) as gateway:
        told = await asked(gateway)
        other = bearer(token_of(await a_user(house)))
        elsewhere = (await gateway.batch())["id"]
        for path in ("", "/report"):
            problem_of(await gateway.http.get(f"{BATCHES}/{elsewhere}{path}"), 404, "not-found")
            problem_of(await gateway.http.get(f"{BATCHES}/{told['batchId']}{path}", headers=other), 404, "not-found")
        assert (await gateway.http.get("/api/case-images/missing", headers=other)).json() == []


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "body", "'images' or 'caseId'"),
        ({"caseId": "case-1", "images": [{"type": "scene", "caseId": "case-1"}]}, "body", "and not both"),
        ({"images": [{"type": "suspect", "caseId": "case-1"}]}, "images.0", "'suspectId'"),
        ({"images": [{"type": "butler", "caseId": "case-1"}]}, "images.0.type", "suspect"),
        ({"caseId": "case-1", "options": {"stopOnError": "yes"}}, "options.stopOnError", "boolean"),
        ({"caseId": "case-1", "maxCost": -1}, "maxCost", "greater than 0"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(
    edge: httpx.AsyncClient, body: dict[str, Any], field: str, said: str
) -> None:
    problem = problem_of(await edge.post(BATCHES, json=body), 422, "invalid-request")
    assert fields_named_in(problem)[0] == field
    assert said in problem["detail"]


@pytest.mark.parametrize("day", ["0", "yesterday", "2026-13-01", "2026-11-21T00:00:00"])
async def test_a_day_is_written_as_one(edge: httpx.AsyncClient, day: str) -> None:
    answer = await edge.get("/api/case-images/statistics", params={"from": day})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["from"]


async def test_everything_that_is_not_there_is_told_at_once_and_nothing_is_made(house: House) -> None:
    wrong = [{"type": "suspect", "caseId": "case-1", "suspectId": "suspect-9"}, {"type": "scene", "caseId": "case-7"}]
    async with an_agency(house) as gateway:
        problem = problem_of(await gateway.http.post(BATCHES, json={"images": wrong}), 422, "invalid-request")
        assert (await gateway.http.get("/v1/batches")).json()["items"] == []
    assert fields_named_in(problem) == ["caseId", "images"]
