"""The header that carries a token which is bound to a key of the client (RFC 9449 §7.1)."""

from collections.abc import Mapping

from pydantic import JsonValue

from tokenward.errors import InvalidRequestError
from tokenward.http.carriers import BearerHeader
from tokenward.http.request import RequestView

__all__ = ["DPOP_HEADER", "DpopHeader", "scheme_of"]


class DpopHeader(BearerHeader):
    """``Authorization: DPoP <token>`` (RFC 9449 §7.1).

    A `TokenAuth` with `dpop` reads it in addition to its carriers. It accepts only tokens that are
    bound to a key, and only with a proof in the ``DPoP`` header.
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Set the scheme."""
        super().__init__(scheme="DPoP")
        self.security_scheme: Mapping[str, JsonValue] = {"type": "http", "scheme": "dpop"}


DPOP_HEADER = DpopHeader()


def scheme_of(request: RequestView) -> str | None:
    """Return the scheme of a request's credentials; None if it is ambiguous (RFC 9449 §7.2)."""
    try:
        is_dpop = DPOP_HEADER.read_token(request, "access") is not None
    except InvalidRequestError:
        return None
    return DPOP_HEADER.scheme if is_dpop else "Bearer"
