"""The text of a token in compact form (RFC 7515 §7.1) and its three segments; nothing is verified."""

from typing import Final, NoReturn

from tokenward._arguments import refuse_no_token
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import b64url_decode, loads_header

__all__ = [
    "FIRST_LETTERS",
    "looks_like_token",
    "refuse_no_header",
    "split_compact",
    "text_of_token",
]

_TOO_LONG: Final = "The token is malformed. It is too long."
_NOT_THREE: Final = "The token is malformed. Expected three segments."
FIRST_LETTERS: Final = "eCDI"
"""The letters with which a token may start: ``{`` and the white space of JSON, in base64url."""


def text_of_token(token: str | bytes, *, max_bytes: int) -> str:
    """Return a token as text.

    Raises:
        MalformedTokenError: the token is too long, or bytes that are not ASCII.
        TypeError: the token is neither text nor bytes.
    """
    if isinstance(token, bytes):
        if len(token) <= max_bytes and token.isascii():
            return token.decode("ascii")
    elif isinstance(token, str):
        if len(token) <= max_bytes:
            return token
    else:
        refuse_no_token(token)
    raise MalformedTokenError(_TOO_LONG if len(token) > max_bytes else None)


def split_compact(text: str) -> tuple[str, str, str]:
    """Return the header, payload and signature segments of a token, still encoded.

    Raises:
        MalformedTokenError: there are not three segments (RFC 7515 §7.1); a JWE has five.
    """
    # Not `split`, which looks at one letter at a time, and makes a list of 16,384 dots.
    header, _, rest = text.partition(".")
    payload, dot, signature = rest.partition(".")
    if not dot or "." in signature:
        raise MalformedTokenError(_NOT_THREE)
    return header, payload, signature


def refuse_no_header(text: str) -> NoReturn:
    """Refuse a text without one of the `FIRST_LETTERS`, as `CompactJws.verify` does.

    Raises:
        MalformedTokenError: there are not three segments, or the first one is not a JSON object.
    """
    # Without `split_compact`, which copies the segments.
    first, last = text.find("."), text.rfind(".")
    has_two_dots = first < last == text.find(".", first + 1)
    raise MalformedTokenError(None if has_two_dots else _NOT_THREE)


def looks_like_token(text: str) -> bool:
    """Whether a text is a JWS in compact form, with or without a scheme before it; unverified."""
    words = text.split()
    try:
        header = split_compact(words[-1] if words else "")[0]
        return "alg" in loads_header(b64url_decode(header))
    except MalformedTokenError:
        return False
