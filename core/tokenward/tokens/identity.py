"""Identities of tokens, sessions and subjects: new random ones, and checks of the caller's."""

import os
from typing import Final

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.segments import looks_like_token

__all__ = ["check_identity", "check_no_token", "new_identity"]

_CLAIM_OF: Final = {"session": "sid", "subject": "sub"}
_FIX_OF: Final = {
    "session": "a sid, or the claims of a token of the session",
    "subject": "claims.sub, or str(user.id) for a number or a UUID",
}


def new_identity() -> str:
    """Return 128 random bits in hexadecimal, for a ``jti`` or a ``sid``."""
    return os.urandom(16).hex()


def check_identity(value: str, argument: str) -> None:
    """Refuse an identity that is not text, or is empty.

    Raises:
        TypeError: it is not text; a number must be written as text (RFC 7519 §4.1.2).
        ConfigurationError: it is empty.
    """
    if not isinstance(value, str):
        msg = f"{argument} must be text, not {kind_of(value)}: pass {_FIX_OF[argument]}."
        raise TypeError(msg)
    if not value:
        msg = f"{argument} must not be empty."
        raise ConfigurationError(msg)


def check_no_token(identity: str, argument: str) -> None:
    """Refuse a token in the place of a session or a subject.

    A store would keep the token as a key and deny nothing.

    Raises:
        ConfigurationError: the text looks like a token.
    """
    if looks_like_token(identity):
        msg = (
            f"{argument} is a token, so nothing would be revoked: "
            f"pass the claims of engine.decode(token), or their {_CLAIM_OF[argument]}."
        )
        raise ConfigurationError(msg)
