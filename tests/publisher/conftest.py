"""Fixtures of these tests."""

from ..house import house
from ..vendor_sandbox import vendor_sandbox_process, vendors
from .shops import printify, shopify

__all__ = ["house", "printify", "shopify", "vendor_sandbox_process", "vendors"]
