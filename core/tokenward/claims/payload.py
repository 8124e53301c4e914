"""Claims that keep the payload of their token."""

from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from tokenward.claims.model import Claims
from tokenward.jose.codec import loads_payload

__all__ = ["PayloadClaims"]

_KEPT: Final = "payload"
_COLLECTIONS: Final = frozenset({dict, list})
_set: Final = object.__setattr__


class PayloadClaims(Claims):
    """Claims that also have the members of their token, exactly as the token has them.

    The fields of a model have the types of the model: a time is a float, and a list may be a tuple. Use
    `members` for code that expects a dictionary, such as that of another library.
    """

    def member(self, name: str) -> JsonValue:
        """Return a member of the payload; None if the token has no such member, or was not decoded.

        The value may be shared: use `members` to get one that you may change.
        """
        return self._parsed().get(name)

    @property
    def members(self) -> dict[str, JsonValue]:
        """The members of the payload: a new dictionary each time, empty if no token was decoded."""
        members = self._parsed().copy()
        # Only these may be changed in place.
        for name, value in members.items():
            if type(value) in _COLLECTIONS:
                members[name] = _copied(value)
        return members

    def _parsed(self) -> dict[str, JsonValue]:
        kept: _Payload | None = (self.__pydantic_private__ or {}).get(_KEPT)
        return {} if kept is None else kept.members()

    def _keep_verified_payload(self, payload: bytes) -> None:
        """Store the verified payload; `ClaimsReader` calls this for each token."""
        # Not as a private attribute of the model: Pydantic would call a function for each token.
        private, kept = self.__pydantic_private__, _Payload(payload)
        private = {_KEPT: kept} if private is None else {**private, _KEPT: kept}
        _set(self, "__pydantic_private__", private)


@dataclass(slots=True)
class _Payload:
    """The payload of a token, parsed when a member is first read. Equal payloads are equal."""

    text: bytes
    parsed: dict[str, JsonValue] | None = field(default=None, compare=False)

    def members(self) -> dict[str, JsonValue]:
        """Return the members, which must not be changed."""
        if self.parsed is None:
            self.parsed = loads_payload(self.text)
        return self.parsed


def _copied(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
