"""A sandbox that is killed without a word knows everything again when it is back."""

from __future__ import annotations

import base64
from collections.abc import Callable

from .images import png
from .process import Sandbox, wait_for
from .test_gemini_http import MODEL, body, inline_batch, state, upload
from .test_printify import product_of, publish_body, upload_image
from .test_shopify import product_input, set_product


def test_killed_in_the_middle_of_a_batch_it_makes_and_bills_each_row_once(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    first = start_sandbox(batch_seconds=0.6)
    with first.gemini() as http:
        name = upload(http, b"{}")
        batch = f"/v1beta/{http.post(f'{MODEL}:batchGenerateContent', json=inline_batch(*'abcdefgh')).json()['name']}"
        wait_for(lambda: state(http, batch) == "RUNNING", "the batch to run")
    first.kill()
    second = start_sandbox(batch_seconds=0.6)
    with second.gemini() as http:
        assert http.get(f"/v1beta/{name}").status_code == 200
        wait_for(lambda: state(http, batch) == "SUCCEEDED", "the batch to end")
        rows = http.get(batch).json()["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert [row["metadata"]["key"] for row in rows] == [f"k{n}" for n in range(8)]
    stats = second.stats()["gemini"]
    assert (stats["images_made"], stats["images_made_twice"]) == (8, 0)


def test_killed_in_the_middle_of_an_upload_it_goes_on_where_it_was(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox()
    with first.gemini() as http:
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": "6",
        }
        url = http.post("/upload/v1beta/files", headers=start).headers["x-goog-upload-url"]
        http.post(url, headers={"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}, content=b"abc")
    first.kill()
    second = start_sandbox()
    with second.gemini() as http:
        path = url.removeprefix(first.url)
        asked = http.post(path, headers={"X-Goog-Upload-Command": "query"})
        assert asked.headers["x-goog-upload-size-received"] == "3"
        last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "3"}
        assert http.post(path, headers=last, content=b"def").json()["file"]["sizeBytes"] == "6"


def test_killed_it_keeps_products_uploads_and_locks(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox()
    with first.printify() as http:
        image = upload_image(http, png())
        product = http.post("/shops/5432101/products.json", json=product_of(http, image)).json()
        http.post(f"/shops/5432101/products/{product['id']}/publish.json", json=publish_body())
    made = set_product(first, product_input(first, "Fox"))
    first.kill()
    second = start_sandbox()
    with second.printify() as http:
        assert http.get(f"/uploads/{image}.json").json()["id"] == image
        assert http.get(f"/shops/5432101/products/{product['id']}.json").json()["is_locked"] is True
    read = second.graphql("query($id: ID!) { product(id: $id) { title } }", id=made["id"])
    assert read["data"]["product"]["title"] == "Fox"


def test_faults_do_not_survive(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox()
    first.fault(kind="500", times=-1)
    first.kill()
    second = start_sandbox()
    with second.gemini() as http:
        picture = http.post(f"{MODEL}:generateContent", json=body("x")).json()["candidates"][0]["content"]["parts"][0]
    assert base64.b64decode(picture["inlineData"]["data"]).startswith(b"\x89PNG")
