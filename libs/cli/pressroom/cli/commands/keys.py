"""`pressroom keys`: API keys, for programs. It works on the database itself, and so for every owner."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter

from pressroom.contracts.accounts import ApiKey, NewApiKey
from pressroom.contracts.roles import INSTANCE_OWNER, SCOPES_OF
from pressroom.contracts.vocabulary import Role, Scope
from pressroom.state.api_keys import ApiKeyDocument, new_key
from pressroom.state.database import Database

from ..direct_database import with_database
from ..errors import CommandFailed
from ..options import Data, Json
from .users import find_user

_KEYS = TypeAdapter(list[ApiKey])

OfUser = Annotated[str | None, typer.Option("--user", help="Whose: an address of mail or an id.", metavar="USER")]


def register(app: typer.Typer) -> None:
    keys = typer.Typer(help="API keys, for programs: list, create, revoke.", invoke_without_command=True)
    keys.callback()(list_them)
    keys.command("list")(list_keys)
    keys.command("create")(create)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def list_them(context: typer.Context, *, json: Json = False, data: Data = None) -> None:
    """Everybody's keys, newest first."""
    if context.invoked_subcommand is None:
        list_keys(json=json, data=data)


def list_keys(*, user: OfUser = None, json: Json = False, data: Data = None) -> None:
    """List keys, newest first, also those that are over."""

    async def work(database: Database) -> list[ApiKeyDocument]:
        return await database.api_keys.page(None if user is None else await _owner(database, user))

    found, now = with_database(data, work), datetime.now(UTC)
    if json:
        typer.echo(_KEYS.dump_json([ApiKey.model_validate(key, from_attributes=True) for key in found]).decode())
        return
    for key in found:
        state = "" if key.is_live(now) else typer.style("  revoked" if key.revoked_at else "  expired", fg="red")
        used = f"{key.last_used_at.astimezone():%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        typer.echo(
            f"{key.id}  {key.begins_with}…  {key.name}  of {key.owner}  {','.join(key.scopes)}  used: {used}{state}"
        )
    if not found:
        typer.echo("There are none.")


def create(
    name: Annotated[str, typer.Argument(help="What it is for.", metavar="NAME")],
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; several times for several.")],
    user: OfUser = None,
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=3650, help="Never when absent.")] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Make a key. Its secret is shown now and never again; without --user it is the instance's own."""
    now = datetime.now(UTC)
    expires_at = None if expires_in_days is None else now + timedelta(days=expires_in_days)

    async def work(database: Database) -> NewApiKey:
        owner, role = INSTANCE_OWNER, Role.ADMIN
        if user is not None:
            found = await find_user(database, user)
            owner, role = found.id, found.role
        beyond = [one for one in scope if one not in SCOPES_OF[role]]
        if beyond:
            raise CommandFailed(f"--scope {beyond[0]}: the role '{role}' does not have it.")
        key, secret = new_key(owner, name, frozenset(scope), expires_at)
        await database.api_keys.add(key)
        return NewApiKey(**dict(ApiKey.model_validate(key, from_attributes=True)), secret=secret)

    made = with_database(data, work)
    if json:
        typer.echo(made.model_dump_json())
        return
    typer.echo(made.secret)
    typer.echo(f"{made.id} of {made.owner}: write the line above down, it is not shown again.", err=True)


def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `keys list` names it.", metavar="KEY")],
    *,
    json: Json = False,
    data: Data = None,
) -> None:
    """End a key for good, within seconds (PRESSROOM_AUTH_CACHE_S)."""
    revoked = with_database(data, lambda database: database.api_keys.revoke(key))
    if revoked is None:
        raise CommandFailed(f"There is no key '{key}'. Which there are: ./run keys list")
    shown = ApiKey.model_validate(revoked, from_attributes=True)
    typer.echo(shown.model_dump_json() if json else f"{shown.id} ('{shown.name}') is revoked.")


async def _owner(database: Database, user: str) -> str:
    return INSTANCE_OWNER if user == INSTANCE_OWNER else (await find_user(database, user)).id
