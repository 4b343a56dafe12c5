"""Who may call: one bearer token for the whole API."""

import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .problems import Refusal
from .settings import GatewaySettings

OWNER = "default"
"""Everything made through the token belongs to this owner."""

_bearer = HTTPBearer(auto_error=False, description="The value of PRESSROOM_API_TOKEN.")


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """The owner on whose behalf the call is made. Raises a 401 `Refusal`."""
    settings: GatewaySettings = request.app.state.settings
    given = credentials.credentials.encode() if credentials else b""
    if not secrets.compare_digest(given, settings.api_token.get_secret_value().encode()):
        detail = "Send 'Authorization: Bearer <token>'." if credentials is None else "The token is not right."
        raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    return OWNER


Caller = Annotated[str, Depends(caller)]
