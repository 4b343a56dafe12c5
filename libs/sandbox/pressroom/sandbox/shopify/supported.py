"""The modules whose resolvers answer for the Admin schema. A module that is not named here supports nothing, because
resolvers register themselves when their module is read."""

from __future__ import annotations

from pressroom.sandbox.shopify import articles, media, metafields, product_set, products, publishing, shop, staged

MODULES = (shop, staged, media, metafields, products, product_set, publishing, articles)
