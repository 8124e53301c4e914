"""Checks of the arguments with which a token is issued."""

from collections.abc import Collection, Mapping
from typing import Final

from tokenward._arguments import kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError
from tokenward.policy import TokenPolicy

__all__ = ["check_mapping", "check_refresh_tokens", "check_type", "checked_scope"]

# Each is a Collection: comparing types is several times faster than asking the abstract class.
_USUAL_COLLECTIONS: Final = frozenset({list, tuple, set, frozenset})


def check_mapping(value: object, argument: str) -> None:
    """Refuse claims or headers that are not named.

    Raises:
        TypeError: it is neither a mapping nor None.
    """
    if value is not None and not isinstance(value, Mapping):
        msg = f"{argument} must be a mapping, not {kind_of(value)}: {argument}={{'name': ...}}."
        raise TypeError(msg)


def check_type(type: TokenType, *, fresh: bool) -> None:
    """Refuse an unknown type of token, and a refresh token that is marked fresh.

    Raises:
        ConfigurationError: it is one of these.
    """
    if type not in ("access", "refresh"):
        msg = "type must be 'access' or 'refresh'."
        raise ConfigurationError(msg)
    if type == "refresh" and fresh:
        msg = "A refresh token cannot be fresh: remove fresh=True."
        raise ConfigurationError(msg)


def check_refresh_tokens(policy: TokenPolicy) -> None:
    """Refuse refresh tokens if the engine could not tell them from access tokens later.

    Raises:
        ConfigurationError: the policy does not read the type from the ``type`` claim.
    """
    source = policy.type_source
    if source != "claim":
        msg = (
            f"With type_source='{source}' refresh tokens look like access tokens: issue access "
            "tokens only, or use type_source='claim'."
        )
        raise ConfigurationError(msg)


def checked_scope(scopes: Collection[str], argument: str = "scopes") -> str:
    """Check scopes and return them as one text, separated by spaces (RFC 6749 §3.3).

    Args:
        scopes: the scopes.
        argument: the name of the argument that contains them, for the messages.

    Raises:
        TypeError: one text instead of several: ``"orders:read"`` for ``["orders:read"]``; or a
            scope is not text.
        ConfigurationError: a scope is empty, or has a space, a quote, a backslash or a character
            outside of printable ASCII.
    """
    if type(scopes) not in _USUAL_COLLECTIONS and (
        isinstance(scopes, (str, bytes)) or not isinstance(scopes, Collection)
    ):
        msg = f"{argument} must be a collection of texts, as in {argument}=['orders:read']."
        raise TypeError(msg)
    if not scopes:
        return ""
    try:
        joined = " ".join(scopes)
    except TypeError as exc:
        msg = f"Each scope must be text, as in {argument}=['orders:read']."
        raise TypeError(msg) from exc
    if (
        "" in scopes
        or joined.count(" ") != len(scopes) - 1
        or not (joined.isascii() and joined.isprintable())
        or '"' in joined
        or "\\" in joined
    ):
        msg = (
            f"{argument} contains an invalid scope: use printable ASCII without spaces, quotes and "
            "backslashes (RFC 6749 §3.3)."
        )
        raise ConfigurationError(msg)
    return joined
