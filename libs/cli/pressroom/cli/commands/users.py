"""`pressroom users`: who may log in. It works on the database itself, so that the first admin can be made."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import SecretStr, TypeAdapter, ValidationError

from pressroom.contracts.accounts import ChangeUser, CreateUser, NewPassword, User
from pressroom.contracts.credits import GiveCredits, LedgerEntry, as_millicredits
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.vocabulary import LedgerKind, Role
from pressroom.runtime.caps import renew
from pressroom.runtime.passwords import Passwords
from pressroom.state.database import Database
from pressroom.state.users import UserDocument, new_user

from ..direct_database import with_database
from ..errors import CommandFailed
from ..options import Data, Json

_USERS = TypeAdapter(list[User])
_PASSWORD: TypeAdapter[SecretStr] = TypeAdapter(NewPassword)

Name = Annotated[str, typer.Argument(help="The address of mail that they log in under, or their id.", metavar="USER")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]


def register(app: typer.Typer) -> None:
    users = typer.Typer(
        help="Who may log in: list, add, disable, enable, password, cap, credit.", invoke_without_command=True
    )
    users.callback()(list_them)
    users.command("list")(list_users)
    users.command("add")(add)
    users.command("disable")(disable)
    users.command("enable")(enable)
    users.command("password")(password)
    users.command("cap")(cap)
    # A negative amount is no option.
    users.command("credit", context_settings={"ignore_unknown_options": True})(credit)
    app.add_typer(users, name="users")


def list_them(context: typer.Context, *, json: Json = False, data: Data = None) -> None:
    """Who may log in, newest first."""
    if context.invoked_subcommand is None:
        list_users(json=json, data=data)


def list_users(*, json: Json = False, data: Data = None) -> None:
    """List users, newest first."""
    found = with_database(data, lambda database: database.users.page(before=None, limit=0))
    if json:
        typer.echo(_USERS.dump_json([_view(user) for user in found]).decode())
        return
    for user in found:
        name = user.email or ""
        state = typer.style("  disabled", fg="red") if user.disabled_at else ""
        signs_on = f"  by {user.issuer}" if user.issuer else ""
        typer.echo(f"{user.id}  {user.role:<8}  {name}{signs_on}{_caps_shown(user)}{state}")
    if not found:
        typer.echo("There is nobody yet. The first one: ./run users add EMAIL --role admin")


def add(
    email: Annotated[str, typer.Argument(help="What they log in under.", metavar="EMAIL")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.USER,
    password_stdin: FromStdin = False,
    json: Json = False,
    data: Data = None,
) -> None:
    """Let somebody in, with a password that you tell them."""
    chosen = _new_password(from_stdin=password_stdin)
    try:
        wanted = CreateUser(email=email, password=chosen, role=role)
    except ValidationError as error:
        raise CommandFailed(f"'{email}' is not an address of mail.") from error

    async def work(database: Database) -> UserDocument:
        # What keeps two users from one address; `provision` makes it too, and may not have run yet.
        await database.make_indexes()
        user = new_user(wanted.email, await _hashed(chosen), role)
        if not await database.users.add(user):
            raise CommandFailed(f"Somebody logs in as '{user.email}' already: ./run users list")
        return user

    user = with_database(data, work)
    _tell(user, f"{user.id} logs in as {user.email}, with the role '{user.role}'.", json=json)


def disable(name: Name, *, json: Json = False, data: Data = None) -> None:
    """Refuse a user everywhere: logins, tokens and keys, within seconds (PRESSROOM_AUTH_CACHE_S)."""
    user = with_database(data, lambda database: _change(database, name, {"disabled_at": datetime.now(UTC)}))
    _tell(user, f"{user.email or user.id} is disabled.", json=json)


def enable(name: Name, *, json: Json = False, data: Data = None) -> None:
    """Let a user in again."""
    user = with_database(data, lambda database: _change(database, name, {"disabled_at": None}))
    _tell(user, f"{user.email or user.id} is enabled.", json=json)


def password(name: Name, *, password_stdin: FromStdin = False, json: Json = False, data: Data = None) -> None:
    """Set a user's password; all their logins end."""
    chosen = _new_password(from_stdin=password_stdin)

    async def work(database: Database) -> UserDocument:
        user = await find_user(database, name)
        if user.issuer is not None:
            raise CommandFailed(f"{name} has no password here: they sign on at {user.issuer}.")
        return await _change(database, user.id, {"password_hash": await _hashed(chosen)})

    user = with_database(data, work)
    _tell(user, f"{user.email} has a new password.", json=json)


