"""What went beyond what an owner was given or a batch may cost. Pure.

An account holds and spends what was booked on it and no more, and has all of it. A batch with a cap costs at most that:
by the tries of its images, by its budget, and by the vendors' own books, image by image at the price of its estimate.
"""

from collections.abc import Iterable, Mapping, Sequence

from pressroom.contracts.costs import as_dollars
from pressroom.contracts.credits import Millicredits, as_credits
from pressroom.runtime.admission import max_cost_of
from pressroom.state.accounts import AccountDocument
from pressroom.state.budgets import BudgetDocument, Scope
from pressroom.state.documents import BatchDocument, ImageDocument

from .paid_jobs import Made, label_of


def overspent(
    accounts: Iterable[AccountDocument],
    given: Mapping[str, Millicredits],
    batches: Mapping[str, BatchDocument],
    budgets: Iterable[BudgetDocument],
    images: Sequence[ImageDocument],
    made: Made,
) -> list[str]:
    """A line for each account and each cap, in words; empty when all are kept. `given`: by owner."""
    known = {account.id: account for account in accounts}
    empty = {owner: AccountDocument(_id=owner) for owner in given}
    found = [
        complaint
        for owner, account in (empty | known).items()
        if (complaint := _of_account(account, given.get(owner, 0)))
    ]
    taken = {budget.id: budget.taken + budget.reserved for budget in budgets}
    for batch in batches.values():
        cap = max_cost_of(batch.request)
        if cap is None:
            continue
        own = [image for image in images if image.batch_id == batch.id]
        sums = {
            "its images": sum(image.cost_microusd for image in own),
            "its budget": taken.get(Scope(batch_id=batch.id).id, 0),
            "the vendors": sum(_sold(image, made) for image in own),
        }
        beyond = ", ".join(f"${as_dollars(cost)} by {who}" for who, cost in sums.items() if cost > cap)
        if beyond:
            found.append(f"batch {batch.id} may cost ${as_dollars(cap)} and has cost {beyond}")
    return found


def _of_account(account: AccountDocument, given: Millicredits) -> str | None:
    """An account that held and spent too much has less than nothing left of what was given."""
    whole = account.available + account.held + account.spent
    if whole == given and account.available >= 0:
        return None
    return (
        f"account {account.id} was given {as_credits(given)} credits and has {as_credits(account.available)}, "
        f"holds {as_credits(account.held)} and has spent {as_credits(account.spent)}"
    )


def _sold(image: ImageDocument, made: Made) -> int:
    """What the vendors have made for an image, at the price that was estimated for it."""
    label = label_of(image.prompt)
    return (image.estimated_cost_microusd or 0) * sum(counts[label] for counts in made.values())
