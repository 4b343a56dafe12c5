"""Users who pay for what they make, for a test, and a look at what their credits do."""

from decimal import Decimal

from pressroom.contracts.credits import as_credits, as_millicredits
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.vocabulary import LedgerKind, Role
from pressroom.state.users import UserDocument, new_user

from .house import WITHIN_S, House, eventually


async def a_payer(house: House, credits_given: str = "0") -> UserDocument:
    """A user with so many credits. Nobody logs in as them."""
    user = new_user(f"{new_id('payer')}@example.com", "no hash of anything", Role.USER)
    assert await house.database.users.add(user)
    if Decimal(credits_given):
        await top_up(house, user, credits_given)
    return user


async def top_up(house: House, user: UserDocument, credits_given: str) -> None:
    amount = as_millicredits(Decimal(credits_given))
    await house.database.ledger.give(
        user.id, LedgerKind.TOPUP, amount, by="test", note="paid", entry_id=new_id("entry")
    )


async def balance(house: House, user: UserDocument) -> tuple[str, str, str]:
    """Available, held, spent."""
    account = await house.database.ledger.account(user.id)
    return str(as_credits(account.available)), str(as_credits(account.held)), str(as_credits(account.spent))


async def comes_to(
    house: House, user: UserDocument, available: str, held: str, spent: str, *, within_s: float = WITHIN_S
) -> None:
    """When the balance is that."""

    async def looks_so() -> bool:
        return await balance(house, user) == (available, held, spent)

    try:
        await eventually(looks_so, within_s)
    except AssertionError:
        assert await balance(house, user) == (available, held, spent)
        raise


async def kinds(house: House, user: UserDocument) -> list[str]:
    """What was booked, oldest first."""
    return [str(entry.kind) async for entry in house.database.ledger.every_entry(user.id)]


async def audited(house: House) -> None:
    """The ledger, the accounts and the images say the same."""
    report = await house.audit()
    assert report.accounts >= 1
    assert report.drifts == ()
