"""`/v1/account`: who the caller is, and their own password."""

from http import HTTPStatus

from fastapi import Request, Response

from pressroom.contracts.accounts import Account, ChangePassword, SpendingCap
from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.caps import Caps
from pressroom.runtime.credits import Credits
from pressroom.runtime.logs import get_logger

from ..access import SIGNED_IN, Auth, GuardedRouter, Who
from ..edge.problems import answers, conflict, invalid
from ..house import Hashing, House
from .principal import Principal
from .throttling import count_try
from .views import cap_view, key_view, user_view

router = GuardedRouter("/v1/account", "accounts")

log = get_logger(__name__)


@router.get("")
async def get_account(who: Who, house: House) -> Account:
    """Who you are here, what you may do, what your credits are, and what caps in money leave."""
    pays = await Credits(house.database, house.core_settings).pays(who.owner)
    return Account(
        owner=who.owner,
        role=who.role,
        scopes=tuple(scope for scope in Scope if scope in who.scopes),
        sign_in=who.sign_in,
        user=user_view(who.user) if who.user is not None else None,
        key=key_view(who.key) if who.key is not None else None,
        credits=(await house.database.ledger.account(who.owner)).balance if pays else None,
        caps=await _caps_of(who, house),
    )


async def _caps_of(who: Principal, house: House) -> tuple[SpendingCap, ...]:
    caps = Caps(house.database, house.core_settings)
    # Read now, as what let the call in may be some seconds old.
    found = (*await caps.of_owner(who.owner), *(caps.of_deployment() if Scope.OPERATE in who.scopes else ()))
    return tuple([cap_view(cap, await house.database.budgets.seen(cap.scope)) for cap in found])


@router.put(
    "/password",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[SIGNED_IN],
    responses=answers(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def change_password(
    body: ChangePassword, who: Who, request: Request, house: House, auth: Auth, passwords: Hashing
) -> Response:
    """Another password. All your logins end, this one too; API keys stay."""
    # Read now, as what let the call in may be some seconds old.
    user = await house.database.users.get(who.owner)
    if user is None or user.password_hash is None:
        raise conflict("no-password", "You did not log in with a password, so there is none to change.")
    await count_try(house.database.tries, request, user.email or user.id)
    if not await passwords.is_right(body.password.get_secret_value(), user.password_hash):
        raise invalid([Reason(field="password", message="it is not the one that is valid now")])
    hashed = await passwords.hashed(body.new_password.get_secret_value())
    await house.database.users.change(user.id, {"password_hash": hashed})
    auth.forget_user(user.id)
    log.info("user.changed", user=user.id, fields=["password_hash"], by=user.id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
