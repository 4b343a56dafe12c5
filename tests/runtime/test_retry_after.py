"""How long a vendor asks to wait, whatever it writes into the header."""

import httpx
import pytest

from pressroom.runtime.vendor_http import LONGEST_WAIT_S, retry_after_s


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("nan", 0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("inf", LONGEST_WAIT_S),
        ("1" + "0" * 30, LONGEST_WAIT_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
    ],
)
def test_a_lane_can_be_paused_for_whatever_a_vendor_asks(said: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Response(429, headers={"retry-after": said})) == seconds
