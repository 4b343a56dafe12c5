"""Fixtures of these tests."""

from ..house import house
from ..vendor_sandbox import vendor_sandbox_process, vendors

__all__ = ["house", "vendor_sandbox_process", "vendors"]
