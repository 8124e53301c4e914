"""The claims of the request that is being handled."""

from typing import Any, Final, TypeAlias, cast

from werkzeug.local import LocalProxy

from tokenward import Claims
from tokenward.http import Authenticator
from tokenward_quart._connection import Connection, connection, scope_of

__all__ = ["claims_that_exist", "current_claims", "found_claims", "keep_claims"]

_CLAIMS: Final = "tokenward.claims"
_Found: TypeAlias = dict[Authenticator[Any], Claims | None]


def keep_claims(
    found: Connection, authenticator: Authenticator[Any], claims: Claims | None
) -> None:
    """Keep the claims that an authenticator let in, for as long as the request is handled."""
    _found(found)[authenticator] = claims


def found_claims(authenticator: Authenticator[Any]) -> Claims | None:
    """Return the claims that an authenticator let in; None: it was optional, and there is no token.

    Raises:
        RuntimeError: it guards nothing of this request, or there is no request.
    """
    found = _found(connection())
    if authenticator not in found:
        msg = (
            "This TokenAuth let nobody in: decorate the handler with auth.required() or "
            "auth.optional() of the TokenAuth whose claims you read."
        )
        raise RuntimeError(msg)
    return found[authenticator]


def _claims() -> Claims:
    found = _found(connection())
    if not found:
        msg = "There are no claims here: decorate the handler with auth.required() or optional()."
        raise RuntimeError(msg)
    if len(found) > 1:
        msg = "Two TokenAuth let this request in: read auth.current_claims of the one you mean."
        raise RuntimeError(msg)
    return claims_that_exist(*found.values())


def claims_that_exist(claims: Claims | None) -> Claims:
    """Return claims that are there.

    Raises:
        RuntimeError: they are None.
    """
    if claims is None:
        msg = "No token was sent: where auth.optional() guards, read auth.get_claims()."
        raise RuntimeError(msg)
    return claims


def _found(found: Connection) -> _Found:
    return cast("_Found", scope_of(found).setdefault(_CLAIMS, {}))


current_claims: Claims = cast("Claims", LocalProxy(_claims))
"""The claims that the one `TokenAuth` of this request let in, as a stand-in for them.

Its attributes raise RuntimeError where there are no claims, and where two `TokenAuth` let the request
in. It is an object of its own, so ``current_claims is None`` is never true: where `optional` guards,
ask `TokenAuth.get_claims`. `TokenAuth.current_claims` has the type of the engine's claims.
"""
