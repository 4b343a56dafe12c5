"""`/batch`: the bodies of its users' guide as they stand, answered in the shapes that it shows."""

import base64
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import Role
from pressroom.state.users import UserDocument

from ..house import PICTURE, running
from ..vendor_sandbox import GEMINI_KEY, VendorSandbox, vendor_sandbox_process, vendors
from .people import CREDITS, PASSWORD, a_user, bearer, token_of
from .serving import WITH_TOKEN, Gateway, problem_of

__all__ = ["vendor_sandbox_process", "vendors"]

POSES = {
    "type": "character",
    "requests": [
        {"prompt": "Anime girl with blue hair, front pose"},
        {"prompt": "Anime girl with blue hair, side pose"},
    ],
}
MESSAGE = "Batch job created. Processing may take up to 24 hours (usually much faster)."


async def created(gateway: Gateway, user: UserDocument, body: dict[str, Any]) -> dict[str, Any]:
    answer = await gateway.http.post("/batch/create", json=body, headers=bearer(token_of(user)))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def status(gateway: Gateway, user: UserDocument, batch_id: str) -> dict[str, Any]:
    answer = await gateway.http.get(f"/batch/status/{batch_id}", headers=bearer(token_of(user)))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def done(gateway: Gateway, vendors: VendorSandbox, batch_id: str) -> None:
    settings = BatchPollerSettings(
        **gateway.house.values,
        gemini_url=vendors.url,
        gemini_api_key=GEMINI_KEY,
        poll_initial_s=0.1,
        due_interval_s=0.05,
    )
    async with running(build(settings)):
        await gateway.house.completed(batch_id)


async def test_the_guides_example_from_the_login_to_the_pictures(gateway: Gateway, vendors: VendorSandbox) -> None:
    user = await a_user(gateway.house)
    login = await gateway.http.post("/auth/login", json={"email": user.email, "password": PASSWORD})
    token = login.json()["token"]

    answer = await gateway.http.post("/batch/create", json=POSES, headers=bearer(token))

    made = answer.json()
    assert made == {
        "id": made["id"],
        "status": "pending",
        "type": "batch-character",
        "requestCount": 2,
        "creditCost": 4,
        "message": MESSAGE,
    }
    assert (await status(gateway, user, made["id"]))["status"] == "pending"
    await done(gateway, vendors, made["id"])
    told = await status(gateway, user, made["id"])
    assert {name: told[name] for name in ("status", "type", "errors", "successCount", "failCount", "requestCount")} == {
        "status": "completed",
        "type": "batch-character",
        "errors": [],
        "successCount": 2,
        "failCount": 0,
        "requestCount": 2,
    }
    for url in told["results"]:
        assert (await gateway.http.get(url, headers={"Authorization": ""})).headers["content-type"] == "image/png"
    (past,) = (await gateway.http.get("/batch/history", headers=bearer(token))).json()
    assert past == {
        "id": made["id"],
        "status": "completed",
        "type": "batch-character",
        "createdAt": told["createdAt"],
        "requestCount": 2,
        "successCount": 2,
        "creditCost": 4,
    }


@pytest.mark.parametrize(("kind", "cost"), [("character", 20), ("food", 20), ("product", 25)])
async def test_ten_of_a_kind_cost_half(gateway: Gateway, kind: str, cost: float) -> None:
    user = await a_user(gateway.house)
    made = await created(gateway, user, {"type": kind, "requests": [{"prompt": f"pose {n}"} for n in range(10)]})

    assert (made["creditCost"], made["type"]) == (cost, f"batch-{kind}")
    account = (await gateway.http.get("/v1/account", headers=bearer(token_of(user)))).json()
    assert float(account["credits"]["available"]) == float(CREDITS) - cost
    assert float(account["credits"]["held"]) == cost


