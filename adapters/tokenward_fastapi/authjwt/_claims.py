"""The claims of a token, as the drop-in reads them."""

import copy
from typing import Any, Final, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from tokenward import Claims

__all__ = ["INTEGER_SUBJECT", "AuthJWTClaims"]

INTEGER_SUBJECT: Final = "int_sub"
"""A claim of the drop-in's own: the subject, which RFC 7519 has as text, was given as an integer."""
_OWN: Final = frozenset({"iat_ms", INTEGER_SUBJECT})


class AuthJWTClaims(Claims):
    """Claims that remember their token's own words; tokens of the reference are read as well.

    Those may have a number for a subject: `sub` is its text, and `as_dict` gives the number.
    """

    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        changes: dict[str, object] = {}
        subject = data.get("sub")
        if type(subject) is int:
            changes["sub"] = str(subject)
        elif data.get(INTEGER_SUBJECT) is True and isinstance(subject, str):
            int(subject)  # what is none is refused here, and not where it is asked for
        claims = handler({**data, **changes} if changes else data)
        claims._raw = data  # noqa: SLF001 - one of its own class
        return claims

    @property
    def subject(self) -> str | int:
        """The subject as it was given: an integer comes back as an integer."""
        subject = self._raw["sub"]
        return int(subject) if self._raw.get(INTEGER_SUBJECT) is True else subject

    def says(self, name: str) -> bool:
        """Tell whether the token has a claim, whatever its value."""
        return name in self._raw

    def as_dict(self) -> dict[str, Any]:
        """Give what the token says, as a dictionary of the caller's own."""
        said = {name: _own_copy(value) for name, value in self._raw.items() if name not in _OWN}
        return {**said, "sub": self.subject}


def _own_copy(value: object) -> object:
    return copy.deepcopy(value) if isinstance(value, dict | list) else value
