"""Refusals that come with HTTP 200 in a mutation's `userErrors`."""

from __future__ import annotations

from pressroom.sandbox.core.wire import JsonObject, json_list


class UserRefusalError(Exception):
    """A mutation that is refused for one reason; raised anywhere below its resolver."""

    def __init__(self, field: list[str], message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.body: JsonObject = {"field": json_list(field), "message": message}
        if code is not None:
            self.body["code"] = code
