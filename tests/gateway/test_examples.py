"""Every body that the document shows is sent as it stands, but for ids, and gets what the document says of it."""

import json
from typing import Any

import httpx

from pressroom.contracts.vocabulary import ImageState, ProviderName, Role
from pressroom.gateway.api import openapi_document
from pressroom.gateway.edge.examples import AN_IMAGE, EXAMPLES, LOGIN

from .people import PASSWORD, a_user, bearer, token_of
from .serving import Gateway
from .test_retries import half_done

DOCUMENT = openapi_document()
WITHOUT = ("/webhooks/", "/api/", "/batch/")
"""Bodies that vendors send, and those of older systems, whose own examples are sent elsewhere."""


def json_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    return operation.get("requestBody", {}).get("content", {}).get("application/json")


def test_every_body_of_ours_has_examples_in_the_document() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            body = json_of(operation)
            if body is not None and not path.startswith(WITHOUT):
                assert body.get("examples"), f"{method} {path}: put one into gateway/examples.py"
                assert {name: one["value"] for name, one in body["examples"].items()} == EXAMPLES[method, path]


async def test_each_does_what_the_document_says(gateway: Gateway) -> None:
    for name in ProviderName:
        await gateway.house.open_lane(name)
    user = await a_user(gateway.house, Role.ADMIN, LOGIN["email"])
    assert LOGIN["password"] == PASSWORD
    for (method, path), examples in EXAMPLES.items():
        documented = DOCUMENT["paths"][path][method]["responses"]
        for name, body in examples.items():
            # The one call that is about who makes it, and the last one that its token is good for.
            own = {"headers": bearer(token_of(user))} if path == "/v1/account/password" else {}
            place = await somewhere(gateway, path)
            sent = await about_something(gateway, body)
            answer: httpx.Response = await gateway.http.request(method, place, json=sent, **own)
            said = f"{method} {place}, {name}: {answer.status_code} {answer.text}"
            assert answer.is_success, said
            assert str(answer.status_code) in documented, said


async def somewhere(gateway: Gateway, path: str) -> str:
    """The path with ids of something that such a call is about."""
    if "{image_id}" in path:
        state = ImageState.APPROVED if path.endswith("/publish") else ImageState.GENERATED
        return path.format(image_id=await gateway.image(state))
    if path.endswith("/retry"):
        return path.format(batch_id=(await half_done(gateway)).id)
    if "{batch_id}" in path:
        return path.format(batch_id=(await gateway.batch())["id"])
    if "{user_id}" in path:
        return path.format(user_id=(await a_user(gateway.house)).id)
    if "{post_id}" in path:
        post = await gateway.http.post("/v1/posts", json={"title": "A post", "content": "x"})
        return path.format(post_id=post.json()["id"])
    return path.format(name="image-studio", subject_name="case-1", recipe_name="mine")


async def about_something(gateway: Gateway, body: dict[str, Any]) -> Any:
    """The body with the ids of an image, and of its batch, that there are."""
    text, batch = json.dumps(body), AN_IMAGE.rpartition("-")[0]
    if batch not in text:
        return body
    image = await gateway.image()
    return json.loads(text.replace(AN_IMAGE, image).replace(batch, image.rpartition("-")[0]))