async def test_one_product_costs_two_and_a_half(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    made = await created(gateway, user, {"type": "product", "requests": [{"prompt": "a bag"}], "displayName": "bags"})
    assert made["creditCost"] == 2.5


async def test_a_request_that_fails_is_told_and_the_others_are_delivered(
    gateway: Gateway, vendors: VendorSandbox
) -> None:
    user = await a_user(gateway.house)
    picture = base64.b64encode(PICTURE).decode()
    body = {
        "type": "food",
        "requests": [
            {"prompt": "soup", "imageBase64": picture},
            {"prompt": "salad [sandbox:moderated]"},
            {"prompt": "bread", "imageBase64": f"data:image/png;base64,{picture}"},
        ],
    }
    made = await created(gateway, user, body)
    await done(gateway, vendors, made["id"])

    told = await status(gateway, user, made["id"])

    assert (told["status"], told["successCount"], told["failCount"], len(told["results"])) == ("completed", 2, 1, 2)
    (error,) = told["errors"]
    assert error.startswith("Request 2: Gemini refused the prompt")
    images = await gateway.house.database.images.of_batch(made["id"])
    assert [len(image.input_images) for image in images] == [1, 0, 1]
    assert images[0].input_images == images[2].input_images


async def test_users_see_their_own_and_admins_are_sent_away(gateway: Gateway) -> None:
    mine, other, admin = [await a_user(gateway.house, role) for role in (Role.USER, Role.USER, Role.ADMIN)]
    made = await created(gateway, mine, POSES)
    path = f"/batch/status/{made['id']}"

    problem_of(await gateway.http.get(path, headers=bearer(token_of(other))), 404, "not-found")
    assert (await gateway.http.get("/batch/history", headers=bearer(token_of(other)))).json() == []
    for headers in (bearer(token_of(admin)), WITH_TOKEN):
        problem_of(await gateway.http.get(path, headers=headers), 403, "users-only")
        problem_of(await gateway.http.post("/batch/create", json=POSES, headers=headers), 403, "users-only")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"type": "landscape", "requests": [{"prompt": "x"}]}, "type", "character"),
        ({"type": "food", "requests": []}, "requests", "at least 1"),
        ({"type": "food", "requests": [{"prompt": "x"}] * 21}, "requests", "at most 20"),
        ({"type": "food", "requests": [{"prompt": "x", "imageBase64": "?"}]}, "requests.0.imageBase64", "base64"),
        (
            {"type": "food", "requests": [{"prompt": "x", "imageBase64": base64.b64encode(b"text").decode()}]},
            "requests.0.imageBase64",
            "picture",
        ),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field_and_costs_nothing(
    gateway: Gateway, body: dict[str, Any], field: str, said: str
) -> None:
    user = await a_user(gateway.house)
    answer = await gateway.http.post("/batch/create", json=body, headers=bearer(token_of(user)))
    (error,) = problem_of(answer, 422, "invalid-request")["errors"]
    assert error["field"] == field
    assert said in error["message"]
    assert (await gateway.http.get("/batch/history", headers=bearer(token_of(user)))).json() == []


async def test_more_than_the_account_covers_is_refused_with_what_is_missing(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    twenty = {"type": "product", "requests": [{"prompt": f"pose {n}"} for n in range(20)]}
    await created(gateway, user, twenty)
    await created(gateway, user, twenty)

    answer = await gateway.http.post("/batch/create", json=POSES, headers=bearer(token_of(user)))

    problem = problem_of(answer, 402, "insufficient-credits")
    assert (problem["required"], problem["available"], problem["shortfall"]) == ("4", "0", "4")


@pytest.mark.parametrize("body", [b'{"type": "character", "requests": [', b"[1, 2]"])
async def test_a_body_is_read_once_it_is_known_who_sends_it(gateway: Gateway, body: bytes) -> None:
    user = await a_user(gateway.house)
    nobody = {"Authorization": "Bearer nobody"}
    problem_of(await gateway.http.post("/batch/create", content=body, headers=nobody), 401, "unauthorized")
    known = await gateway.http.post("/batch/create", content=body, headers=bearer(token_of(user)))
    problem_of(known, 422, "invalid-request")
