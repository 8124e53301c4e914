"""The text of a token: read from the command line, and taken apart without being believed."""

import sys
from typing import Final, NamedTuple

from pydantic import JsonValue
from pydantic_core import from_json

from tokenward._codec import all_finite, b64url_decode, loads_header
from tokenward.errors import MalformedTokenError

__all__ = ["Parts", "dissected", "token_text"]

_SEGMENTS: Final = 3
_LARGEST_INPUT: Final = 1_048_576


class Parts(NamedTuple):
    """What a token says, whoever wrote it."""

    header: dict[str, JsonValue]
    claims: dict[str, JsonValue]
    payload: bytes
    signature: str
    """As it stands in the token, in base64url."""
    signature_bytes: int


def token_text(argument: str | None) -> str:
    """Give the token of the argument, or of the standard input where there is none, or ``-``.

    Raises:
        MalformedTokenError: it is not ASCII, or so long that nothing is one.
    """
    if argument in {None, "-"}:
        read = sys.stdin.buffer.read(_LARGEST_INPUT + 1)
        argument = "" if len(read) > _LARGEST_INPUT else read.decode("latin-1")
    token = (argument or "").strip()
    if not token or not token.isascii():
        raise MalformedTokenError
    return token


def dissected(token: str, *, max_bytes: int) -> Parts:
    """Take a token apart. Nothing of it is checked but that it can be read.

    Raises:
        MalformedTokenError: it is no compact JWS of two JSON objects.
    """
    segments = token.split(".")
    if len(token) > max_bytes:
        msg = "The token is malformed. It is too long."
        raise MalformedTokenError(msg)
    if len(segments) != _SEGMENTS:
        msg = "The token is malformed. Expected three segments."
        raise MalformedTokenError(msg)
    head, body, signature = segments
    header, payload = loads_header(b64url_decode(head)), b64url_decode(body)
    if not all_finite(header):
        raise MalformedTokenError
    return Parts(header, _object(payload), payload, signature, len(b64url_decode(signature)))


def _object(payload: bytes) -> dict[str, JsonValue]:
    try:
        members = from_json(payload, allow_inf_nan=False)
    except ValueError:
        members = None
    # Raised out here: inside `except` it would carry the parser's error, and that the payload.
    if not isinstance(members, dict) or not all_finite(members):
        raise MalformedTokenError
    return members