def cap(
    name: Name,
    *,
    max_cost: Annotated[
        str | None, typer.Option(help="US dollars that providers may take for all that they ever make, or 'none'.")
    ] = None,
    max_cost_per_month: Annotated[
        str | None, typer.Option(help="The same of each calendar month (UTC), or 'none'.")
    ] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Cap what providers take for what a user makes. What is beyond a cap is not made."""
    given = {"max_cost": max_cost, "max_cost_per_month": max_cost_per_month}
    said = {field: None if text == "none" else text for field, text in given.items() if text is not None}
    if not said:
        raise CommandFailed("Say which cap: --max-cost 25, or --max-cost-per-month 10, or 'none' for no cap.")
    try:
        wanted = ChangeUser.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise CommandFailed(f"--{option} {first['input']!r}: {first['msg']}") from error

    async def work(database: Database) -> UserDocument:
        user = await _change(database, name, wanted.caps)
        await renew(database, user)
        return user

    user = with_database(data, work)
    _tell(user, f"{user.email or user.id} has {_caps_shown(user).strip() or 'no cap'} now.", json=json)


def _caps_shown(user: UserDocument) -> str:
    shown = "" if user.max_cost is None else f"  a cap of ${user.max_cost}"
    return shown + ("" if user.max_cost_per_month is None else f"  a cap of ${user.max_cost_per_month} a month")


def credit(
    name: Name,
    amount: Annotated[
        str, typer.Argument(help="Credits, as 25 or 2.5; negative to put right what was booked.", metavar="AMOUNT")
    ],
    *,
    note: Annotated[str, typer.Option(help="Why: an invoice, a payment. The user sees it.")],
    json: Json = False,
    data: Data = None,
) -> None:
    """Top up a user's credits, or take back what was booked wrongly."""
    kind = LedgerKind.ADJUSTMENT if amount.startswith("-") else LedgerKind.TOPUP
    try:
        wanted = GiveCredits.model_validate({"amount": amount, "kind": kind, "note": note})
    except ValidationError as error:
        said = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise CommandFailed(f"'{amount}' with the note '{note}' cannot be booked: {said}") from error

    async def work(database: Database) -> tuple[UserDocument, LedgerEntry]:
        user = await find_user(database, name)
        entry, _ = await database.ledger.give(
            user.id,
            kind,
            as_millicredits(wanted.amount),
            by=INSTANCE_OWNER,
            note=wanted.note,
            entry_id=new_id("entry"),
        )
        return user, entry.shown

    user, entry = with_database(data, work)
    said = f"{user.email or user.id} has {entry.balance} credits now."
    typer.echo(entry.model_dump_json() if json else said)


async def find_user(database: Database, name: str) -> UserDocument:
    """By address of mail or by id. Raises `CommandFailed`."""
    user = await database.users.by_login(name) or await database.users.get(name)
    if user is None:
        raise CommandFailed(f"There is no user '{name}'. Who there is: ./run users list")
    return user


async def _change(database: Database, name: str, changes: dict[str, Any]) -> UserDocument:
    user = await find_user(database, name)
    return await database.users.change(user.id, changes) or user


async def _hashed(chosen: SecretStr) -> str:
    return await Passwords().hashed(chosen.get_secret_value())


def _new_password(*, from_stdin: bool) -> SecretStr:
    if from_stdin:
        chosen = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        chosen = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        raise CommandFailed("Nobody can type the password here; send it with --password-stdin.")
    try:
        return _PASSWORD.validate_python(chosen)
    except ValidationError as error:
        # Not the error's own text, which has what was typed.
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise CommandFailed(f"The password will not do: {said}.") from None


def _view(user: UserDocument) -> User:
    return User.model_validate(user, from_attributes=True)


def _tell(user: UserDocument, said: str, *, json: bool) -> None:
    typer.echo(_view(user).model_dump_json() if json else said)
