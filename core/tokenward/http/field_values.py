"""Finds the values of one named field in a header, a query or a form, at low cost.

A client may send 64 KiB of separators in a header and 256 KiB in a form. A compiled regular
expression per name finds the requested fields, so no other field is split or decoded in Python.
"""

import re
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["cookie_values", "list_item_ends", "urlencoded_values"]

_SPACE: Final = b" \t"
_MAX_VALUES: Final = 16
_MAX_ESCAPES: Final = 4096  # the number of bytes in the longest cookie
_HEX: Final = rb"[0-9A-Fa-f]{2}"


def cookie_values(headers: list[bytes], name: bytes) -> list[bytes]:
    """Return every value of a cookie in ``Cookie`` headers (RFC 6265 §5.4), in order and as sent."""
    text = b";".join(headers)
    if name not in text:
        return []
    return [value.strip(_SPACE) for value in _cookie_pattern(name).findall(b";" + text)]


def urlencoded_values(data: bytes, name: bytes) -> list[bytes]:
    """Return every value of a field in a query or a form (WHATWG URL §5.1), decoded and in order.

    If there are more than 16 values, or more than 4,096 percent signs in all values together, the
    values are returned as sent, without decoding: no caller accepts that many.
    """
    if not data:
        return []
    values: list[bytes] = _field_pattern(name).findall(b"&" + data)
    if len(values) > _MAX_VALUES or b"".join(values).count(b"%") > _MAX_ESCAPES:
        return values
    return [_decoded(value) for value in values]


def list_item_ends(text: bytes, item: bytes) -> list[int]:
    """Return the offsets at which an item of a comma-separated list ends (RFC 9110 §5.6.1).

    At most two offsets are returned: callers need the first, or that there are several.
    """
    if item not in text:
        return []
    matches = islice(_item_pattern(item).finditer(b"," + text), 2)
    return [match.end() - 1 for match in matches]


def _decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text


# The names come from the configuration of the service, so these caches stay small. Each expression
# starts with its separator, because searching for one byte is much faster than for alternatives.


@lru_cache(maxsize=64)
def _cookie_pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb";[ \t]*" + re.escape(name) + rb"[ \t]*(?:=([^;]*))?(?=;|\Z)")


@lru_cache(maxsize=64)
def _field_pattern(name: bytes) -> re.Pattern[bytes]:
    encoded_name = b"".join(_byte_pattern(byte) for byte in name)
    return re.compile(b"&" + encoded_name + rb"(?:=([^&]*))?(?=&|\Z)")


@lru_cache(maxsize=64)
def _item_pattern(item: bytes) -> re.Pattern[bytes]:
    return re.compile(rb",[ \t]*" + re.escape(item) + rb"[ \t]*(?=,|\Z)")


def _byte_pattern(byte: int) -> bytes:
    """Return an expression for every encoding of one byte of a name."""
    escape = b"%%(?i:%02x)" % byte
    plain = {
        ord(b"+"): [],  # a plus sign encodes a space
        ord(b" "): [rb"\+", rb"\ "],
        ord(b"%"): [b"%(?!" + _HEX + b")"],
    }.get(byte, [re.escape(bytes([byte]))])
    return b"(?:" + b"|".join([*plain, escape]) + b")"
