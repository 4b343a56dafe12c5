"""`productSet`: one mutation that makes a product or brings it to the given state. It finds the product by its
identifier (id, handle or custom id), so the same call twice makes one product. A list that is given replaces the list
that was there; a field that is not given stays as it was. All or nothing."""

from __future__ import annotations

from pressroom.sandbox.core.wire import Json, JsonObject, as_list, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.handles import free_handle, handle_of
from pressroom.sandbox.shopify.ids import check_id, new_id
from pressroom.sandbox.shopify.media import FILES, Source, add_file, find_file, read_source
from pressroom.sandbox.shopify.metafields import custom_id, set_metafields, with_custom_id
from pressroom.sandbox.shopify.product_store import (
    find_by_custom_id,
    find_by_handle,
    find_by_identifier,
    find_product,
    save_product,
)
from pressroom.sandbox.shopify.resolving import Call, plain, resolver, unsupported
from pressroom.sandbox.shopify.shop import finder
from pressroom.sandbox.shopify.times import write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError
from pressroom.sandbox.shopify.variants import DEFAULT_OPTIONS, DEFAULT_VARIANTS, set_options, set_variants

OPERATIONS = "shopify.product_set_operations"
OPERATION_S = 0.5
"""How long an asynchronous productSet is under way."""

INPUTS = frozenset(
    [
        "descriptionHtml",
        "files",
        "handle",
        "id",
        "metafields",
        "productOptions",
        "productType",
        "redirectNewHandle",
        "requiresSellingPlan",
        "seo",
        "status",
        "tags",
        "templateSuffix",
        "title",
        "variants",
        "vendor",
    ]
)

plain("ProductSetPayload", "product productSetOperation userErrors")
plain("ProductSetUserError", "code field message")
plain("ProductSetOperation", "id userErrors")
plain("ProductOperation", "product status")


