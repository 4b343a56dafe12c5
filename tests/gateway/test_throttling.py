"""Whose tries are counted together: one address, however it is written, and all that one customer has."""

import pytest
from starlette.requests import Request

from pressroom.gateway.accounts.throttling import address_of


def counted_as(host: str | None) -> str:
    client = None if host is None else (host, 40_000)
    return address_of(Request({"type": "http", "headers": [], "client": client}))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:0:0:0:1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a-unix-socket", "a-unix-socket"),
        (None, ""),
    ],
)
def test_an_address_is_counted_with_all_that_one_customer_has(host: str | None, address: str) -> None:
    assert counted_as(host) == address
