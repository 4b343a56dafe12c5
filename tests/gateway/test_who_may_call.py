"""The token, and answers for what does not exist: every refusal is a problem, on every path of the API."""

import httpx
import pytest

from pressroom.gateway.app import openapi_document

from .serving import TOKEN, Gateway, problem_of

GUARDED = [
    (method.upper(), path.format(batch_id="b", image_id="i", name="flux", notice_id="n", job_id="j"))
    for path, operations in openapi_document()["paths"].items()
    for method, operation in operations.items()
    if "security" in operation
]
NAMED = [
    (method, path)
    for method, path in GUARDED
    if "/b" in path.removeprefix("/v1/batches") or "/i" in path.removeprefix("/v1/images")
]


def a_body_for(path: str) -> dict[str, str] | None:
    return {"platform": "printify", "product_type": "mug"} if path.endswith("/publish") else None


def test_every_path_of_the_api_asks_for_the_token() -> None:
    guarded = {path for _, path in GUARDED}
    named = {
        path.format(batch_id="b", image_id="i", name="flux", notice_id="n", job_id="j")
        for path in openapi_document()["paths"]
        if path.startswith("/v1")
    }
    assert named == guarded


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \u00e9",
    ],
)
async def test_without_the_right_token_nothing_is_told(edge: httpx.AsyncClient, header: str | None) -> None:
    del edge.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header.encode()}
    for method, path in GUARDED:
        answer = await edge.request(method, path, headers=headers)
        problem_of(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


async def test_health_and_metrics_ask_for_nothing(gateway: Gateway) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as stranger:
        assert (await stranger.get("/healthz")).json() == {"alive": True}
        assert (await stranger.get("/readyz")).json() == {"ready": True}
        metrics = (await stranger.get("/metrics")).text
    assert "pressroom_" in metrics


async def test_what_does_not_exist_is_a_404_on_every_path_that_names_something(gateway: Gateway) -> None:
    assert len(NAMED) >= 8
    for method, path in NAMED:
        answer = await gateway.http.request(method, path, json=a_body_for(path))
        problem = problem_of(answer, 404, "not-found")
        assert "'b'" in problem["detail"] or "'i'" in problem["detail"]


async def test_another_owners_batch_and_images_do_not_exist(gateway: Gateway) -> None:
    image_id = await gateway.image()
    batch_id = image_id.rpartition("-")[0]
    await gateway.house.database.batches.change(batch_id, {"owner": "another"})
    await gateway.house.database.images.change(image_id, {"owner": "another"})
    for method, path in NAMED:
        named = path.replace("/batches/b", f"/batches/{batch_id}").replace("/images/i", f"/images/{image_id}")
        answer = await gateway.http.request(method, named, json=a_body_for(path))
        problem_of(answer, 404, "not-found")
    assert (await gateway.http.get("/v1/batches")).json()["items"] == []


async def test_a_path_or_method_that_is_not_there_is_a_problem_too(edge: httpx.AsyncClient) -> None:
    problem_of(await edge.get("/v1/nothing"), 404, "not-found")
    problem_of(await edge.delete("/v1/batches"), 405, "method-not-allowed")
