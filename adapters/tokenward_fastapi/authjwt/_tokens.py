"""Making tokens."""

from collections import deque
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from tokenward import NEVER, Claims, TokenType
from tokenward_fastapi.authjwt._claims import INTEGER_SUBJECT
from tokenward_fastapi.authjwt.auth_config import AuthConfig
from tokenward_fastapi.authjwt.config import as_lifetime

__all__ = ["TokenMaker"]

_RESERVED: Final = (Claims.model_fields.keys() | {INTEGER_SUBJECT}) - {"scope"}
_REMEMBERED: Final = 8


class TokenMaker(AuthConfig):
    """What `AuthJWT` makes tokens with."""

    def __init__(self) -> None:
        """Start with none made."""
        # Which of its own tokens an object still knows, so that it need not verify them.
        self._made: deque[str] = deque(maxlen=_REMEMBERED)

    async def create_access_token(
        self,
        subject: str | int,
        fresh: bool = False,  # noqa: FBT001, FBT002 - the reference's signature
        algorithm: str | None = None,
        headers: dict[str, Any] | None = None,
        expires_time: timedelta | int | bool | None = None,  # noqa: FBT001
        audience: str | list[str] | tuple[str, ...] | set[str] | frozenset[str] | None = None,
        user_claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Make an access token.

        Args:
            subject: whom it is about; an integer comes back as an integer.
            fresh: whether the user has just proved who they are.
            algorithm: in place of that of the settings.
            headers: further members of its header.
            expires_time: in seconds, or a timedelta, in place of the settings'; zero is over at
                once, False has no end, True is what the settings say.
            audience: for whom it is meant.
            user_claims: further claims.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: `user_claims` names a claim, or `headers` a header, that is not the user's,
                or the algorithm is unknown.
            RuntimeError: there is no key for the algorithm.
        """
        if not isinstance(fresh, bool):
            msg = "fresh must be a boolean"
            raise TypeError(msg)
        return await self._make(
            "access", subject, algorithm, headers, expires_time, audience, user_claims, fresh=fresh
        )

    async def create_refresh_token(
        self,
        subject: str | int,
        algorithm: str | None = None,
        headers: dict[str, Any] | None = None,
        expires_time: timedelta | int | bool | None = None,  # noqa: FBT001
        audience: str | list[str] | tuple[str, ...] | set[str] | frozenset[str] | None = None,
        user_claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Make a refresh token; see `create_access_token`."""
        return await self._make(
            "refresh", subject, algorithm, headers, expires_time, audience, user_claims
        )

    async def _make(
        self,
        kind: TokenType,
        subject: object,
        algorithm: object,
        headers: dict[str, Any] | None,
        expires_time: object,
        audience: object,
        user_claims: object,
        *,
        fresh: bool = False,
    ) -> str:
        if isinstance(subject, bool) or not isinstance(subject, str | int):
            msg = "subject must be a string or integer"
            raise TypeError(msg)
        if algorithm is not None and not isinstance(algorithm, str):
            msg = "algorithm must be a string"
            raise TypeError(msg)
        claims, scope = _claims_of(user_claims)
        if isinstance(subject, int):
            claims[INTEGER_SUBJECT] = True
        lifetime = self._lifetime_of(kind, expires_time)
        token = (
            await self._engines()
            .signer(algorithm or self._settings.authjwt_algorithm)
            .issue(
                str(subject),
                claims=claims,
                scope=scope,
                fresh=fresh,
                lifetime=NEVER if lifetime is None else lifetime,
                audience=_audience_of(audience),
                headers=headers,
                type=kind,
            )
        )
        self._made.append(token)
        return token

    def _lifetime_of(self, kind: TokenType, expires_time: object) -> timedelta | None:
        if not isinstance(expires_time, timedelta | int | None):
            msg = "expires_time must be between timedelta, int, bool"
            raise TypeError(msg)
        if expires_time is None or expires_time is True:
            default: timedelta | int | bool = getattr(
                self._settings, f"authjwt_{kind}_token_expires"
            )
            return as_lifetime(default)
        return as_lifetime(expires_time)


def _audience_of(audience: object) -> str | Collection[str] | None:
    if not audience:
        return None
    if not isinstance(audience, str | list | tuple | set | frozenset):
        msg = "audience must be a string or sequence"
        raise TypeError(msg)
    return audience


def _claims_of(user_claims: object) -> tuple[dict[str, Any], list[str]]:
    """Give the user's own claims, and the scopes among them, which are the core's to write."""
    if user_claims is None:
        return {}, []
    if not isinstance(user_claims, dict):
        msg = "user_claims must be a dictionary"
        raise TypeError(msg)
    claims = dict(user_claims)
    scope = claims.pop("scope", "")
    reserved = sorted(_RESERVED & claims.keys())
    if reserved:
        msg = f"user_claims must not name {', '.join(reserved)}: these claims are not the user's"
        raise ValueError(msg)
    if not isinstance(scope, str) or " ".join(scope.split()) != scope:
        msg = "scope in user_claims must be text: scopes with one space between them"
        raise ValueError(msg)
    return claims, scope.split()
