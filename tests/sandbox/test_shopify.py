"""Shopify: every document is checked against the real Admin schema, and what it asks for is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .images import png
from .process import Sandbox, wait_for

STAGE = """mutation($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) {
  stagedTargets { url resourceUrl parameters { name value } } userErrors { field message } } }"""
SET = """mutation($identifier: ProductSetIdentifiers, $input: ProductSetInput!, $synchronous: Boolean) {
  productSet(identifier: $identifier, input: $input, synchronous: $synchronous) {
    product { id title handle status tags vendor descriptionHtml
      options { name values optionValues { id name } }
      variants(first: 50) { nodes { id title price sku selectedOptions { name value } } }
      media(first: 10) { nodes { id alt status } }
      metafields(first: 10) { nodes { namespace key value type } } }
    productSetOperation { id status }
    userErrors { field code message } } }"""
DEFINE = """mutation($definition: MetafieldDefinitionInput!) { metafieldDefinitionCreate(definition: $definition) {
  createdDefinition { id namespace key type { name } } userErrors { code field message } } }"""
PUBLISH = """mutation($id: ID!, $input: [PublicationInput!]!) { publishablePublish(id: $id, input: $input) {
  publishable { ... on Product { id publishedAt onlineStoreUrl } } userErrors { field message } } }"""
FILE = """query($id: ID!) { node(id: $id) { ... on MediaImage {
  fileStatus fileErrors { code message } image { url width height } } } }"""
ARTICLE = """mutation($article: ArticleCreateInput!, $blog: ArticleBlogInput) {
  articleCreate(article: $article, blog: $blog) {
    article { id handle isPublished publishedAt tags blog { id handle } author { name } image { url altText } }
    userErrors { code field message } } }"""

CUSTOM = {"customId": {"namespace": "pressroom", "key": "image_id", "value": "img-1"}}


def stage(sandbox: Sandbox, content: bytes, method: str = "POST", **changes: object) -> str:
    """Uploads to a staged target; its `resourceUrl`."""
    wanted = {"filename": "a.png", "mimeType": "image/png", "resource": "IMAGE", "httpMethod": method} | changes
    made = sandbox.graphql(STAGE, input=[wanted])["data"]["stagedUploadsCreate"]
    assert made["userErrors"] == []
    target = made["stagedTargets"][0]
    if method == "POST":
        fields = {one["name"]: one["value"] for one in target["parameters"]}
        reply = httpx.post(target["url"], data=fields, files={"file": ("a.png", content, "image/png")})
        assert reply.status_code == 201, reply.text
    else:
        reply = httpx.put(target["url"], content=content, headers={"Content-Type": "image/png"})
        assert reply.status_code == 200, reply.text
    return target["resourceUrl"]


def product_input(sandbox: Sandbox, title: str, content: bytes | None = None, **changes: object) -> dict[str, Any]:
    source = stage(sandbox, content or png())
    image = {"originalSource": source, "filename": "sha.png", "duplicateResolutionMode": "REPLACE", "alt": title}
    return {
        "title": title,
        "status": "ACTIVE",
        "tags": ["print", "Fox"],
        "productOptions": [{"name": "Size", "values": [{"name": "S"}, {"name": "M"}]}],
        "variants": [
            {"optionValues": [{"optionName": "Size", "name": size}], "price": "19.90", "sku": f"fox-{size}"}
            for size in ("S", "M")
        ],
        "files": [image],
    } | changes


def set_product(sandbox: Sandbox, wanted: dict[str, Any], identifier: dict[str, Any] | None = None) -> dict[str, Any]:
    reply = sandbox.graphql(SET, identifier=identifier, input=wanted)
    assert "errors" not in reply, reply
    assert reply["data"]["productSet"]["userErrors"] == []
    return reply["data"]["productSet"]["product"]


def define_custom_id(sandbox: Sandbox) -> None:
    definition = {"name": "Image", "namespace": "pressroom", "key": "image_id", "type": "id", "ownerType": "PRODUCT"}
    assert sandbox.graphql(DEFINE, definition=definition)["data"]["metafieldDefinitionCreate"]["userErrors"] == []


def codes(reply: dict[str, Any], mutation: str) -> list[str]:
    return [error["code"] for error in reply["data"][mutation]["userErrors"]]


def test_a_bad_token_is_refused_and_a_grant_gives_a_good_one(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(shopify_token_seconds=0.5)
    url = f"{sandbox.url}/shopify/admin"
    ask = {"query": "{ shop { name myshopifyDomain currencyCode } }"}
    assert httpx.post(f"{url}/api/2026-10/graphql.json", json=ask).status_code == 401
    grant = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-shopify-client",
        "client_secret": "sandbox-shopify-secret",
    }
    assert httpx.post(f"{url}/oauth/access_token", data=grant | {"client_secret": "x"}).status_code == 401
    for form in ({"data": grant}, {"json": grant}):
        token = httpx.post(f"{url}/oauth/access_token", **form).json()["access_token"]
        headers = {"X-Shopify-Access-Token": token}
        reply = httpx.post(f"{url}/api/2026-10/graphql.json", json=ask, headers=headers)
        assert reply.json()["data"]["shop"]["currencyCode"] == "USD"
    wait_for(
        lambda: httpx.post(f"{url}/api/2026-10/graphql.json", json=ask, headers=headers).status_code == 401,
        "the token to expire",
    )
    assert httpx.post(f"{url}/api/2024-01/graphql.json", json=ask, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{ shop { nmae } }", "Cannot query field 'nmae'"),
        ("{ shop }", "must have a selection"),
        ("{ product { id } }", "is required, but it was not provided"),
        ('{ product(id: "gid://shopify/Product/1", handle: "x") { id } }', "Unknown argument 'handle'"),
        ("{ shop { name }", "Syntax Error"),
        ('mutation { productSet(input: {titel: "x"}) { product { id } } }', "titel"),
        ("{ products { nodes { id } } }", "you must provide one of first or last"),
        ('{ product(id: "7") { id } }', "Invalid global id"),
        ('{ productByIdentifier(identifier: {id: "gid://shopify/Product/1", handle: "x"}) { id } }', "xactly one"),
        ("{ orders(first: 1) { nodes { id } } }", "The sandbox does not support QueryRoot.orders"),
        ("query A { shop { name } } query B { shop { id } }", "operation name"),
    ],
)
def test_documents_that_shopify_would_refuse_are_refused(sandbox: Sandbox, document: str, said: str) -> None:
    reply = sandbox.graphql(document)
    assert said in reply["errors"][0]["message"]
    assert reply["extensions"]["cost"]["throttleStatus"]["maximumAvailable"] == 2000


@pytest.mark.parametrize(
    "change",
    [{"tittle": "x"}, {"status": "LIVE"}, {"tags": 7}, {"variants": [{}]}, {"variants": [{"price": "cheap"}]}],
)
def test_variables_that_do_not_fit_the_schema_are_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    reply = sandbox.graphql(SET, input={"title": "x"} | change)
    assert reply["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    assert sandbox.stats()["shopify"]["products"] == 0


def test_what_is_not_supported_is_refused_before_anything_is_done(sandbox: Sandbox) -> None:
    selecting = 'mutation { productSet(input: {title: "x"}) { product { id sellingPlanGroupsCount { count } } } }'
    assert sandbox.graphql(selecting)["errors"][0]["extensions"]["code"] == "SANDBOX_UNSUPPORTED"
    giving = 'mutation { productSet(input: {title: "x", giftCard: true}) { product { id } } }'
    assert "ProductSetInput.giftCard" in sandbox.graphql(giving)["errors"][0]["message"]
    assert sandbox.stats()["shopify"]["products"] == 0


def test_a_product_needs_no_more_than_a_title(sandbox: Sandbox) -> None:
    product = set_product(sandbox, {"title": "Ölbild: Fuchs & Eule"})
    assert product["handle"] == "olbild-fuchs-eule"
    assert product["status"] == "ACTIVE"
    assert [variant["title"] for variant in product["variants"]["nodes"]] == ["Default Title"]
    again = set_product(sandbox, {"title": "Ölbild: Fuchs & Eule"})
    assert again["id"] != product["id"]
    assert again["handle"] == "olbild-fuchs-eule-1"


def test_the_same_custom_id_twice_makes_one_product(sandbox: Sandbox) -> None:
    define_custom_id(sandbox)
    first = set_product(sandbox, product_input(sandbox, "Fox"), CUSTOM)
    second = set_product(sandbox, product_input(sandbox, "Red fox"), CUSTOM)
    assert second["id"] == first["id"]
    assert second["title"] == "Red fox"
    assert second["tags"] == ["Fox", "print"]
    assert second["variants"] == first["variants"]
    assert [media["id"] for media in second["media"]["nodes"]] == [media["id"] for media in first["media"]["nodes"]]
    assert first["metafields"]["nodes"] == [
        {"namespace": "pressroom", "key": "image_id", "value": "img-1", "type": "id"}
    ]
    found = sandbox.graphql(
        "query($i: ProductIdentifierInput!) { productByIdentifier(identifier: $i) { id } }", i=CUSTOM
    )
    assert found["data"]["productByIdentifier"]["id"] == first["id"]
    assert sandbox.stats()["shopify"]["products"] == 1


def test_a_custom_id_needs_a_definition_of_type_id(sandbox: Sandbox) -> None:
    reply = sandbox.graphql(SET, identifier=CUSTOM, input={"title": "x"})
    assert "type 'id' is required" in reply["errors"][0]["message"]
    assert sandbox.stats()["shopify"]["products"] == 0


def test_a_custom_id_belongs_to_one_product(sandbox: Sandbox) -> None:
    define_custom_id(sandbox)
    set_product(sandbox, {"title": "Fox"}, CUSTOM)
    taken = {"title": "Owl", "metafields": [{"namespace": "pressroom", "key": "image_id", "value": "img-1"}]}
    assert codes(sandbox.graphql(SET, input=taken), "productSet") == ["DUPLICATED_METAFIELD_VALUE"]


def test_definitions_are_listed_and_made_once(sandbox: Sandbox) -> None:
    define_custom_id(sandbox)
    definition = {"name": "Again", "namespace": "pressroom", "key": "image_id", "type": "id", "ownerType": "PRODUCT"}
    assert codes(sandbox.graphql(DEFINE, definition=definition), "metafieldDefinitionCreate") == ["TAKEN"]
    odd = definition | {"key": "other", "type": "poem"}
    assert codes(sandbox.graphql(DEFINE, definition=odd), "metafieldDefinitionCreate") == ["INCLUSION"]
    asked = """{ metafieldDefinitions(ownerType: PRODUCT, namespace: "pressroom", first: 5) {
      nodes { key type { name } } } }"""
    nodes = sandbox.graphql(asked)["data"]["metafieldDefinitions"]["nodes"]
    assert nodes == [{"key": "image_id", "type": {"name": "id"}}]


def test_by_handle_a_product_is_made_and_found(sandbox: Sandbox) -> None:
    first = set_product(sandbox, {"title": "Fox"}, {"handle": "the-fox"})
    second = set_product(sandbox, {"title": "Fox", "descriptionHtml": "<p>red</p>"}, {"handle": "the-fox"})
    assert (second["id"], second["handle"]) == (first["id"], "the-fox")
    reply = sandbox.graphql(SET, identifier={"handle": "a"}, input={"title": "x", "handle": "b"})
    assert codes(reply, "productSet") == ["INPUT_MISMATCH"]
    reply = sandbox.graphql(SET, input={"title": "x", "handle": "the-fox"})
    assert codes(reply, "productSet") == ["HANDLE_NOT_UNIQUE"]


def test_a_list_that_is_given_replaces_and_one_that_is_not_stays(sandbox: Sandbox) -> None:
    first = set_product(sandbox, product_input(sandbox, "Fox", metafields=[metafield("a1"), metafield("b1")]))
    identifier = {"id": first["id"]}
    kept = set_product(sandbox, {"title": "Fox"}, identifier)
    assert (kept["variants"], kept["metafields"], kept["tags"]) == (
        first["variants"],
        first["metafields"],
        first["tags"],
    )
    assert [media["id"] for media in kept["media"]["nodes"]] == [media["id"] for media in first["media"]["nodes"]]
    sizes = {"productOptions": [{"name": "Size", "values": [{"name": "M"}, {"name": "L"}]}]}
    variants = [{"optionValues": [{"optionName": "Size", "name": size}]} for size in ("M", "L")]
    less = set_product(
        sandbox, sizes | {"variants": variants, "files": [], "metafields": [metafield("b1")]}, identifier
    )
    old = {variant["title"]: variant for variant in first["variants"]["nodes"]}
    new = {variant["title"]: variant for variant in less["variants"]["nodes"]}
    assert list(new) == ["M", "L"]
    assert new["M"] == old["M"]
    assert new["L"]["price"] == "0.00"
    assert less["media"]["nodes"] == []
    assert [one["key"] for one in less["metafields"]["nodes"]] == ["b1"]


def metafield(key: str) -> dict[str, str]:
    return {"namespace": "press", "key": key, "value": "x", "type": "single_line_text_field"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": " "}, "INVALID_PRODUCT"),
        ({"variants": [{"optionValues": [{"optionName": "Size", "name": "XL"}]}]}, "OPTION_VALUE_DOES_NOT_EXIST"),
        ({"variants": [{"optionValues": [{"optionName": "Colour", "name": "S"}]}]}, "OPTION_DOES_NOT_EXIST"),
        ({"variants": [{"optionValues": [{"optionName": "Size", "name": "S"}]}] * 2}, "INVALID_VARIANT"),
        ({"variants": [{"optionValues": []}]}, "INVALID_VARIANT"),
        ({"productOptions": [{"name": "Size"}]}, "OPTION_VALUES_MISSING"),
        ({"productOptions": [{"name": str(n), "values": [{"name": "x"}]} for n in range(4)]}, "OPTIONS_OVER_LIMIT"),
        ({"files": [{"id": "gid://shopify/MediaImage/1"}]}, "NOT_FOUND"),
        ({"files": [{"alt": "x"}]}, "MISSING_FIELD_REQUIRED"),
        ({"metafields": [{"key": "k1", "value": "v"}]}, "INVALID_METAFIELD"),
    ],
)
def test_wrong_input_is_told_in_user_errors_and_changes_nothing(
    sandbox: Sandbox, change: dict[str, Any], code: str
) -> None:
    reply = sandbox.graphql(SET, input=product_input(sandbox, "Fox") | change)
    assert codes(reply, "productSet") == [code]
    assert reply["data"]["productSet"]["product"] is None
    stats = sandbox.stats()["shopify"]
    assert (stats["products"], stats["files"]) == (0, 0)


def test_a_missing_product_is_not_made(sandbox: Sandbox) -> None:
    reply = sandbox.graphql(SET, identifier={"id": "gid://shopify/Product/1"}, input={"title": "x"})
    assert codes(reply, "productSet") == ["PRODUCT_DOES_NOT_EXIST"]


def test_an_asynchronous_product_set_has_an_operation(sandbox: Sandbox) -> None:
    reply = sandbox.graphql(SET, input={"title": "Fox"}, synchronous=False)["data"]["productSet"]
    assert reply["product"] is None
    asked = """query($id: ID!) { productOperation(id: $id) { status product { title }
      ... on ProductSetOperation { userErrors { message } } } }"""

    def complete() -> dict[str, Any] | None:
        read = sandbox.graphql(asked, id=reply["productSetOperation"]["id"])["data"]["productOperation"]
        return read if read["status"] == "COMPLETE" else None

    read = wait_for(complete, "the operation")
    assert read is not None
    assert read["product"]["title"] == "Fox"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_staged_upload_becomes_media_that_is_ready(sandbox: Sandbox, method: str) -> None:
    content = png(40, 30)
    source = stage(sandbox, content, method)
    product = set_product(sandbox, {"title": "Fox", "files": [{"originalSource": source, "alt": "A fox"}]})
    media = product["media"]["nodes"][0]
    assert media["status"] == "UPLOADED"
    seen: list[str] = []

    def ready() -> dict[str, Any] | None:
        file = sandbox.graphql(FILE, id=media["id"])["data"]["node"]
        seen.append(file["fileStatus"])
        return file if seen[-1] == "READY" else None

    file = wait_for(ready, "the file")
    assert file is not None
    assert set(seen) <= {"UPLOADED", "PROCESSING", "READY"}
    assert (file["image"]["width"], file["image"]["height"]) == (40, 30)
    assert httpx.get(file["image"]["url"]).content == content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (png(4473, 10), "INVALID_IMAGE_RESOLUTION"),
        (b"no image", "UNSUPPORTED_IMAGE_FILE_TYPE"),
        (None, "IMAGE_DOWNLOAD_FAILURE"),
    ],
)
def test_what_is_no_image_or_too_large_fails(sandbox: Sandbox, content: bytes | None, code: str) -> None:
    source = stage(sandbox, content) if content else "https://example.com/a.png"
    product = set_product(sandbox, {"title": "Fox", "files": [{"originalSource": source}]})
    identity = product["media"]["nodes"][0]["id"]

    def failed() -> dict[str, Any] | None:
        file = sandbox.graphql(FILE, id=identity)["data"]["node"]
        return file if file["fileStatus"] == "FAILED" else None

    file = wait_for(failed, "the failure")
    assert file is not None
    assert file["fileErrors"][0]["code"] == code
    assert file["image"] is None


def test_a_staged_target_takes_only_what_was_announced(sandbox: Sandbox) -> None:
    wanted = {"filename": "a.png", "mimeType": "image/png", "resource": "IMAGE", "httpMethod": "POST"}
    large = sandbox.graphql(STAGE, input=[wanted | {"fileSize": "30000000"}])["data"]["stagedUploadsCreate"]
    assert large["userErrors"][0]["field"] == ["input", "0", "fileSize"]
    text = sandbox.graphql(STAGE, input=[wanted | {"mimeType": "text/plain"}])["data"]["stagedUploadsCreate"]
    assert text["stagedTargets"] == []
    target = sandbox.graphql(STAGE, input=[wanted])["data"]["stagedUploadsCreate"]["stagedTargets"][0]
    fields = {one["name"]: one["value"] for one in target["parameters"]}
    forged = fields | {"x-goog-signature": "forged"}
    assert httpx.post(target["url"], data=forged, files={"file": png()}).status_code == 403
    assert httpx.post(target["url"], data=fields).status_code == 400
    other = fields | {"Content-Type": "image/jpeg"}
    assert httpx.post(target["url"], data=other, files={"file": png()}).status_code == 400


def test_a_file_of_the_same_name_is_replaced_copied_or_refused(sandbox: Sandbox) -> None:
    def with_mode(mode: str) -> dict[str, Any]:
        image = {"originalSource": stage(sandbox, png()), "filename": "x.png", "duplicateResolutionMode": mode}
        return sandbox.graphql(SET, input={"title": mode, "files": [image]})

    first = with_mode("APPEND_UUID")["data"]["productSet"]["product"]["media"]["nodes"][0]["id"]
    assert with_mode("REPLACE")["data"]["productSet"]["product"]["media"]["nodes"][0]["id"] == first
    assert with_mode("APPEND_UUID")["data"]["productSet"]["product"]["media"]["nodes"][0]["id"] != first
    assert codes(with_mode("RAISE_ERROR"), "productSet") == ["INVALID_INPUT"]


def test_only_an_active_product_is_published(sandbox: Sandbox) -> None:
    publications = sandbox.graphql("{ publications(first: 5) { nodes { id name catalog { title } } } }")
    online_store = publications["data"]["publications"]["nodes"][0]["id"]
    product = set_product(sandbox, {"title": "Fox", "status": "DRAFT"})
    reply = sandbox.graphql(PUBLISH, id=product["id"], input=[{"publicationId": online_store}])
    assert "active" in reply["data"]["publishablePublish"]["userErrors"][0]["message"]
    set_product(sandbox, {"status": "ACTIVE"}, {"id": product["id"]})
    reply = sandbox.graphql(PUBLISH, id=product["id"], input=[{"publicationId": online_store}])
    assert reply["data"]["publishablePublish"]["userErrors"] == []
    assert reply["data"]["publishablePublish"]["publishable"]["onlineStoreUrl"].endswith("/products/fox")
    asked = """query($id: ID!, $p: ID!) { product(id: $id) { publishedOnPublication(publicationId: $p)
      resourcePublicationsV2(first: 5) { nodes { isPublished publication { name } } } } }"""
    read = sandbox.graphql(asked, id=product["id"], p=online_store)["data"]["product"]
    assert read["publishedOnPublication"] is True
    assert read["resourcePublicationsV2"]["nodes"][0]["publication"]["name"] == "Online Store"
    assert sandbox.stats()["shopify"]["published"] == 1
    reply = sandbox.graphql(PUBLISH, id=product["id"], input=[{"publicationId": "gid://shopify/Publication/1"}])
    assert reply["data"]["publishablePublish"]["userErrors"][0]["field"] == ["input", "0", "publicationId"]


def test_products_are_searched_and_paged(sandbox: Sandbox) -> None:
    for number in range(5):
        set_product(sandbox, {"title": f"Fox {number}", "tags": ["odd"] if number % 2 else ["even"]})
    asked = """query($after: String, $query: String) { products(first: 2, after: $after, query: $query) {
      nodes { title } pageInfo { hasNextPage endCursor } } }"""
    titles: list[str] = []
    after = None
    while True:
        page = sandbox.graphql(asked, after=after)["data"]["products"]
        titles += [node["title"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert titles == [f"Fox {number}" for number in range(5)]
    odd = sandbox.graphql(asked, query="tag:odd status:active")["data"]["products"]["nodes"]
    assert [node["title"] for node in odd] == ["Fox 1", "Fox 3"]
    assert "search" in sandbox.graphql(asked, query="tag:odd OR tag:even")["errors"][0]["message"]


def test_a_product_is_deleted(sandbox: Sandbox) -> None:
    define_custom_id(sandbox)
    product = set_product(sandbox, {"title": "Fox"}, CUSTOM)
    delete = "mutation($input: ProductDeleteInput!) { productDelete(input: $input) { deletedProductId } }"
    assert sandbox.graphql(delete, input={"id": product["id"]})["data"]["productDelete"]["deletedProductId"]
    assert set_product(sandbox, {"title": "Fox"}, CUSTOM)["id"] != product["id"]


def test_an_article_is_made_found_and_changed(sandbox: Sandbox) -> None:
    blog = sandbox.graphql("{ blogs(first: 1) { nodes { id handle } } }")["data"]["blogs"]["nodes"][0]
    article = {
        "title": "A fox",
        "handle": "a-fox",
        "blogId": blog["id"],
        "author": {"name": "Pressroom"},
        "body": "<p>Red.</p>",
        "tags": ["b", "a"],
        "image": {"url": stage(sandbox, png()), "altText": "fox"},
    }
    made = sandbox.graphql(ARTICLE, article=article)["data"]["articleCreate"]["article"]
    assert (made["isPublished"], made["tags"], made["image"]["altText"]) == (True, ["a", "b"], "fox")
    found = sandbox.graphql('{ articles(first: 5, query: "handle:a-fox") { nodes { id title } } }')
    assert [node["id"] for node in found["data"]["articles"]["nodes"]] == [made["id"]]
    assert codes(sandbox.graphql(ARTICLE, article=article), "articleCreate") == ["TAKEN"]
    change = """mutation($id: ID!, $article: ArticleUpdateInput!) { articleUpdate(id: $id, article: $article) {
      article { title handle isPublished } userErrors { code } } }"""
    changed = sandbox.graphql(change, id=made["id"], article={"title": "An owl", "isPublished": False})
    assert changed["data"]["articleUpdate"]["article"] == {"title": "An owl", "handle": "a-fox", "isPublished": False}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"publishDate": "2100-01-01T00:00:00Z", "isPublished": True}, "INVALID_PUBLISH_DATE"),
        ({"author": {}}, "AUTHOR_FIELD_REQUIRED"),
        ({"title": ""}, "BLANK"),
        ({"blogId": "gid://shopify/Blog/1"}, "NOT_FOUND"),
        ({"blogId": None}, "BLOG_REFERENCE_REQUIRED"),
        ({"image": {"url": "https://example.com/a.png"}}, "UPLOAD_FAILED"),
    ],
)
def test_an_article_with_a_wrong_field_is_refused(sandbox: Sandbox, change: dict[str, Any], code: str) -> None:
    blog = sandbox.graphql("{ blogs(first: 1) { nodes { id } } }")["data"]["blogs"]["nodes"][0]["id"]
    article = {"title": "A fox", "blogId": blog, "author": {"name": "Pressroom"}} | change
    assert codes(sandbox.graphql(ARTICLE, article=article), "articleCreate") == [code]
    assert sandbox.stats()["shopify"]["articles"] == 0


def test_a_future_date_waits(sandbox: Sandbox) -> None:
    article = {"title": "Later", "author": {"name": "P"}, "publishDate": "2100-01-01T00:00:00Z"}
    reply = sandbox.graphql(ARTICLE, article=article | {"isPublished": False}, blog={"title": "Notes"})
    made = reply["data"]["articleCreate"]["article"]
    assert (made["isPublished"], made["publishedAt"], made["blog"]["handle"]) == (
        False,
        "2100-01-01T00:00:00Z",
        "notes",
    )


def test_an_empty_bucket_throttles_with_http_200_and_fills_again(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(shopify_bucket=40, shopify_restore_per_second=8)
    asked = "{ products(first: 20) { nodes { id } } }"
    make = 'mutation { productSet(input: {title: "x"}) { product { id } } }'
    replies = [sandbox.graphql(make) for _ in range(12)]
    throttled = [reply for reply in replies if "errors" in reply]
    assert throttled
    assert throttled[0]["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert throttled[0]["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] < 12
    assert sandbox.stats()["shopify"]["products"] == len(replies) - len(throttled)
    wait_for(lambda: "data" in sandbox.graphql(asked), "the bucket to fill")


def test_a_query_that_is_too_dear_is_refused(sandbox: Sandbox) -> None:
    asked = "{ products(first: 250) { nodes { variants(first: 250) { nodes { id } } } } }"
    assert sandbox.graphql(asked)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
