"""The OAuth 2.0 password flow in OpenAPI documents."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.tokens.arguments import checked_scope

__all__ = ["password_flow"]

_URL: Final = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")  # RFC 3986 §2


def password_flow(
    token_url: str | None, scopes: Mapping[str, str] | None
) -> dict[str, JsonValue] | None:
    """Return the OAuth Flow Object of the password flow (OpenAPI 3.1 §4.8.29); None without a URL.

    Raises:
        ConfigurationError, TypeError: an argument is invalid.
    """
    if scopes is not None and not isinstance(scopes, Mapping):
        msg = (
            f"scopes must be a dict with descriptions, not {kind_of(scopes)}: write "
            "scopes={'orders:read': 'Read orders'}."
        )
        raise ConfigurationError(msg)

    descriptions = dict(scopes or {})
    checked_scope(descriptions)
    if not all(isinstance(description, str) for description in descriptions.values()):
        msg = (
            "Each description of a scope must be text, as in scopes={'orders:read': 'Read orders'}."
        )
        raise ConfigurationError(msg)

    if token_url is None:
        if scopes is None:
            return None
        msg = "scopes are for the password flow: pass token_url as well, as in token_url='/token'."
        raise ConfigurationError(msg)

    if not isinstance(token_url, str) or not _URL.fullmatch(token_url):
        msg = "token_url must be a URL without spaces, as in token_url='/token'."
        raise ConfigurationError(msg)
    return {"tokenUrl": token_url, "scopes": {**descriptions}}
