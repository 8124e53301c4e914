"""Issuing tokens, and checking the arguments of `create_access_token` and `create_refresh_token`."""

from collections import deque
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from tokenward import Claims, TokenType
from tokenward.policy import Lifetime
from tokenward_fastapi.authjwt._claims import INTEGER_SUBJECT
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt.config import LoadConfig, as_lifetime

__all__ = ["NewToken", "TokenIssuer"]

_RESERVED: Final = (Claims.model_fields.keys() | {INTEGER_SUBJECT}) - {"scope"}
_MAX_REMEMBERED: Final = 8


class NewToken(NamedTuple):
    """The arguments for a new token, as the caller passed them; `TokenIssuer.issue` checks them."""

    type: TokenType
    subject: object
    algorithm: object
    headers: object
    expires_time: object
    audience: object
    user_claims: object
    fresh: object = False


class TokenIssuer:
    """Issues tokens and recognises those that it issued last."""

    def __init__(self) -> None:
        """Start without a token."""
        self._issued: deque[str] = deque(maxlen=_MAX_REMEMBERED)

    async def issue(self, engines: Engines, new: NewToken) -> str:
        """Return a new token, signed with a key of the current configuration.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: the user's claims or headers contain a reserved name, the algorithm is
                unknown, or its key does not fit it.
            RuntimeError: the settings have no key for the algorithm.
        """
        if not isinstance(new.fresh, bool):
            msg = "fresh must be a boolean"
            raise TypeError(msg)
        if isinstance(new.subject, bool) or not isinstance(new.subject, str | int):
            msg = "subject must be a string or integer"
            raise TypeError(msg)
        if new.algorithm is not None and not isinstance(new.algorithm, str):
            msg = "algorithm must be a string"
            raise TypeError(msg)

        claims, scope = _split_user_claims(new.user_claims)
        if isinstance(new.subject, int):
            claims[INTEGER_SUBJECT] = True
        lifetime = _lifetime(new, engines.settings)
        engine = engines.signer(new.algorithm or engines.settings.authjwt_algorithm)

        token = await engine.issue(
            str(new.subject),
            claims=claims,
            scopes=scope,
            fresh=new.fresh,
            lifetime=lifetime,
            audience=_checked_audience(new.audience),
            headers=_checked_headers(new.headers),
            type=new.type,
        )
        self._issued.append(token)
        return token

    def has_issued(self, token: str) -> bool:
        """Whether this object issued the token, as one of its last eight."""
        return token in self._issued


def _lifetime(new: NewToken, settings: LoadConfig) -> Lifetime:
    expires_time = new.expires_time
    if not isinstance(expires_time, timedelta | int | None):
        msg = "expires_time must be between timedelta, int, bool"
        raise TypeError(msg)

    if expires_time is None or expires_time is True:
        default: timedelta | int | bool = getattr(settings, f"authjwt_{new.type}_token_expires")
        return as_lifetime(default)
    return as_lifetime(expires_time)


def _checked_audience(audience: object) -> str | Collection[str] | None:
    if not audience:
        return None
    if not isinstance(audience, str | list | tuple | set | frozenset):
        msg = "audience must be a string or sequence"
        raise TypeError(msg)
    return audience


def _checked_headers(headers: object) -> Mapping[str, Any] | None:
    if not isinstance(headers, Mapping | None):
        msg = "headers must be a dictionary"
        raise TypeError(msg)
    return headers


def _split_user_claims(user_claims: object) -> tuple[dict[str, Any], list[str]]:
    """Return the user's claims without the scope, and the scopes, which the core writes."""
    if user_claims is None:
        return {}, []
    if not isinstance(user_claims, dict):
        msg = "user_claims must be a dictionary"
        raise TypeError(msg)

    claims = dict(user_claims)
    scope = claims.pop("scope", "")
    reserved = sorted(_RESERVED & claims.keys())
    if reserved:
        msg = (
            f"user_claims must not contain {', '.join(reserved)}: these claims are reserved. "
            "Choose other names."
        )
        raise ValueError(msg)
    if not isinstance(scope, str) or " ".join(scope.split()) != scope:
        msg = "scope in user_claims must be a string of scopes, separated by single spaces"
        raise ValueError(msg)
    return claims, scope.split()
