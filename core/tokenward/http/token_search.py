"""Looks for the one token of a request in all the places that may carry it."""

from collections.abc import Sequence
from typing import TypeAlias

from tokenward.claims.model import TokenType
from tokenward.errors import InvalidRequestError
from tokenward.http.carriers import Carrier
from tokenward.http.cookies import CookieCarrier
from tokenward.http.proxy_carriers import HeaderCarrier, ProxyCookieCarrier
from tokenward.http.request import RequestView

__all__ = ["AmbientCarrier", "find_token"]

AmbientCarrier: TypeAlias = CookieCarrier | HeaderCarrier | ProxyCookieCarrier
"""A place that browsers, or proxies for them, fill without the consent of the page."""


def find_token(
    request: RequestView, carriers: Sequence[Carrier], type: TokenType
) -> tuple[bytes, tuple[AmbientCarrier, ...]] | None:
    """Return the token of a request, and the carriers that need a CSRF check.

    A carrier needs the check if browsers fill it and no other carrier has the token.

    Args:
        request: the request.
        carriers: where the token is looked for.
        type: the type of the token.

    Returns:
        None if no carrier has a token.

    Raises:
        InvalidRequestError: there are two different tokens, or a carrier refuses the request.
    """
    found: bytes | None = None
    ambient: list[AmbientCarrier] = []
    is_explicit = False
    for carrier in carriers:
        token = carrier.read_token(request, type)
        if token is None:
            continue
        if found is not None and token != found:
            # RFC 6750 §2: a client sends one token per request; two would be ambiguous.
            raise InvalidRequestError

        found = token
        if isinstance(carrier, AmbientCarrier):
            ambient.append(carrier)
        else:
            is_explicit = True

    if found is None:
        return None

    return found, () if is_explicit else tuple(ambient)
