"""Users, logins and API keys, as the HTTP API takes and shows them. A password goes in and never comes out; a key's
secret comes out once, where the key is made."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)

from .api import Dollars, Moment
from .costs import Cost, as_microusd
from .credits import Balance
from .facts import Fact, MicroDollars
from .moments import GivenMoment
from .requests import EmailAddress
from .vocabulary import Role, Scope, SignIn

PASSWORD_MIN_CHARACTERS = 8
"""The least that NIST SP 800-63B, section 5.1.1.2, asks of a password that a person chooses."""

PASSWORD_MAX_CHARACTERS = 1024


def _of_a_length_to_choose(password: SecretStr) -> SecretStr:
    if not PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise ValueError(f"it needs {PASSWORD_MIN_CHARACTERS} characters, and may have {PASSWORD_MAX_CHARACTERS}")
    return password


NewPassword = Annotated[
    SecretStr,
    AfterValidator(_of_a_length_to_choose),
    WithJsonSchema(
        {
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "minLength": PASSWORD_MIN_CHARACTERS,
            "maxLength": PASSWORD_MAX_CHARACTERS,
        }
    ),
]
KeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Login(BaseModel):
    """The body of `POST /auth/login`. What it does not know is left aside, as old clients may send more."""

    email: str = Field(min_length=1, max_length=254)
    password: SecretStr = Field(max_length=PASSWORD_MAX_CHARACTERS)


class User(Fact):
    """Somebody who may call. `id` is the owner of all that they make."""

    id: str
    email: str | None = Field(default=None, description="None where a single sign-on does not tell it.")
    role: Role
    issuer: str | None = Field(
        default=None, description="Whose single sign-on they come from; None: they have a password."
    )
    max_cost: Cost | None = Field(
        default=None, description="US dollars that providers may take for all that they ever make; None: no cap."
    )
    max_cost_per_month: Cost | None = Field(default=None, description="The same of each calendar month, in UTC.")
    disabled_at: Moment | None = None
    created_at: Moment
    updated_at: Moment


class LoggedIn(BaseModel):
    """`token` is sent as `Authorization: Bearer <token>` until `expires_at`."""

    token: str
    expires_at: Moment
    user: User


class CreateUser(BaseModel):
    """The body of `POST /v1/users`."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    password: NewPassword
    role: Role = Role.USER


class ChangeUser(BaseModel):
    """The body of `PATCH /v1/users/{id}`: what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    disabled: StrictBool | None = Field(default=None, description="Whether the user is refused everywhere.")
    password: NewPassword | None = Field(default=None, description="A new one ends all logins of the user.")
    max_cost: Cost | None = Field(
        default=None,
        description="US dollars that providers may take for all that they ever make, what they made before included; "
        "`null`: as much as they take.",
    )
    max_cost_per_month: Cost | None = Field(default=None, description="The same of each calendar month, in UTC.")

    @property
    def caps(self) -> dict[str, MicroDollars | None]:
        """Those that it names, in millionths of a dollar, by the names under which they are stored."""
        said = {"max_cost": self.max_cost, "max_cost_per_month": self.max_cost_per_month}
        named = {name: cap for name, cap in said.items() if name in self.model_fields_set}
        return {f"{name}_microusd": None if cap is None else as_microusd(cap) for name, cap in named.items()}


class ChangePassword(BaseModel):
    """The body of `PUT /v1/account/password`."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(max_length=PASSWORD_MAX_CHARACTERS, description="The one that is valid now.")
    new_password: NewPassword


class CreateApiKey(BaseModel):
    """The body of `POST /v1/keys`."""

    model_config = ConfigDict(extra="forbid")

    name: KeyName = Field(description="What it is for, so that it can be told from others.")
    scopes: frozenset[Scope] = Field(min_length=1, description="What it may do; at most what its maker may.")
    expires_at: GivenMoment | None = Field(default=None, description="It never expires by itself when absent.")


class ApiKey(Fact):
    """An API key without its secret."""

    id: str
    owner: str
    name: str
    begins_with: str = Field(description="The first characters of its secret, to know it by.")
    scopes: tuple[Scope, ...]
    created_at: Moment
    expires_at: Moment | None = None
    revoked_at: Moment | None = None
    last_used_at: Moment | None = Field(default=None, description="To the minute.")


class NewApiKey(ApiKey):
    """An API key as it is answered where it is made, and never again: with its secret."""

    secret: str = Field(description="Send it as `Authorization: Bearer` or `X-API-Key`. It is not shown again.")


class SpendingCap(Fact):
    """What a cap in money leaves. `spent` may be more than the limit where that was lowered since."""

    name: str = Field(description="As refusals name it.")
    month: str | None = Field(default=None, description="The calendar month that it is about, in UTC.")
    limit_usd: Dollars
    spent_usd: Dollars
    reserved_usd: Dollars = Field(description="Put aside for what is being made.")
    left_usd: Dollars


class Account(Fact):
    """Who a call is made by, and what it may do."""

    owner: str
    role: Role
    scopes: tuple[Scope, ...]
    sign_in: SignIn
    user: User | None = Field(default=None, description="None for the instance's own token.")
    key: ApiKey | None = None
    credits: Balance | None = Field(default=None, description="None where you do not pay in credits.")
    caps: tuple[SpendingCap, ...] = Field(
        default=(), description="On what providers take for what you make; who operates sees the deployment's too."
    )
