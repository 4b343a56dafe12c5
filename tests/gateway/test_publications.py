"""`/v1/publications`: what was made of approved images, found again, and tried again."""

import httpx
import pytest

from pressroom.contracts.vocabulary import ImageState, PublicationState, Role

from .people import a_user, bearer, token_of
from .serving import Gateway, problem_of


async def a_publication(gateway: Gateway, platform: str = "printify", product_type: str = "mug") -> str:
    """The id of one that waits to be published."""
    image_id = await gateway.image(ImageState.APPROVED)
    body = {"platform": platform, "product_type": product_type}
    answer = await gateway.http.post(f"/v1/images/{image_id}/publish", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def listed(gateway: Gateway, query: str = "") -> list[str]:
    """The ids, from all pages of one."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await gateway.http.get(f"/v1/publications?limit=1{query}{cursor}")
        assert answer.status_code == 200, answer.text
        found += [item["id"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.json()['next_cursor']}"


async def test_they_are_listed_newest_first_and_found_by_what_they_are(gateway: Gateway) -> None:
    mug, poster = await a_publication(gateway), await a_publication(gateway, "shopify", "poster")
    await gateway.house.database.publications.change(poster, {"state": str(PublicationState.PUBLISHED)})
    image_id = mug.removesuffix("-printify-mug")
    assert await listed(gateway) == [poster, mug]
    assert await listed(gateway, "&state=published") == [poster]
    assert await listed(gateway, "&platform=printify") == [mug]
    assert await listed(gateway, f"&image={image_id}") == [mug]
    assert await listed(gateway, f"&batch={image_id.rpartition('-')[0]}") == [mug]
    shown = (await gateway.http.get(f"/v1/publications/{mug}")).json()
    assert (shown["id"], shown["image_id"], shown["state"]) == (mug, image_id, "requested")


async def test_somebody_elses_are_in_no_list(gateway: Gateway) -> None:
    await a_publication(gateway)
    headers = bearer(token_of(await a_user(gateway.house, Role.OPERATOR)))
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, trust_env=False) as stranger:
        assert (await stranger.get("/v1/publications")).json()["items"] == []


async def test_one_that_failed_is_tried_again(gateway: Gateway) -> None:
    publication = await a_publication(gateway)
    publications = gateway.house.database.publications
    await publications.transition(publication, PublicationState.FAILED)
    answer = await gateway.http.post(f"/v1/publications/{publication}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "requested")


@pytest.mark.parametrize("state", [PublicationState.PUBLISHED])
async def test_one_that_is_published_is_not_tried_again(gateway: Gateway, state: PublicationState) -> None:
    publication = await a_publication(gateway)
    await gateway.house.database.publications.change(publication, {"state": str(state)})
    problem_of(await gateway.http.post(f"/v1/publications/{publication}/retry"), 409, "already-published")


async def test_one_of_an_image_that_is_gone_or_not_approved_any_more_is_not_tried_again(gateway: Gateway) -> None:
    deleted, rejected = await a_publication(gateway), await a_publication(gateway)
    for publication in (deleted, rejected):
        await gateway.house.database.publications.transition(publication, PublicationState.FAILED)
    answer = await gateway.http.delete(f"/v1/images/{deleted.removesuffix('-printify-mug')}")
    assert answer.status_code == 204, answer.text
    rejected_image = rejected.removesuffix("-printify-mug")
    await gateway.house.database.images.change(rejected_image, {"state": str(ImageState.REJECTED)})
    problem_of(await gateway.http.post(f"/v1/publications/{deleted}/retry"), 404, "not-found")
    problem_of(await gateway.http.post(f"/v1/publications/{rejected}/retry"), 409, "image-not-approved")
