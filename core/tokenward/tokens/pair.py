"""The pair of tokens that a login and each refresh return."""

from dataclasses import dataclass, field, fields
from typing import Literal

__all__ = ["TokenPair"]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access and a refresh token of one session, with the field names of RFC 6749 §5.1.

    `json_body` returns the members of a JSON response. The repr shows neither token.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    """The lifetime of the access token in whole seconds; None: it never expires."""
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750, no password
    scope: str = ""
    """The scopes of both tokens, separated by spaces (RFC 6749 §3.3)."""
    refresh_expires_in: int | None = None
    """The lifetime of the refresh token in whole seconds; None: it never expires."""
    csrf_token: str | None = field(default=None, repr=False)
    """The value that a request must repeat if either token travels in a cookie (`CsrfCheck`)."""

    def json_body(self) -> dict[str, str | int]:
        """Return the members of the JSON response to a client (RFC 6749 §5.1).

        Members without a value are left out: `expires_in` of a token that never expires, an empty
        `scope`, and an absent `csrf_token`. OAuth clients expect a number or nothing. Send the
        response with ``Cache-Control: no-store``.
        """
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in members.items() if value is not None and value != ""}
