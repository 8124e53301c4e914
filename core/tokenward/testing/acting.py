"""Serve requests with claims that a test chooses, without a token."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims
from tokenward.errors import WrongTokenTypeError
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.http.token_auth import BaseTokenAuth

__all__ = ["acting_as"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


@contextmanager
def acting_as(auth: BaseTokenAuth[ClaimsT, Any, Any], claims: ClaimsT) -> Iterator[None]:
    """Serve all requests in a block with these claims; no token is read or verified.

    ::

        with acting_as(auth, ShopClaims(sub="alice", tenant="acme", scope="orders:read")):
            assert client.get("/orders").status_code == 200

    For tests that are not about verification. The requirements of a route still apply: its scopes,
    its `fresh`, `max_age`, `acr`, `actor` and `check`, and its token type (claims without a ``type``
    count as those of an access token). A request with claims that do not meet the requirement is
    refused as usual. Not applied: expiry, revocation, hooks, the CSRF check, and `dpop` and `mtls`.

    It applies to every request to routes of this `TokenAuth`, in all threads and event loops, until
    the block ends. Blocks can be nested; the inner one applies. Outside of a block, and
    without an import of `tokenward.testing`, nothing is changed.

    Args:
        auth: the `TokenAuth` of the app.
        claims: the claims that each request gets, as its own copy.

    Raises:
        TypeError: `auth` is not a `TokenAuth`, or `claims` is not of a model that its engine returns.
    """
    if not isinstance(auth, BaseTokenAuth):
        msg = f"auth must be the TokenAuth of the app, not {kind_of(auth)}."
        raise TypeError(msg)
    authenticator = auth.authenticator
    models = authenticator.engine.claims_models
    if not isinstance(claims, models):
        names = " or ".join(model.__name__ for model in models)
        msg = f"claims must be {names}, as the engine returns it, not {kind_of(claims)}."
        raise TypeError(msg)

    async def authenticate(
        request: RequestView,  # noqa: ARG001 - the signature of the method that it replaces
        requirement: Requirement[ClaimsT],
        *,
        further_scopes: Sequence[str] = (),
    ) -> ClaimsT:
        if (claims.type or "access") != requirement.type:
            raise WrongTokenTypeError
        own = claims.model_copy(deep=True)
        await requirement.check_claims(authenticator.engine, own, further_scopes)
        return own

    # The object is changed, so that a request costs nothing more while no test acts as anyone.
    attributes = vars(authenticator)
    before = attributes.get("authenticate")
    attributes["authenticate"] = authenticate
    try:
        yield
    finally:
        del attributes["authenticate"]
        if before is not None:
            attributes["authenticate"] = before
