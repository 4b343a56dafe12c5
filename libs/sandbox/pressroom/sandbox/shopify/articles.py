"""Blogs and their articles. Articles have no upsert: creating one twice makes two, with `-1` behind the second
handle, unless the handle was asked for, which is then refused as taken."""

from __future__ import annotations

from collections.abc import Callable

from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_list, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.connections import connect
from pressroom.sandbox.shopify.handles import free_handle, handle_of
from pressroom.sandbox.shopify.ids import check_id, new_id
from pressroom.sandbox.shopify.media import Source, add_file, image_view, read_source
from pressroom.sandbox.shopify.metafields import metafield_of, metafields_of, set_metafields
from pressroom.sandbox.shopify.resolving import Call, plain, resolver
from pressroom.sandbox.shopify.search import matches
from pressroom.sandbox.shopify.shop import finder
from pressroom.sandbox.shopify.times import read_time, write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError

BLOGS = "shopify.blogs"
ARTICLES = "shopify.articles"

SEARCH = {
    "id": "id",
    "handle": "handle",
    "title": "title",
    "tag": "tags",
    "author": "_author",
    "blog_id": "_blog",
    "blog_title": "_blog_title",
}

plain("Blog", "id title handle commentPolicy createdAt updatedAt tags templateSuffix")
plain(
    "Article",
    "id title handle body summary author tags isPublished publishedAt createdAt updatedAt templateSuffix image",
)
plain("ArticleAuthor", "name")
for _payload in ("ArticleCreate", "ArticleUpdate"):
    plain(f"{_payload}Payload", "article userErrors")
    plain(f"{_payload}UserError", "code field message")
plain("ArticleDeletePayload", "deletedArticleId userErrors")
plain("ArticleDeleteUserError", "code field message")
plain("BlogCreatePayload", "blog userErrors")
plain("BlogCreateUserError", "code field message")

resolver("Article", "metafield")(metafield_of)
resolver("Article", "metafields")(metafields_of)


def ensure_first_blog(store: Store, now: float) -> None:
    """A new shop has a blog called News."""
    with store.transaction():
        if store.count(BLOGS) == 0:
            _add_blog(store, "News", "news", now)


def _add_blog(store: Store, title: str, handle: str, now: float) -> JsonObject:
    blog: JsonObject = {
        "id": new_id(store, "Blog"),
        "title": title,
        "handle": handle,
        "commentPolicy": "CLOSED",
        "createdAt": write_time(now),
        "updatedAt": write_time(now),
        "tags": [],
        "templateSuffix": None,
    }
    store.put(BLOGS, as_text(blog["id"]), blog)
    return blog


