"""Users and keys as the API shows them: what the contract names of them, and so no hash."""

from pressroom.contracts.accounts import ApiKey, User
from pressroom.state.api_keys import ApiKeyDocument
from pressroom.state.users import UserDocument


def user_view(user: UserDocument) -> User:
    return User.model_validate(user, from_attributes=True)


def key_view(key: ApiKeyDocument) -> ApiKey:
    return ApiKey.model_validate(key, from_attributes=True)