@resolver("Mutation", "productSet")
def product_set(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    wanted = as_object(arguments.get("input"))
    identifier = as_object(arguments.get("identifier"))
    for field in wanted:
        if field not in INPUTS:
            raise unsupported(f"ProductSetInput.{field}")
    sources = {
        url: read_source(call, url)
        for file in as_objects(wanted.get("files"))
        if (url := as_text(file.get("originalSource"))) and file.get("id") is None
    }
    synchronous = arguments.get("synchronous") is not False
    product: JsonObject | None = None
    errors: list[JsonObject] = []
    try:
        with call.store.transaction():
            product = _set(call, identifier, wanted, sources)
    except UserRefusalError as refusal:
        errors.append(refusal.body)
    if synchronous:
        return {"product": product, "productSetOperation": None, "userErrors": json_list(errors)}
    operation: JsonObject = {
        "id": new_id(call.store, "ProductSetOperation"),
        "_product": product["id"] if product else None,
        "_created": call.now,
        "userErrors": json_list(errors),
    }
    call.store.put(OPERATIONS, as_text(operation["id"]), operation)
    return {"product": None, "productSetOperation": operation, "userErrors": []}


def _set(call: Call, identifier: JsonObject, wanted: JsonObject, sources: dict[str, Source]) -> JsonObject:
    identity: tuple[str, str, str] | None = None
    if identifier.get("customId") is not None:
        identity = custom_id(call.store, "PRODUCT", as_object(identifier["customId"]))
        product = find_by_custom_id(call.store, identity)
    elif identifier:
        product = find_by_identifier(call.store, identifier)
    else:
        product = find_product(call.store, check_id(as_text(wanted["id"]), "Product")) if wanted.get("id") else None
    if product is None and (identifier.get("id") is not None or wanted.get("id") is not None):
        raise UserRefusalError(["identifier", "id"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
    handle = as_text(identifier.get("handle"))
    if handle and wanted.get("handle") not in (None, handle):
        raise UserRefusalError(["input", "handle"], "The handle does not match the identifier", "INPUT_MISMATCH")
    changed = _with_fields(call, product or _blank(call, wanted), wanted, handle, is_new=product is None)
    changed = _with_files_and_variants(call, changed, wanted, sources, is_new=product is None)
    changed = _with_metafields(call, changed, wanted, identity)
    changed["updatedAt"] = write_time(call.now)
    save_product(call.store, changed)
    return changed


def _blank(call: Call, wanted: JsonObject) -> JsonObject:
    if not as_text(wanted.get("title")).strip():
        raise UserRefusalError(["input", "title"], "Title can't be blank", "INVALID_PRODUCT")
    return {
        "id": new_id(call.store, "Product"),
        "title": "",
        "handle": "",
        "descriptionHtml": "",
        "vendor": "Pressroom sandbox",
        "productType": "",
        "tags": [],
        "status": "ACTIVE",
        "templateSuffix": None,
        "seo": {"title": None, "description": None},
        "requiresSellingPlan": False,
        "isGiftCard": False,
        "createdAt": write_time(call.now),
        "options": [],
        "_variants": [],
        "_media": [],
        "_metafields": [],
        "_publications": {},
    }


def _with_fields(call: Call, product: JsonObject, wanted: JsonObject, handle: str, *, is_new: bool) -> JsonObject:
    changed: JsonObject = {**product}
    if "title" in wanted:
        if not as_text(wanted["title"]).strip():
            raise UserRefusalError(["input", "title"], "Title can't be blank", "INVALID_PRODUCT")
        if len(as_text(wanted["title"])) > 255:
            raise UserRefusalError(
                ["input", "title"], "Title is too long (maximum is 255 characters)", "INVALID_PRODUCT"
            )
    for field in (
        "title",
        "descriptionHtml",
        "vendor",
        "productType",
        "status",
        "templateSuffix",
        "requiresSellingPlan",
    ):
        if wanted.get(field) is not None:
            changed[field] = wanted[field]
    if "tags" in wanted:
        # Shopify keeps tags as a set and answers them in alphabetical order.
        tags = {as_text(tag).strip().lower(): as_text(tag).strip() for tag in as_list(wanted["tags"])}
        changed["tags"] = json_list(sorted((tag for tag in tags.values() if tag), key=str.lower))
    if "seo" in wanted:
        changed["seo"] = {**as_object(product["seo"]), **as_object(wanted["seo"])}
    asked = as_text(wanted.get("handle")) or handle
    if asked:
        owner = find_by_handle(call.store, handle_of(asked))
        if owner is not None and owner["id"] != product["id"]:
            message = f"Handle '{asked}' already in use. Please provide a new handle."
            raise UserRefusalError(["input", "handle"], message, "HANDLE_NOT_UNIQUE")
        changed["handle"] = handle_of(asked)
    elif is_new:
        wished = handle_of(as_text(changed["title"]))
        changed["handle"] = free_handle(wished, lambda one: find_by_handle(call.store, one) is not None)
    return changed


def _with_files_and_variants(
    call: Call, product: JsonObject, wanted: JsonObject, sources: dict[str, Source], *, is_new: bool
) -> JsonObject:
    changed: JsonObject = {**product}
    media_of = {as_text(media): as_text(media) for media in as_list(product["_media"])}
    if "files" in wanted:
        media_of = _set_files(call, as_objects(wanted["files"]), sources)
        changed["_media"] = json_list(dict.fromkeys(media_of.values()))
    if "productOptions" in wanted and "variants" not in wanted:
        raise UserRefusalError(["input", "variants"], "Variants input is required", "VARIANTS_INPUT_MISSING")
    if "variants" in wanted and "productOptions" not in wanted and is_new:
        message = "Product options input is required when updating variants"
        raise UserRefusalError(["input", "productOptions"], message, "PRODUCT_OPTIONS_INPUT_MISSING")
    options = as_objects(wanted.get("productOptions")) if "productOptions" in wanted else None
    variants = as_objects(wanted.get("variants")) if "variants" in wanted else None
    if options == [] or (is_new and options is None):
        options = DEFAULT_OPTIONS
        variants = variants or DEFAULT_VARIANTS
    if options is not None:
        changed["options"] = json_list(set_options(call, as_objects(product["options"]), options))
    if variants is not None:
        if not variants:
            raise UserRefusalError(["input", "variants"], "A product needs a variant", "VARIANTS_INPUT_MISSING")
        changed["_variants"] = json_list(set_variants(call, changed, variants, media_of))
    return changed


def _set_files(call: Call, given: list[JsonObject], sources: dict[str, Source]) -> dict[str, str]:
    """Which file each given `originalSource` or id became."""
    media_of: dict[str, str] = {}
    for place, wanted in enumerate(given):
        at = ["input", "files", str(place)]
        url = as_text(wanted.get("originalSource"))
        if as_text(wanted.get("contentType"), "IMAGE") != "IMAGE":
            raise unsupported("product files that are no images")
        if wanted.get("id") is not None:
            file_id = check_id(as_text(wanted["id"]), "MediaImage")
            held = find_file(call.store, file_id)
            if held is None:
                raise UserRefusalError([*at, "id"], "File does not exist", "NOT_FOUND")
            if wanted.get("alt") is not None:
                call.store.put(FILES, file_id, {**held, "alt": wanted["alt"]})
        elif url:
            try:
                file_id = as_text(add_file(call, wanted, sources[url], at)["id"])
            except UserRefusalError as refusal:
                raise UserRefusalError([*at, "filename"], str(refusal), "INVALID_INPUT") from refusal
        else:
            raise UserRefusalError(at, "A file needs an id or an originalSource", "MISSING_FIELD_REQUIRED")
        media_of[file_id] = file_id
        if url:
            media_of[url] = file_id
    return media_of


def _with_metafields(
    call: Call, product: JsonObject, wanted: JsonObject, identity: tuple[str, str, str] | None
) -> JsonObject:
    held = as_objects(product["_metafields"])
    if "metafields" in wanted:
        given = as_objects(wanted["metafields"])
        held = set_metafields(call, "PRODUCT", held, given, ["input", "metafields"])
    if identity is not None:
        held = with_custom_id(call, "PRODUCT", held, identity)
    for one in held:
        if one["type"] == "id":
            identity_held = (as_text(one["namespace"]), as_text(one["key"]), as_text(one["value"]))
            owner = find_by_custom_id(call.store, identity_held)
            if owner is not None and owner["id"] != product["id"]:
                message = f"Value {one['value']} is already in use by another product"
                raise UserRefusalError(["input", "metafields"], message, "DUPLICATED_METAFIELD_VALUE")
    return {**product, "_metafields": json_list(held)}


def _find_operation(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return call.store.get(OPERATIONS, as_text(arguments.get("id")))


finder("ProductSetOperation", _find_operation)
resolver("QueryRoot", "productOperation")(_find_operation)


@resolver("ProductSetOperation", "status")
def operation_status(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    created = source["_created"]
    return "COMPLETE" if isinstance(created, float) and call.now - created >= OPERATION_S else "ACTIVE"


@resolver("ProductSetOperation", "product")
def operation_product(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    if operation_status(call, source, arguments) != "COMPLETE" or source["_product"] is None:
        return None
    return find_product(call.store, as_text(source["_product"]))
