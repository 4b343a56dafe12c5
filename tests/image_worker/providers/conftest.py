"""Fixtures of these tests."""

import pytest

from ...vendor_sandbox import vendor_sandbox_process, vendors

__all__ = ["vendor_sandbox_process", "vendors"]

pytest.register_assert_rewrite(f"{__name__.rpartition('.')[0]}.conformance")
