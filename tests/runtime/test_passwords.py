"""Passwords: what is stored of them, and what is looked at when nothing is stored."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from pressroom.runtime.passwords import Passwords


def checks() -> float:
    return REGISTRY.get_sample_value("pressroom_password_seconds_count") or 0.0


async def test_what_is_stored_is_argon2id_at_the_cost_of_rfc_9106_with_a_salt_of_its_own() -> None:
    passwords = Passwords()
    first, second = await asyncio.gather(passwords.hashed("a password"), passwords.hashed("a password"))
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert not passwords.is_outdated(first)
    assert await passwords.is_right("a password", first)
    assert not await passwords.is_right("A password", first)


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=65536,t=3,p=4$"])
async def test_where_nothing_is_stored_no_password_is_right_and_it_is_looked_at_all_the_same(
    stored: str | None,
) -> None:
    passwords = Passwords()
    before = checks()
    assert not await passwords.is_right("", stored)
    assert checks() == before + 1


async def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    passwords = Passwords()
    stored = await passwords.hashed("cafe\u0301 1/2 au lait")
    assert await passwords.is_right("caf\u00e9 1/2 au lait", stored)