@resolver("QueryRoot", "blogs")
def blogs(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    query = as_text(arguments.get("query"))
    found = [row.body for row in call.store.rows(BLOGS)]
    return connect([blog for blog in found if matches(blog, query, {"handle": "handle", "title": "title"})], arguments)


def _find_blog(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return call.store.get(BLOGS, check_id(as_text(arguments.get("id")), "Blog"))


finder("Blog", _find_blog)
resolver("QueryRoot", "blog")(_find_blog)


@resolver("Mutation", "blogCreate")
def blog_create(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    wanted = as_object(arguments.get("blog"))
    title = as_text(wanted.get("title")).strip()
    if not title:
        error: JsonObject = {"field": ["blog", "title"], "message": "Title can't be blank", "code": "INVALID"}
        return {"blog": None, "userErrors": [error]}
    with call.store.transaction():
        wished = handle_of(as_text(wanted.get("handle")) or title)
        handle = free_handle(wished, lambda one: bool(call.store.find(BLOGS, "handle", one)))
        return {"blog": _add_blog(call.store, title, handle, call.now), "userErrors": []}


@resolver("Blog", "articles")
def articles_of_blog(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return connect([row.body for row in call.store.rows(ARTICLES) if row.body["_blog"] == source["id"]], arguments)


@resolver("Blog", "articlesCount")
def articles_count(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    count = sum(row.body["_blog"] == source["id"] for row in call.store.rows(ARTICLES))
    return {"count": count, "precision": "EXACT"}


@resolver("QueryRoot", "articles")
def articles(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    query = as_text(arguments.get("query"))
    return connect([row.body for row in call.store.rows(ARTICLES) if matches(row.body, query, SEARCH)], arguments)


def _find_article(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return call.store.get(ARTICLES, check_id(as_text(arguments.get("id")), "Article"))


finder("Article", _find_article)
resolver("QueryRoot", "article")(_find_article)


@resolver("Article", "blog")
def blog_of_article(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return call.store.get(BLOGS, as_text(source["_blog"]))


@resolver("Mutation", "articleCreate")
def article_create(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    def create(image: Source | None) -> JsonObject:
        return _create(call, as_object(arguments.get("article")), arguments, image)

    return _change(call, arguments, create)


@resolver("Mutation", "articleUpdate")
def article_update(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    article_id = check_id(as_text(arguments.get("id")), "Article")

    def update(image: Source | None) -> JsonObject:
        article = call.store.get(ARTICLES, article_id)
        if article is None:
            raise UserRefusalError(["id"], "Article does not exist", "NOT_FOUND")
        return _update(call, article, as_object(arguments.get("article")), arguments, image)

    return _change(call, arguments, update)


def _change(call: Call, arguments: JsonObject, change: Callable[[Source | None], JsonObject]) -> JsonObject:
    url = as_text(as_object(as_object(arguments.get("article")).get("image")).get("url"))
    image = read_source(call, url) if url else None
    try:
        with call.store.transaction():
            article = change(image)
            call.store.put(ARTICLES, as_text(article["id"]), article)
    except UserRefusalError as refusal:
        return {"article": None, "userErrors": [refusal.body]}
    return {"article": article, "userErrors": []}


def _create(call: Call, wanted: JsonObject, arguments: JsonObject, image: Source | None) -> JsonObject:
    if not _author(wanted):
        raise UserRefusalError(
            ["article", "author"], "Can't create an article without an author.", "AUTHOR_FIELD_REQUIRED"
        )
    if wanted.get("blogId") is None and arguments.get("blog") is None:
        raise UserRefusalError(["article"], "Must reference or create a blog.", "BLOG_REFERENCE_REQUIRED")
    blank: JsonObject = {
        "id": new_id(call.store, "Article"),
        "title": "",
        "handle": "",
        "body": "",
        "summary": None,
        "tags": [],
        "isPublished": False,
        "publishedAt": None,
        "createdAt": write_time(call.now),
        "templateSuffix": None,
        "image": None,
        "_metafields": [],
    }
    # An article is published at once unless it is told otherwise (Shopify, `articleCreate`).
    return _update(call, blank, {"isPublished": True, **wanted}, arguments, image)


def _update(
    call: Call, article: JsonObject, wanted: JsonObject, arguments: JsonObject, image: Source | None
) -> JsonObject:
    changed: JsonObject = {**article, "updatedAt": write_time(call.now)}
    if "title" in wanted and not as_text(wanted["title"]).strip():
        raise UserRefusalError(["article", "title"], "Title can't be blank", "BLANK")
    for field in ("title", "body", "summary", "templateSuffix"):
        if wanted.get(field) is not None:
            changed[field] = wanted[field]
    if "tags" in wanted:
        changed["tags"] = json_list(sorted({as_text(tag).strip() for tag in as_list(wanted["tags"])}, key=str.lower))
    author = _author(wanted)
    if author:
        changed["author"], changed["_author"] = {"name": author}, author
    blog = _blog(call, wanted, arguments)
    if blog is not None:
        changed["_blog"], changed["_blog_title"] = blog["id"], blog["title"]
    changed["handle"] = _handle(call, changed, as_text(wanted.get("handle")))
    changed.update(_publishing(call, changed, wanted))
    if image is not None:
        changed["image"] = _image(call, as_object(wanted["image"]), image)
    if "metafields" in wanted:
        given, held = as_objects(wanted["metafields"]), as_objects(article["_metafields"])
        changed["_metafields"] = json_list(set_metafields(call, "ARTICLE", held, given, ["article", "metafields"]))
    return changed


def _author(wanted: JsonObject) -> str:
    author = as_object(wanted.get("author"))
    if author.get("name") is not None and author.get("userId") is not None:
        raise UserRefusalError(
            ["article", "author"], "Can't update an article author if both are given.", "AMBIGUOUS_AUTHOR"
        )
    if author.get("userId") is not None:
        raise UserRefusalError(["article", "author", "userId"], "User must exist.", "AUTHOR_MUST_EXIST")
    return as_text(author.get("name")).strip()


def _blog(call: Call, wanted: JsonObject, arguments: JsonObject) -> JsonObject | None:
    named, new = wanted.get("blogId"), as_object(arguments.get("blog"))
    if named is not None and new:
        raise UserRefusalError(["article"], "Can't create an article with a blog and a blog id.", "AMBIGUOUS_BLOG")
    if named is not None:
        blog = call.store.get(BLOGS, check_id(as_text(named), "Blog"))
        if blog is None:
            raise UserRefusalError(["article", "blogId"], "Must reference an existing blog.", "NOT_FOUND")
        return blog
    if new:
        title = as_text(new["title"])
        handle = free_handle(handle_of(title), lambda one: bool(call.store.find(BLOGS, "handle", one)))
        return _add_blog(call.store, title, handle, call.now)
    return None


def _handle(call: Call, article: JsonObject, asked: str) -> str:
    def is_taken(handle: str) -> bool:
        namesakes = [row.body for row in call.store.find(ARTICLES, "handle", handle)]
        return any(one["_blog"] == article["_blog"] and one["id"] != article["id"] for one in namesakes)

    if asked:
        if is_taken(handle_of(asked)):
            raise UserRefusalError(["article", "handle"], "Handle has already been taken", "TAKEN")
        return handle_of(asked)
    return as_text(article["handle"]) or free_handle(handle_of(as_text(article["title"])), is_taken)


def _publishing(call: Call, article: JsonObject, wanted: JsonObject) -> JsonObject:
    """`isPublished` and `publishedAt` after the change; a future date waits unpublished until it has come."""
    published, date = wanted.get("isPublished"), as_text(wanted.get("publishDate"))
    if date and read_time(date) > call.now:
        if published is True and "publishDate" in wanted:
            message = "Can't set isPublished to true and also set a future publish date."
            raise UserRefusalError(["article"], message, "INVALID_PUBLISH_DATE")
        return {"isPublished": False, "publishedAt": write_time(read_time(date))}
    if published is None and not date:
        return {}
    if published is False:
        return {"isPublished": False, "publishedAt": None}
    at = write_time(read_time(date)) if date else as_text(article["publishedAt"]) or write_time(call.now)
    return {"isPublished": True, "publishedAt": at}


def _image(call: Call, wanted: JsonObject, source: Source) -> JsonObject:
    if source.error_code:
        raise UserRefusalError(["article", "image"], f"Image upload failed. {source.error}", "UPLOAD_FAILED")
    named: JsonObject = {"originalSource": wanted.get("url"), "alt": wanted.get("altText")}
    return image_view(call, add_file(call, named, source, ["article", "image"]))


@resolver("Mutation", "articleDelete")
def article_delete(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    article_id = check_id(as_text(arguments.get("id")), "Article")
    if not call.store.delete(ARTICLES, article_id):
        error: JsonObject = {"field": ["id"], "message": "Article does not exist", "code": "NOT_FOUND"}
        return {"deletedArticleId": None, "userErrors": [error]}
    return {"deletedArticleId": article_id, "userErrors": []}
