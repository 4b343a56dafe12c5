"""Printify's REST API, v1: shops, catalog, uploads, products and publishing."""
