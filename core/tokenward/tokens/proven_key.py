"""A key that a client has proven to have, to which tokens can be bound (RFC 7800 §3.1)."""

import re
from dataclasses import dataclass
from typing import Final

from tokenward._arguments import kind_of, refuse
from tokenward.claims.model import Claims
from tokenward.errors import KeyBindingError

__all__ = ["ProvenKey", "check_binding_is_known", "check_bound_to", "confirmation_of"]


_THUMBPRINT: Final = re.compile("[A-Za-z0-9_-]{43}")
_UNKNOWN: Final = (
    "The token is bound to a key by a method that is not supported. Its issuer must bind it by jkt "
    "(DPoP) or x5t#S256 (mTLS)."
)


@dataclass(frozen=True, slots=True)
class ProvenKey:
    """The key of a request, which `TokenAuth.proven_key` returns. Tokens are bound to each key that it has.

    Raises:
        ConfigurationError: it has nothing, or `x5t_s256` is not a thumbprint.
    """

    jkt: str | None = None
    """The RFC 7638 thumbprint of a DPoP key (RFC 9449 §6.1)."""
    x5t_s256: str | None = None
    """The thumbprint of a client certificate (RFC 8705 §3.1), as `certificate_thumbprint` returns it."""

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.jkt is None and self.x5t_s256 is None:
            refuse("A ProvenKey needs a jkt or an x5t_s256.")
        if self.x5t_s256 is not None and not _is_thumbprint(self.x5t_s256):
            refuse(
                "x5t_s256 must be the SHA-256 of the certificate in base64url, of 43 letters: pass "
                "what certificate_thumbprint returns."
            )


def confirmation_of(key: ProvenKey) -> dict[str, object]:
    """Return the ``cnf`` claim of a token that is bound to a key.

    Raises:
        TypeError: it is not a `ProvenKey`.
    """
    if not isinstance(key, ProvenKey):
        msg = f"bound_to must be a ProvenKey, not {kind_of(key)}: pass await auth.proven_key(request)."
        raise TypeError(msg)
    members = {"jkt": key.jkt, "x5t#S256": key.x5t_s256}
    return {name: value for name, value in members.items() if value is not None}


def check_binding_is_known(claims: Claims) -> None:
    """Refuse a token that is bound to a key which Tokenward cannot check.

    RFC 7800 §3: with ``cnf`` the issuer declares that the presenter possesses a key.

    Raises:
        KeyBindingError: ``cnf`` has neither ``jkt`` nor ``x5t#S256``.
    """
    if claims.cnf is not None and not claims.cnf.can_be_checked:
        raise KeyBindingError(_UNKNOWN)


def check_bound_to(claims: Claims, key: ProvenKey | None) -> None:
    """Refuse a bound token without its key.

    Args:
        claims: the claims of the token.
        key: the key of the request, if it has proven one.

    Raises:
        KeyBindingError: the token is bound to another key, or by a method that is unknown.
    """
    cnf = claims.cnf
    if cnf is None:
        return
    check_binding_is_known(claims)
    jkt, x5t_s256 = (None, None) if key is None else (key.jkt, key.x5t_s256)
    if cnf.jkt not in {None, jkt} or cnf.x5t_s256 not in {None, x5t_s256}:
        raise KeyBindingError


def _is_thumbprint(value: object) -> bool:
    return isinstance(value, str) and _THUMBPRINT.fullmatch(value) is not None
