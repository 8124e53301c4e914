"""The parts of a token before anything is verified; nothing that is read here may be trusted."""

from typing import Any, Final

from pydantic import Base64UrlBytes, TypeAdapter, ValidationError

from tokenward_fastapi.authjwt.exceptions import UnreadableTokenError

__all__ = ["token_bytes", "unverified_header", "unverified_payload"]

_SEGMENTS: Final = 3  # RFC 7515 §7.1
_BYTES: Final[TypeAdapter[bytes]] = TypeAdapter(Base64UrlBytes)
_MEMBERS: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(dict[str, Any])


def token_bytes(token: object) -> bytes:
    """Return a token as ASCII bytes.

    Characters outside ASCII are replaced, and anything that is not text becomes empty: the result
    is then no valid token.
    """
    return token.encode("ascii", errors="replace") if isinstance(token, str) else b""


def unverified_header(token: bytes) -> dict[str, Any]:
    """Return the header of a token. Not checked: the signature.

    Raises:
        UnreadableTokenError: the token has fewer than three segments, or its header is not a JSON
            object.
    """
    return _members_of(token, 0)


def unverified_payload(token: bytes) -> dict[str, Any]:
    """Return the payload of a token. Not checked: the signature.

    Raises:
        UnreadableTokenError: the token has fewer than three segments, or its payload is not a JSON
            object.
    """
    return _members_of(token, 1)


def _members_of(token: bytes, index: int) -> dict[str, Any]:
    segments = token.split(b".")
    if len(segments) < _SEGMENTS:
        raise UnreadableTokenError(message="Not enough segments")

    padded = segments[index] + b"=" * (-len(segments[index]) % 4)
    try:
        return _MEMBERS.validate_json(_BYTES.validate_python(padded))
    except ValidationError:
        message = "Invalid header string: must be a json object"

    # Raised outside of `except`: Pydantic's error, which holds the token, would become its context.
    raise UnreadableTokenError(message=message)
