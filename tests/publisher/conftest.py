"""Fixtures of these tests."""

from ..vendor_sandbox import vendor_sandbox_process, vendors
from .shops import printify, shopify

__all__ = ["printify", "shopify", "vendor_sandbox_process", "vendors"]
