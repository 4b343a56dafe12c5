"""The refusal of what an account does not cover."""

from http import HTTPStatus

from pressroom.contracts.credits import as_credits
from pressroom.runtime.credits import InsufficientCredits

from .edge.problems import Refusal


def payment_required(error: InsufficientCredits) -> Refusal:
    """A 402 that says what it costs, what there is and what is missing."""
    members = {
        name: str(as_credits(amount))
        for name, amount in (
            ("required", error.required),
            ("available", error.available),
            ("shortfall", error.shortfall),
        )
    }
    detail = f"Not enough credits: {error}. Ask an admin to top up your account."
    return Refusal(HTTPStatus.PAYMENT_REQUIRED, "insufficient-credits", detail, members=members)
