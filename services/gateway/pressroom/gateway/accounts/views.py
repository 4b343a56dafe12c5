"""Users, keys and caps as the API shows them: what the contract names of them, and so no hash."""

from pressroom.contracts.accounts import ApiKey, SpendingCap, User
from pressroom.contracts.costs import as_dollars
from pressroom.runtime.caps import name_of
from pressroom.state.api_keys import ApiKeyDocument
from pressroom.state.budgets import BudgetDocument, Cap
from pressroom.state.users import UserDocument


def user_view(user: UserDocument) -> User:
    return User.model_validate(user, from_attributes=True)


def key_view(key: ApiKeyDocument) -> ApiKey:
    return ApiKey.model_validate(key, from_attributes=True)


def cap_view(cap: Cap, budget: BudgetDocument) -> SpendingCap:
    return SpendingCap(
        name=name_of(cap.scope),
        month=cap.scope.month,
        limit_usd=as_dollars(cap.limit),
        spent_usd=as_dollars(budget.taken),
        reserved_usd=as_dollars(budget.reserved),
        left_usd=as_dollars(budget.left(cap.limit)),
    )
