"""`pressroom users credit` and `pressroom ledger`: what an operator gives, and what became of it."""

import json

from pressroom.contracts.identifiers import new_id

from .conftest import Instance
from .test_users_and_keys import typed


def a_user(instance: Instance) -> tuple[str, str]:
    """The address and the id of a new user."""
    email = f"{new_id('ann')}@example.com"
    return email, json.loads(typed(instance, "users", "add", email, "--json").stdout)["id"]


def test_a_user_is_topped_up_and_the_ledger_tells_of_it(instance: Instance) -> None:
    email, user_id = a_user(instance)
    said = instance.run("users", "credit", email, "25.5", "--note", "invoice 7")
    assert (said.returncode, said.stdout.strip()) == (0, f"{email} has 25.5 credits now.")
    taken = instance.run("users", "credit", email, "-0.5", "--note", "counted twice", "--json")
    assert {name: json.loads(taken.stdout)[name] for name in ("kind", "amount", "balance")} == {
        "kind": "adjustment",
        "amount": "-0.5",
        "balance": "25",
    }
    newest, oldest = instance.run("ledger", email).stdout.splitlines()
    assert newest.split()[2:6] == ["adjustment", "-0.5", "=", "25"]
    assert "invoice 7  by default" in oldest
    entries = json.loads(instance.run("ledger", user_id, "--limit", "1", "--json").stdout)
    assert [entry["sequence"] for entry in entries] == [2]
    assert f"{user_id}  available 25, held 0, spent 0" in instance.run("ledger").stdout
    balances = json.loads(instance.run("ledger", "--json").stdout)
    assert balances[user_id] == {"available": "25", "held": "0", "spent": "0"}


def test_what_cannot_be_booked_is_refused_with_the_reason(instance: Instance) -> None:
    email, _ = a_user(instance)
    for amount, why in (("0", "changes nothing"), ("0.0001", "3 decimal places"), ("many", "valid decimal")):
        refused = instance.run("users", "credit", email, amount, "--note", "x")
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    nobody = instance.run("users", "credit", "nobody@example.com", "1", "--note", "x")
    assert (nobody.returncode, "nobody@example.com" in nobody.stderr) == (1, True)
    assert "Nothing was booked yet" in instance.run("ledger", email).stdout
