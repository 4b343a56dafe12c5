"""Users and keys in the database: one address is one login, whoever asks in the same moment."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

from pressroom.contracts.identifiers import IDENTIFIER_PATTERN
from pressroom.contracts.vocabulary import Role, Scope
from pressroom.state.api_keys import new_key
from pressroom.state.users import new_user, signed_on_id

from ..house import House

ISSUER = "https://sso.example"


async def test_of_two_users_with_one_address_in_one_moment_one_is_stored(house: House) -> None:
    users = house.database.users
    added = await asyncio.gather(
        *(users.add(new_user(email, "$argon2id$…", Role.USER)) for email in ("Ann@example.com", "ann@EXAMPLE.com"))
    )
    assert sorted(added) == [False, True]
    found = await users.by_login("ANN@example.com")
    assert found is not None
    assert found.email == "ann@example.com"


async def test_the_first_calls_of_somebody_who_signs_on_make_one_user(house: House) -> None:
    made = await asyncio.gather(
        *(house.database.users.signed_on(ISSUER, "sub-1", "ann@example.com", Role.USER) for _ in range(8))
    )
    assert {user.id for user in made} == {signed_on_id(ISSUER, "sub-1")}
    assert len(await house.database.users.page(before=None, limit=10)) == 1


async def test_one_address_may_be_several_peoples_who_sign_on_and_is_no_login_of_theirs(house: House) -> None:
    users = house.database.users
    for subject in ("sub-1", "sub-2"):
        await users.signed_on(ISSUER, subject, "ann@example.com", Role.USER)
    assert await users.by_login("ann@example.com") is None
    assert await users.add(new_user("ann@example.com", "$argon2id$…", Role.USER))


async def test_another_subject_or_issuer_is_somebody_else() -> None:
    ids = {signed_on_id(issuer, subject) for issuer in (ISSUER, "https://b") for subject in ("1", "2")}
    assert len(ids) == 4


def test_who_signs_on_owns_things_under_an_id_that_travels_in_subjects() -> None:
    assert re.fullmatch(IDENTIFIER_PATTERN, signed_on_id(ISSUER, "auth0|ann.smith*>"))


async def test_a_password_that_was_changed_in_between_is_not_stored_again(house: House) -> None:
    users = house.database.users
    user = new_user("ann@example.com", "old", Role.USER)
    await users.add(user)
    changed = await users.change(user.id, {"password_hash": "new"})
    assert changed is not None
    assert changed.token_generation == user.token_generation + 1
    await users.rehash(user.id, before="old", after="old at another cost")
    stored = await users.get(user.id)
    assert stored is not None
    assert stored.password_hash == "new"


def test_neither_hash_is_shown_where_a_document_is_printed() -> None:
    user = new_user("ann@example.com", "the-hash-of-it", Role.USER)
    key, secret = new_key("default", "ci", frozenset({Scope.READ}), None)
    assert "the-hash-of-it" not in repr(user)
    assert key.secret_sha256 not in repr(key)
    assert secret not in repr(key)


async def test_a_keys_use_is_written_once_a_minute_whoever_sees_it(house: House) -> None:
    keys = house.database.api_keys
    key, _ = new_key("default", "ci", frozenset({Scope.READ}), None)
    await keys.add(key)
    now = datetime.now(UTC).replace(microsecond=0)
    noted = await asyncio.gather(*(keys.note_use(key, now + timedelta(seconds=second)) for second in range(5)))
    (stored,) = await keys.page("default")
    assert stored.last_used_at is not None
    assert all(seen is not None for seen in noted)
    assert await keys.note_use(stored, stored.last_used_at + timedelta(seconds=59)) is None
    later = await keys.note_use(stored, stored.last_used_at + timedelta(seconds=61))
    assert later is not None
    assert later.last_used_at == stored.last_used_at + timedelta(seconds=61)
