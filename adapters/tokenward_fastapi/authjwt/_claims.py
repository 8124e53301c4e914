"""The claims model of the drop-in."""

import copy
from typing import Any, Final, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from tokenward import Claims

__all__ = ["INTEGER_SUBJECT", "AuthJWTClaims"]

INTEGER_SUBJECT: Final = "int_sub"
"""A claim that only the drop-in writes: true if the subject was an integer.

RFC 7519 §4.1.2 wants text, so the token holds the integer's decimal text.
"""
_HIDDEN: Final = frozenset({"iat_ms", INTEGER_SUBJECT})


class AuthJWTClaims(Claims):
    """Claims that keep the payload of their token, and accept the tokens of the reference.

    The subject of such a token may be an integer: `sub` is then its decimal text, and `as_dict`
    returns the integer.
    """

    _payload: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_payload(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)

        changes: dict[str, object] = {}
        subject = data.get("sub")
        if type(subject) is int:
            changes["sub"] = str(subject)
        elif data.get(INTEGER_SUBJECT) is True and isinstance(subject, str):
            int(subject)  # Refuse other text here, so that `subject` can rely on it.

        claims = handler({**data, **changes} if changes else data)
        claims._payload = data  # noqa: SLF001 - an object of this class
        return claims

    @property
    def subject(self) -> str | int:
        """The subject as the caller passed it: an integer is returned as an integer."""
        subject = self._payload["sub"]
        return int(subject) if self._payload.get(INTEGER_SUBJECT) is True else subject

    def has(self, name: str) -> bool:
        """Whether the token has a claim, whatever its value."""
        return name in self._payload

    def as_dict(self) -> dict[str, Any]:
        """Return the claims of the token as a new dictionary, which the caller may change."""
        members = {
            name: _own_copy(value) for name, value in self._payload.items() if name not in _HIDDEN
        }
        return {**members, "sub": self.subject}


def _own_copy(value: object) -> object:
    return copy.deepcopy(value) if isinstance(value, dict | list) else value
