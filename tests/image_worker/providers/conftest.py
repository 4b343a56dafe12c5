"""Fixtures of these tests."""

from collections.abc import Iterator

import pytest

from ...vendor_sandbox import VendorSandbox, vendor_sandbox_process, vendors
from .relay import Relay, running_relay

__all__ = ["vendor_sandbox_process", "vendors"]

for _name in ("conformance", "calls", "jobs"):
    pytest.register_assert_rewrite(f"{__name__.rpartition('.')[0]}.{_name}")


@pytest.fixture
def relay(vendors: VendorSandbox) -> Iterator[Relay]:
    """Between a provider and the sandbox."""
    with running_relay(vendors.url) as running:
        yield running
