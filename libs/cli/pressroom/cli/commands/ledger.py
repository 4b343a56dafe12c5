"""`pressroom ledger`: every account's credits, or what those of one user did, newest first."""

from typing import Annotated

import typer
from pydantic import TypeAdapter

from pressroom.contracts.credits import Balance, LedgerEntry
from pressroom.contracts.vocabulary import LedgerKind
from pressroom.state.accounts import AccountDocument
from pressroom.state.database import Database

from ..direct_database import with_database
from ..options import Data, Json
from .users import find_user

LISTED = 50

_ENTRIES = TypeAdapter(list[LedgerEntry])
_BALANCES = TypeAdapter(dict[str, Balance])


def register(app: typer.Typer) -> None:
    app.command("ledger")(ledger)


def ledger(
    user: Annotated[
        str | None, typer.Argument(help="Whose: an address of mail or an id; all accounts when absent.", metavar="USER")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many entries at most.")] = LISTED,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show what credits did: held, captured, given back, topped up."""
    if user is None:
        _all_accounts(with_database(data, _accounts), json=json)
        return

    async def work(database: Database) -> list[LedgerEntry]:
        owner = (await find_user(database, user)).id
        return [entry.shown for entry in await database.ledger.page(owner, limit=limit)]

    entries = with_database(data, work)
    if json:
        typer.echo(_ENTRIES.dump_json(entries).decode())
        return
    for entry in entries:
        typer.echo(_line(entry))
    if not entries:
        typer.echo("Nothing was booked yet. Top up with: ./run users credit USER AMOUNT --note WHY")


async def _accounts(database: Database) -> list[AccountDocument]:
    return [account async for account in database.ledger.every_account()]


def _all_accounts(accounts: list[AccountDocument], *, json: bool) -> None:
    if json:
        typer.echo(_BALANCES.dump_json({account.id: account.balance for account in accounts}).decode())
        return
    for account in accounts:
        balance = account.balance
        typer.echo(f"{account.id}  available {balance.available}, held {balance.held}, spent {balance.spent}")
    if not accounts:
        typer.echo("There are no accounts yet. Top up with: ./run users credit USER AMOUNT --note WHY")


def _line(entry: LedgerEntry) -> str:
    change = f"{entry.amount:+f}" if entry.kind is not LedgerKind.CAPTURE else f"({entry.price})"
    about = entry.batch_id or ""
    if entry.image_index is not None:
        about += f" image {entry.image_index}"
    elif entry.images is not None:
        about += f" {entry.images} x {entry.price}"
    why = "  ".join(word for word in (about, entry.note, f"by {entry.by}" if entry.by else None) if word)
    return f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}  {entry.kind:<10}  {change:>10}  = {entry.balance:>10}  {why}"
