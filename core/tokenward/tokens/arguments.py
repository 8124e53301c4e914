"""Checks of the arguments with which a token is issued."""

from collections.abc import Collection, Mapping
from typing import Final

from tokenward._arguments import kind_of
from tokenward.claims.acr import check_acr
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError
from tokenward.policy import TokenPolicy

__all__ = [
    "check_label",
    "check_login_arguments",
    "check_mapping",
    "check_refresh_tokens",
    "check_type",
    "checked_scope",
]

_LONGEST_LABEL: Final = 100
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


def check_login_arguments(*, fresh: object, acr: object, check: object) -> None:
    """Refuse a refresh that would count as a login although nothing checks the login.

    Raises:
        ConfigurationError: there is no `check`, or there is an `acr` without `fresh`.
    """
    if not isinstance(fresh, bool):
        msg = "fresh must be True or False."
        raise ConfigurationError(msg)
    if acr is not None:
        check_acr(acr)
    if acr is not None and not fresh:
        msg = "acr is the level of a new login: pass fresh=True, and a check of the login."
        raise ConfigurationError(msg)
    if fresh and check is None:
        msg = (
            "fresh=True needs a check that verifies the login of claims.sub, for example a code: "
            "without it every refresh would count as a login."
        )
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


def check_label(label: object, *, is_listed: bool) -> None:
    """Refuse a label of a session that is not a short text, or that nothing would keep.

    Args:
        label: the label.
        is_listed: whether the engine lists its sessions.

    Raises:
        TypeError: it is not text.
        ConfigurationError: it is empty, too long, or has a control character; or nothing keeps it.
    """
    if not isinstance(label, str):
        msg = f"label must be text, not {kind_of(label)}, as in label='Phone'."
        raise TypeError(msg)
    if not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable():
        msg = f"label must have 1 to {_LONGEST_LABEL} characters, all of them printable."
        raise ConfigurationError(msg)
    if not is_listed:
        msg = "label needs a list of sessions: TokenEngine(..., session_list=SessionList())."
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
