"""Strict base64url and JSON, the two encodings of a token.

Input that two parsers could read differently is refused (RFC 7515 §2 and appendix C, RFC 8725 §2.4).
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, cast

from pydantic import JsonValue, ValidationError
from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    core_schema,
    from_json,
    to_json,
)

from tokenward.errors import ConfigurationError, MalformedTokenError
from tokenward.jose.without_context import raise_without_context

__all__ = [
    "all_finite",
    "b64url_decode",
    "b64url_encode",
    "dumps",
    "loads_header",
    "loads_object",
    "loads_payload",
]

# Pydantic's codec refuses white space, other letters and stray bits (RFC 4648 §3.5), and takes a third
# of the time of the standard library's codec.
_BYTES: Final = core_schema.bytes_schema()
_encode: Final = SchemaSerializer(_BYTES, core_schema.CoreConfig(ser_json_bytes="base64")).to_python
_validator: Final = SchemaValidator(_BYTES, core_schema.CoreConfig(val_json_bytes="base64"))
_decode: Final = cast("Callable[[str], bytes]", _validator.validate_strings)

_MAX_BRACKETS: Final = 1_024
_MAX_HEADER_BRACKETS: Final = 64  # a header is flat, or nearly so
_COLLECTIONS: Final = (list, tuple, set, frozenset)


def b64url_encode(data: bytes) -> str:
    """Return bytes as base64url without padding (RFC 7515 §2)."""
    encoded: str = _encode(data, mode="json")
    return encoded.rstrip("=")


def b64url_decode(segment: str) -> bytes:
    """Decode base64url, exactly as `b64url_encode` returns it.

    Raises:
        MalformedTokenError: the segment has padding, white space, other letters or stray bits.
    """
    # The codec also accepts padding and the standard alphabet, which RFC 7515 excludes.
    if not ("=" in segment or "+" in segment or "/" in segment):
        try:
            return _decode(segment)
        except ValidationError:
            pass
    # Not raised in `except`: Pydantic's error, which holds the token, would be its context.
    raise MalformedTokenError


def loads_header(data: bytes) -> dict[str, JsonValue]:
    """Return the members of a JOSE header: UTF-8 JSON without duplicate names (RFC 7515 §4).

    Raises:
        MalformedTokenError: the data is not such an object, or has too many brackets.
    """
    return loads_object(data, max_brackets=_MAX_HEADER_BRACKETS)


def loads_object(data: bytes, *, max_brackets: int = _MAX_BRACKETS) -> dict[str, JsonValue]:
    """Return the members of a UTF-8 JSON object without duplicate names.

    Raises:
        MalformedTokenError: the data is not such an object, or has more than `max_brackets`.
    """
    # The depth that Python's parser accepts depends on its version.
    brackets = data.count(b"{") + data.count(b"[")
    parsed = _parse(data, _unique_members) if brackets <= max_brackets else None
    if type(parsed) is not dict:
        raise MalformedTokenError
    return parsed


def loads_payload(data: bytes) -> dict[str, JsonValue]:
    """Return the members of a payload, with the parser that claims models use.

    Of duplicate names the last counts, as in claims models (RFC 7519 §4).

    Raises:
        MalformedTokenError: the data is not a JSON object, is nested too deeply, or has a number with
            too many digits.
    """
    try:
        members = from_json(data)
    except ValueError:
        raise_without_context(MalformedTokenError())

    if type(members) is not dict:
        raise MalformedTokenError
    return members


def all_finite(value: object) -> bool:
    """Whether a value from JSON contains no NaN and no infinity at any depth."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(all_finite, value.values()))
    if isinstance(value, _COLLECTIONS):
        return all(map(all_finite, value))
    return True


def dumps(members: Mapping[str, object]) -> bytes:
    """Return JSON that all parsers read alike.

    Raises:
        TypeError: a name is not text: b"sub" would become a second "sub".
        ConfigurationError: a value cannot be written as JSON: NaN, a lone surrogate, or an object of
            a type that Pydantic does not know.
    """
    try:
        "".join(members)
    except TypeError:
        msg = "The names of claims and headers must be text."
        raise TypeError(msg) from None

    try:
        written = to_json(members)
    except PydanticSerializationError:
        written = b"NaN"

    # Pydantic writes NaN and Infinity as numbers; both words are allowed inside of texts. Most JSON
    # has neither initial, and one letter is found much faster than a word.
    has_word = (written.find(b"N") >= 0 and b"NaN" in written) or (
        written.find(b"I") >= 0 and b"Infinity" in written
    )
    if has_word and _parse(written, dict) is None:
        msg = "A claim or a header holds a value that cannot be written as JSON."
        raise ConfigurationError(msg)
    return written


def _parse(
    data: bytes, members: Callable[[list[tuple[str, JsonValue]]], dict[str, JsonValue]]
) -> JsonValue:
    """Return the value of strict JSON; None for null and for invalid JSON."""
    try:
        # Decoded first, because json.loads would guess UTF-16 and UTF-32 from bytes.
        parsed: JsonValue = json.loads(
            data.decode("utf-8"), object_pairs_hook=members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None
    return parsed


def _unique_members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError
