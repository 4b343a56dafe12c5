"""Who makes a call: the owner of what it makes, the role, and what it may do."""

from dataclasses import dataclass, field

from pressroom.contracts.roles import INSTANCE_OWNER, SCOPES_OF
from pressroom.contracts.vocabulary import Role, Scope, SignIn
from pressroom.state.api_keys import ApiKeyDocument
from pressroom.state.users import UserDocument


@dataclass(frozen=True)
class Principal:
    """`user` is None for the instance's own owner. `key`: the API key that the call came with."""

    owner: str
    role: Role
    scopes: frozenset[Scope]
    sign_in: SignIn
    user: UserDocument | None = field(default=None, repr=False)
    key: ApiKeyDocument | None = field(default=None, repr=False)


def the_instance(sign_in: SignIn) -> Principal:
    """Who runs the instance: its own token, or anybody where it is open."""
    return Principal(INSTANCE_OWNER, Role.ADMIN, SCOPES_OF[Role.ADMIN], sign_in)


def somebody(user: UserDocument, sign_in: SignIn, role: Role) -> Principal:
    """A user who signed in, under `role`."""
    return Principal(user.id, role, SCOPES_OF[role], sign_in, user=user)


def by_key(key: ApiKeyDocument, user: UserDocument | None) -> Principal:
    """A program with an API key: what the key says, as far as its owner may do that now."""
    role = Role.ADMIN if user is None else user.role
    return Principal(key.owner, role, SCOPES_OF[role] & frozenset(key.scopes), SignIn.API_KEY, user=user, key=key)
