"""The claims of the current request."""

from typing import Any, Final, TypeAlias, cast

from werkzeug.local import LocalProxy

from tokenward import Claims
from tokenward.http import Authenticator
from tokenward_quart._connection import Connection, current_connection, scope_of

__all__ = ["claims_of", "current_claims", "require_claims", "store_claims"]

_CLAIMS: Final = "tokenward.claims"
_ClaimsByAuthenticator: TypeAlias = dict[Authenticator[Any], Claims | None]


def store_claims(
    connection: Connection, authenticator: Authenticator[Any], claims: Claims | None
) -> None:
    """Store the claims that an authenticator verified, for the duration of the request."""
    _claims_by_authenticator(connection)[authenticator] = claims


def claims_of(authenticator: Authenticator[Any]) -> Claims | None:
    """Return the claims that an authenticator verified; None if there was no token to verify.

    Raises:
        RuntimeError: the authenticator does not guard the current request, or there is none.
    """
    claims = _claims_by_authenticator(current_connection())
    if authenticator not in claims:
        msg = (
            "This TokenAuth does not guard the current request: decorate the handler with "
            "auth.required() or auth.optional() of the TokenAuth whose claims you read."
        )
        raise RuntimeError(msg)

    return claims[authenticator]


def _only_claims() -> Claims:
    claims = _claims_by_authenticator(current_connection())
    if not claims:
        msg = "There are no claims: decorate the handler with auth.required() or auth.optional()."
        raise RuntimeError(msg)
    if len(claims) > 1:
        msg = "Two TokenAuth guard this request: read the current_claims of one TokenAuth instead."
        raise RuntimeError(msg)

    return require_claims(*claims.values())


def require_claims(claims: Claims | None) -> Claims:
    """Return the claims unless they are None.

    Raises:
        RuntimeError: the claims are None.
    """
    if claims is None:
        msg = "No token was sent: with auth.optional(), call auth.get_claims() instead."
        raise RuntimeError(msg)
    return claims


def _claims_by_authenticator(connection: Connection) -> _ClaimsByAuthenticator:
    claims: _ClaimsByAuthenticator = scope_of(connection).setdefault(_CLAIMS, {})
    return claims


current_claims: Claims = cast("Claims", LocalProxy(_only_claims))
"""A proxy for the claims of the current request's token.

Its attributes raise RuntimeError if there are no claims, or if two `TokenAuth` guard the request.
``current_claims is None`` is never true: with `optional`, call `TokenAuth.get_claims` instead.
`TokenAuth.current_claims` has the type of the engine's claims model.
"""
