"""Users and keys as the API shows them: without hashes."""

from pressroom.contracts.accounts import ApiKey, User
from pressroom.state.api_keys import ApiKeyDocument
from pressroom.state.users import UserDocument


def user_view(user: UserDocument) -> User:
    return User(
        id=user.id,
        email=user.email,
        role=user.role,
        issuer=user.issuer,
        disabled_at=user.disabled_at,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def key_view(key: ApiKeyDocument) -> ApiKey:
    return ApiKey(
        id=key.id,
        owner=key.owner,
        name=key.name,
        begins_with=key.begins_with,
        scopes=key.scopes,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
