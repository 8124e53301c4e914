"""Find one named field in what a client sends, without a step in Python for each of the others.

A client may send 64 KiB of separators in a header and 256 KiB of them in a form. One compiled
expression per name finds the fields that are asked for; nothing else is split or decoded.
"""

import re
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["cookie_values", "listed", "urlencoded_values"]

_SPACE: Final = b" \t"
_MOST_VALUES: Final = 16
_MOST_ESCAPES: Final = 4096  # as many as the bytes of the longest cookie
_HEX: Final = rb"[0-9A-Fa-f]{2}"


def cookie_values(headers: list[bytes], name: bytes) -> list[bytes]:
    """Return every value of a cookie in ``Cookie`` headers (RFC 6265 §5.4), in order and as sent."""
    text = b";".join(headers)
    if name not in text:
        return []
    return [value.strip(_SPACE) for value in _cookie_pattern(name).findall(b";" + text)]


def urlencoded_values(data: bytes, name: bytes) -> list[bytes]:
    """Return every value of a field in a query or a form (WHATWG URL §5.1), decoded and in order.

    More than 16 values, or values with more than 4,096 percent signs between them, are returned as
    they were sent: no caller accepts them.
    """
    if not data:
        return []
    values: list[bytes] = _field_pattern(name).findall(b"&" + data)
    if len(values) > _MOST_VALUES or b"".join(values).count(b"%") > _MOST_ESCAPES:
        return values
    return [_decoded(value) for value in values]


def listed(text: bytes, word: bytes) -> list[int]:
    """Return where a word ends in a comma-separated list (RFC 9110 §5.6.1): its first two places."""
    if word not in text:
        return []
    found = islice(_word_pattern(word).finditer(b"," + text), 2)
    return [match.end() - 1 for match in found]


def _decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text


# The names come from the service's own settings, so these caches stay small. Each expression begins
# with its separator: the search for one byte is many times faster than for two alternatives.


@lru_cache(maxsize=64)
def _cookie_pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb";[ \t]*" + re.escape(name) + rb"[ \t]*(?:=([^;]*))?(?=;|\Z)")


@lru_cache(maxsize=64)
def _field_pattern(name: bytes) -> re.Pattern[bytes]:
    letters = b"".join(_encoded(letter) for letter in name)
    return re.compile(b"&" + letters + rb"(?:=([^&]*))?(?=&|\Z)")


@lru_cache(maxsize=64)
def _word_pattern(word: bytes) -> re.Pattern[bytes]:
    return re.compile(rb",[ \t]*" + re.escape(word) + rb"[ \t]*(?=,|\Z)")


def _encoded(letter: int) -> bytes:
    """Return an expression for every way to write one byte of a name."""
    escape = b"%%(?i:%02x)" % letter
    plain = {
        ord(b"+"): [],  # which means a space
        ord(b" "): [rb"\+", rb"\ "],
        ord(b"%"): [b"%(?!" + _HEX + b")"],
    }.get(letter, [re.escape(bytes([letter]))])
    return b"(?:" + b"|".join([*plain, escape]) + b")"
