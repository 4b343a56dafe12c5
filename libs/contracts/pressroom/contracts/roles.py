"""What each role may do: the one table that the gateway decides by and that an API key's scopes are taken from."""

from collections.abc import Mapping

from .vocabulary import Role, Scope

INSTANCE_OWNER = "default"
"""Whose everything is that is asked for with the instance's own token, or with none where none is asked for."""

_OWN_WORK = frozenset({Scope.READ, Scope.WRITE, Scope.REVIEW, Scope.PUBLISH})

SCOPES_OF: Mapping[Role, frozenset[Scope]] = {
    Role.USER: _OWN_WORK,
    Role.OPERATOR: _OWN_WORK | {Scope.OPERATE},
    Role.ADMIN: _OWN_WORK | {Scope.OPERATE, Scope.ADMIN},
}
