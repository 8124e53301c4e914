"""The claims model of the drop-in."""

from typing import Any, Final

from tokenward.claims import PayloadClaims
from tokenward.errors import InvalidClaimError

__all__ = ["INTEGER_SUBJECT", "AuthJWTClaims", "check_subject"]

INTEGER_SUBJECT: Final = "int_sub"
"""A claim that only the drop-in writes: true if the subject was an integer.

RFC 7519 §4.1.2 wants text, so the token holds the integer's decimal text.
"""


class AuthJWTClaims(PayloadClaims):
    """Claims that keep the payload of their token, and accept the tokens of the reference.

    The subject of such a token may be an integer: `sub` is then its decimal text, and `as_dict`
    returns the integer.
    """

    @property
    def subject(self) -> str | int:
        """The subject as the caller passed it: an integer is returned as an integer.

        Raises:
            InvalidClaimError: the token falsely says that it was an integer.
        """
        subject: Any = self.member("sub")
        return _integer_in(subject) if self.member(INTEGER_SUBJECT) is True else subject

    def has(self, name: str) -> bool:
        """Whether the token has a claim, whatever its value."""
        return name in self.members

    def as_dict(self) -> dict[str, Any]:
        """Return the claims of the token as a new dictionary, which the caller may change."""
        members: dict[str, Any] = self.members
        members.pop("iat_ms", None)
        if members.pop(INTEGER_SUBJECT, None) is True:
            members["sub"] = _integer_in(members["sub"])
        return members


def check_subject(claims: AuthJWTClaims) -> None:
    """Refuse a token that falsely says that its subject was an integer; a hook of the engine.

    Raises:
        InvalidClaimError: the subject is other text.
    """
    if INTEGER_SUBJECT in (claims.model_extra or ()):
        _ = claims.subject


def _integer_in(subject: str) -> int:
    try:
        return int(subject)
    except ValueError:
        pass
    # Not raised in `except`: the ValueError, which holds the subject, would be its context.
    raise InvalidClaimError(claim="sub")
