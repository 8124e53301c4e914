"""What decides what a token will say, checked; and the pair that comes of it."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError
from tokenward.jose.compact import looks_like_token
from tokenward.policy import TokenPolicy, checked_names

__all__ = [
    "Grant",
    "Successors",
    "TokenPair",
    "check_identity",
    "check_mapping",
    "check_no_token",
    "check_type",
    "checked_scope",
    "new_grant",
    "new_identity",
    "session_end",
]

_TEXT: Final = (str, bytes)
_CLAIM_OF: Final = {"session": "sid", "subject": "sub"}
_FIX_OF: Final = {
    "session": "a sid, or the claims of a token of the session",
    "subject": "claims.sub, or str(number) for a number",
}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access and a refresh token of one session, named as in RFC 6749 §5.1.

    Ready to be a JSON response. Its repr shows neither token.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    """The life of the access token in whole seconds; None: it never expires."""
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750, no password
    scope: str = ""
    refresh_expires_in: int | None = None
    """The life of the refresh token in whole seconds; None: it never expires."""
    csrf_token: str | None = field(default=None, repr=False)
    """What must be repeated beside either token where it travels in a cookie (`CsrfCheck`)."""


class Successors(NamedTuple):
    """A pair, and by which identity its refresh token will be known."""

    pair: TokenPair
    refresh_jti: str


class Grant(NamedTuple):
    """Everything that decides what a token will say."""

    subject: str
    claims: Mapping[str, object]
    scope: str
    """Separated by spaces (RFC 6749 §3.3)."""
    fresh: bool
    audience: str | Collection[str] | None
    headers: Mapping[str, JsonValue] | None
    registered: Mapping[str, object]
    """Registered claims that only some tokens have: ``auth_time``, ``csrf``."""
    session: str | None = None
    session_end: float | None = None
    """When the session ends; no token of it lives longer."""


def new_grant(
    subject: str,
    *,
    claims: Mapping[str, object] | None,
    scope: Collection[str],
    fresh: bool,
    audience: str | Collection[str] | None,
    headers: Mapping[str, JsonValue] | None,
    now_ms: int,
) -> Grant:
    """Check the arguments of `issue` and `issue_pair`.

    Raises:
        ConfigurationError, TypeError: one cannot be used.
    """
    check_identity(subject, "subject")
    if not isinstance(fresh, bool):
        msg = "fresh must be True or False."
        raise TypeError(msg)
    check_mapping(claims, "claims")
    check_mapping(headers, "headers")
    if audience is not None:
        checked_names(audience, "audience")
    return Grant(
        subject,
        {} if claims is None else claims,
        checked_scope(scope) if scope else "",
        fresh,
        audience,
        headers,
        {"auth_time": now_ms // 1000} if fresh else {},
    )


def new_identity() -> str:
    """Give 128 random bits as text, for a ``jti`` or a ``sid``."""
    return os.urandom(16).hex()


def session_end(policy: TokenPolicy, began_at: float) -> int | None:
    """Return when a session that began at a time ends, in whole seconds; None: it has no end."""
    lasts = policy.session_lifetime
    return None if lasts is None else int(began_at + lasts.total_seconds())


def check_identity(value: str, argument: str) -> None:
    """Refuse what does not name anybody.

    Raises:
        TypeError: it is no text; RFC 7519 §4.1.2 wants a number written as text.
        ConfigurationError: it is empty.
    """
    if not isinstance(value, str):
        msg = f"{argument} must be text, not {kind_of(value)}: give {_FIX_OF[argument]}."
        raise TypeError(msg)
    if not value:
        msg = f"{argument} must not be empty."
        raise ConfigurationError(msg)


def check_no_token(identity: str, argument: str) -> None:
    """Refuse a token where the name of a session or a subject belongs.

    A store would keep the token as a key, and deny nothing.

    Raises:
        ConfigurationError: the text looks like a token.
    """
    if looks_like_token(identity):
        msg = (
            f"{argument} is a token, of which nothing would be revoked: "
            f"give the claims of engine.decode(token), or their {_CLAIM_OF[argument]}."
        )
        raise ConfigurationError(msg)


def check_mapping(value: Mapping[str, object] | None, argument: str) -> None:
    """Refuse claims or headers that are not named.

    Raises:
        TypeError: it is no mapping.
    """
    if value is not None and not isinstance(value, Mapping):
        msg = f"{argument} must be a mapping, not {kind_of(value)}: {argument}={{'name': ...}}."
        raise TypeError(msg)


def check_type(type: TokenType, *, fresh: bool) -> None:
    """Refuse what no token is for, and a refresh token that is marked fresh.

    Raises:
        ConfigurationError: it is one of these.
    """
    if type not in ("access", "refresh"):
        msg = "type must be 'access' or 'refresh'."
        raise ConfigurationError(msg)
    if type == "refresh" and fresh:
        msg = "A refresh token is not fresh: the tokens that it gives are not."
        raise ConfigurationError(msg)


def checked_scope(scope: Collection[str], *, argument: str = "scope") -> str:
    """Check scopes that the programmer gave, and join them by spaces.

    Raises:
        TypeError: one text instead of several: ``"orders:read"`` for ``["orders:read"]``.
        ConfigurationError: a scope is empty, or has a space, a quote or another letter that
            RFC 6749 §3.3 bars.
    """
    if isinstance(scope, _TEXT) or not isinstance(scope, Collection):
        msg = f"{argument} must be several scopes, as in {argument}=['orders:read']."
        raise TypeError(msg)
    if not scope:
        return ""
    if not all(isinstance(each, str) for each in scope):
        msg = f"Each of {argument} must be text, as in {argument}=['orders:read']."
        raise TypeError(msg)
    joined = " ".join(scope)
    # RFC 6749 §3.3: printable ASCII without space, quote and backslash, at least one letter.
    if (
        "" in scope
        or joined.count(" ") != len(scope) - 1
        or not (joined.isascii() and joined.isprintable())
        or '"' in joined
        or "\\" in joined
    ):
        msg = f"{argument} holds something that is not a scope (RFC 6749 §3.3)."
        raise ConfigurationError(msg)
    return joined
