"""Fixtures of these tests."""

from ..vendor_sandbox import vendor_sandbox_process, vendors

__all__ = ["vendor_sandbox_process", "vendors"]
