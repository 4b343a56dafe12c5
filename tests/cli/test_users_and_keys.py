"""`pressroom users` and `pressroom keys`: the first admin of an instance, and what they and their programs may then."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from pressroom.cli.own_instance import without_settings

from .conftest import Instance, pressroom

PASSWORD = "a-password-for-tests-only"


def typed(instance: Instance, *words: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """The command, with the password on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "pressroom.cli", *words, "--password-stdin", "--data", str(instance.path)],
        env=without_settings(os.environ),
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def log_in(instance: Instance, email: str, password: str = PASSWORD) -> httpx.Response:
    body = {"email": email, "password": password}
    return httpx.post(f"{instance.facts.url}/auth/login", json=body, trust_env=False, timeout=20)


def account(instance: Instance, credential: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {credential}"}
    return httpx.get(f"{instance.facts.url}/v1/account", headers=headers, trust_env=False, timeout=20)


def test_the_first_admin_is_made_by_command_and_logs_in(instance: Instance) -> None:
    added = typed(instance, "users", "add", "First@Example.com", "--role", "admin", "--json")
    assert added.returncode == 0, added.stderr
    user = json.loads(added.stdout)
    assert (user["email"], user["role"]) == ("first@example.com", "admin")
    login = log_in(instance, "first@example.com").json()
    assert account(instance, login["token"]).json()["owner"] == user["id"]
    listed = json.loads(instance.run("users", "list", "--json").stdout)
    assert user in listed
    assert PASSWORD not in added.stdout + added.stderr


def test_an_address_that_is_taken_and_a_password_too_short_are_refused(instance: Instance) -> None:
    assert typed(instance, "users", "add", "taken@example.com").returncode == 0
    again = typed(instance, "users", "add", "TAKEN@example.com")
    assert (again.returncode, "taken@example.com" in again.stderr) == (1, True)
    short = typed(instance, "users", "add", "short@example.com", password="short77")
    assert short.returncode == 1
    assert "8 characters" in short.stderr
    assert "short77" not in short.stderr
    wrong = typed(instance, "users", "add", "no address")
    assert (wrong.returncode, "no address" in wrong.stderr) == (1, True)


def test_without_a_terminal_the_password_is_asked_for_on_standard_input(instance: Instance) -> None:
    refused = instance.run("users", "add", "silent@example.com")
    assert (refused.returncode, "--password-stdin" in refused.stderr) == (1, True)


def test_a_user_is_disabled_and_enabled_and_gets_another_password(instance: Instance) -> None:
    typed(instance, "users", "add", "ben@example.com")
    assert instance.run("users", "disable", "ben@example.com").returncode == 0
    assert log_in(instance, "ben@example.com").status_code == 403
    assert instance.run("users", "enable", "BEN@example.com").returncode == 0
    assert log_in(instance, "ben@example.com").status_code == 200
    assert typed(instance, "users", "password", "ben@example.com", password="another-password").returncode == 0
    assert log_in(instance, "ben@example.com").status_code == 401
    assert log_in(instance, "ben@example.com", "another-password").status_code == 200


def test_a_key_is_made_used_and_revoked(instance: Instance) -> None:
    user = json.loads(typed(instance, "users", "add", "carl@example.com", "--json").stdout)
    made = instance.run("keys", "create", "his shop", "--scope", "read", "--user", "carl@example.com")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    shown = account(instance, secret).json()
    assert (shown["owner"], shown["scopes"]) == (user["id"], ["read"])
    (key,) = json.loads(instance.run("keys", "list", "--user", "carl@example.com", "--json").stdout)
    assert (key["id"], key["name"]) == (shown["key"]["id"], "his shop")
    assert "secret" not in key
    revoked = json.loads(instance.run("keys", "revoke", key["id"], "--json").stdout)
    assert revoked["revoked_at"] is not None
    assert "revoked" in instance.run("keys").stdout


def test_a_key_for_the_commands_themselves(instance: Instance) -> None:
    made = json.loads(instance.run("keys", "create", "ci", "--scope", "read", "--scope", "write", "--json").stdout)
    assert made["owner"] == "default"
    environment = {"PRESSROOM_URL": instance.facts.url, "PRESSROOM_API_TOKEN": made["secret"]}
    assert pressroom("jobs", "list", environment=environment).returncode == 0
    refused = pressroom("providers", "open", "studio", environment=environment)
    assert (refused.returncode, "'operate'" in refused.stderr) == (1, True)


def test_no_key_may_more_than_its_owner(instance: Instance) -> None:
    typed(instance, "users", "add", "dora@example.com")
    refused = instance.run("keys", "create", "x", "--scope", "admin", "--user", "dora@example.com")
    assert (refused.returncode, "admin" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("users", "disable", "nobody@example.com"),
        ("keys", "create", "x", "--scope", "read", "--user", "nobody@example.com"),
        ("keys", "revoke", "key_none"),
    ],
)
def test_who_or_what_is_not_there_is_said(instance: Instance, words: tuple[str, ...]) -> None:
    refused = instance.run(*words)
    assert refused.returncode == 1
    assert "./run" in refused.stderr


def test_a_user_is_capped_by_command_and_sees_it(instance: Instance) -> None:
    user = json.loads(typed(instance, "users", "add", "thrifty@example.com", "--json").stdout)
    capped = instance.run("users", "cap", "thrifty@example.com", "--max-cost", "25", "--max-cost-per-month", "7.50")
    assert "a cap of $25  a cap of $7.5 a month" in capped.stdout
    token = log_in(instance, "thrifty@example.com").json()["token"]
    caps = account(instance, token).json()["caps"]
    assert [(cap["name"], cap["limit_usd"], cap["left_usd"]) for cap in caps] == [
        ("account.max_cost", "25", "25"),
        ("account.max_cost_per_month", "7.5", "7.5"),
    ]
    uncapped = json.loads(instance.run("users", "cap", user["id"], "--max-cost", "none", "--json").stdout)
    assert (uncapped["max_cost"], uncapped["max_cost_per_month"]) == (None, "7.5")


@pytest.mark.parametrize("words", [(), ("--max-cost", "much"), ("--max-cost-per-month=-1",)])
def test_a_cap_that_is_no_amount_is_refused_by_its_option(instance: Instance, words: tuple[str, ...]) -> None:
    typed(instance, "users", "add", "odd@example.com")
    refused = instance.run("users", "cap", "odd@example.com", *words)
    assert refused.returncode == 1
    assert "--max-cost" in refused.stderr
