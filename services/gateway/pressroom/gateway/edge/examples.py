"""Bodies that can be sent as they stand: shown by the document and filled in on its page (`/docs`). A test sends each.

Ids in them are of what a reader has to look up, as those in paths are.
"""

from typing import Any

Examples = dict[str, Any]
"""Bodies by what they are about."""

AN_IMAGE = "batch_1m7zvfkgnn4v0m6k4w3f-0000"
A_SMALL_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LOGIN = {"email": "you@example.com", "password": "correct horse battery staple"}
A_CASE: dict[str, Any] = {
    "kind": "case",
    "title": "The missing page",
    "parts": [
        {"name": "librarian", "role": "suspect", "fields": {"description": "a librarian with a silver beard"}},
        {"name": "scene", "role": "scene", "fields": {"description": "a library at night"}},
    ],
}

_WISHES: Examples = {
    "Two prints": {"provider": "studio", "prompt": "A red fox in a snowy forest", "count": 2},
    "By the first that can": {
        "providers": ["flux", "openai"],
        "fallback": "placeholder",
        "prompt": "Cyberpunk cat, neon lights",
        "style": "digital art",
        "negative_prompt": "text, watermark",
        "profile": "hoodie",
        "count": 5,
    },
    "A prompt for each": {
        "provider": "studio",
        "images": [{"prompt": "A lighthouse in a storm"}, {"prompt": "The same at dawn", "seed": 7}],
        "profile": "none",
        "width": 1024,
        "height": 1024,
    },
    "For half the price, later": {
        "provider": "gemini",
        "mode": "batch",
        "prompt": "A geometric quilt",
        "count": 20,
    },
    "Texts": {
        "provider": "gemini",
        "mode": "batch",
        "text_kind": "product_listing",
        "prompt": "A poster of a red fox in a snowy forest",
        "instructions": "In English.",
    },
}

EXAMPLES: dict[tuple[str, str], Examples] = {
    ("post", "/v1/batches"): _WISHES,
    ("post", "/v1/batches/estimate"): _WISHES,
    ("post", "/v1/batches/{batch_id}/retry"): {
        "At once": {"mode": "realtime"},
        "By somebody else": {"mode": "realtime", "provider": "studio"},
    },
    ("post", "/v1/batches/{batch_id}/pause"): {"For a while": {"reason": "The motif is being discussed."}},
    ("post", "/v1/provider-jobs"): {
        "Three pictures": {"provider": "gemini", "prompt": "A geometric quilt", "count": 3}
    },
    ("patch", "/v1/images/{image_id}"): {
        "Name it": {"title": "Fox at dawn", "tags": ["fox", "winter"], "favourite": True}
    },
    ("post", "/v1/images/{image_id}/publish"): {
        "A mug": {"platform": "printify", "product_type": "mug", "title": "Fox mug"}
    },
    ("post", "/v1/images/{image_id}/reject"): {"With a reason": {"reason": "It has three ears."}},
    ("post", "/v1/images/{image_id}/regenerate"): {"Once more, otherwise": {"prompt": "A red fox, asleep", "seed": 7}},
    ("post", "/v1/images/review"): {
        "One by one": {"decisions": [{"image_id": AN_IMAGE, "decision": "approve"}]},
        "All that wait": {"batch_id": AN_IMAGE.rpartition("-")[0], "decision": "approve"},
    },
    ("post", "/v1/images/delete"): {"Some": {"image_ids": [AN_IMAGE]}},
    ("post", "/v1/files"): {"In base64": {"data": A_SMALL_PNG}},
    ("post", "/v1/lanes/{name}/pause"): {"Five minutes": {"seconds": 300, "reason": "The GPU gets a driver."}},
    ("put", "/v1/subjects/{subject_name}"): {"A case with its people and places": A_CASE},
    ("put", "/v1/recipes/{recipe_name}"): {
        "A portrait of each suspect": {
            "kind": "case",
            "pictures": [{"role": "suspect", "prompt": "Oil painting of {description}"}],
        }
    },
    ("post", "/v1/posts"): {
        "A draft": {"title": "How the fox was printed", "content": "It began with **a prompt**.", "tags": ["fox"]}
    },
    ("patch", "/v1/posts/{post_id}"): {"Feature it": {"featured": True}},
    ("post", "/auth/login"): {"With a password": LOGIN},
    ("put", "/v1/account/password"): {
        "Another password": {"password": LOGIN["password"], "new_password": "another horse, another staple"}
    },
    ("post", "/v1/users"): {"Somebody who may order": {**LOGIN, "email": "colleague@example.com", "role": "user"}},
    ("patch", "/v1/users/{user_id}"): {"Another role": {"role": "operator"}},
    ("post", "/v1/users/{user_id}/credits"): {"A payment": {"amount": "50", "note": "Invoice 2026-114"}},
    ("post", "/v1/keys"): {"For a shop": {"name": "shop", "scopes": ["read", "write"]}},
}
"""By method and path, as the document has them."""
