"""The claims of the request that is being handled."""

from typing import Final, cast

from werkzeug.local import LocalProxy

from tokenward import Claims
from tokenward_quart._connection import Connection, connection, scope_of

__all__ = ["current_claims", "keep_claims"]

_CLAIMS: Final = "tokenward.claims"


def keep_claims(found: Connection, claims: Claims | None) -> None:
    """Remember the claims for as long as the request is handled."""
    scope_of(found)[_CLAIMS] = claims


def _claims() -> Claims | None:
    scope = scope_of(connection())
    if _CLAIMS not in scope:
        msg = "There are no claims here: decorate the handler with auth.required() or optional()."
        raise RuntimeError(msg)
    return cast("Claims | None", scope[_CLAIMS])


current_claims: Claims = cast("Claims", LocalProxy(_claims))
"""The claims that `required` or `optional` let in; false where `optional` found no token.

`TokenAuth.current_claims` is the same, with the type of the engine's claims.
"""
