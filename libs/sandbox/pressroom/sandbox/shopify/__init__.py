"""Shopify's Admin GraphQL API, version 2026-10: products, files, publishing, metafield definitions, blogs and
articles."""
