"""Who calls an endpoint: credentials of HTTP Basic (RFC 6749 §2.3.1)."""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Collection, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from tokenward._arguments import refuse
from tokenward.http.request import RequestView

__all__ = ["AuthenticateCaller", "ClientSecrets"]

AuthenticateCaller: TypeAlias = Callable[[RequestView], Awaitable[str | None] | str | None]
"""Returns the name of the caller of an endpoint; None: the caller is unknown."""

_SHORTEST_SECRET: Final = 16
_MAX_BYTES: Final = 4_096
_SCHEME: Final = b"basic"


class ClientSecrets:
    """Callers that each have a name and a password, for HTTP Basic.

    ::

        IntrospectionEndpoint(engine, ClientSecrets({"orders-api": os.environ["ORDERS_SECRET"]}))
    """

    def __init__(self, secrets: Mapping[str, str | Collection[str]]) -> None:
        """Take the passwords by the names of their callers; several, to replace one by another.

        Raises:
            ConfigurationError: there is no caller, or a password has less than 16 characters.
        """
        if not isinstance(secrets, Mapping) or not secrets:
            refuse("ClientSecrets needs a mapping of names to passwords, and at least one.")
        self._digests: dict[str, tuple[bytes, ...]] = {}
        for name, given in secrets.items():
            several = (given,) if isinstance(given, str) else tuple(given)
            are_fine = several and all(
                isinstance(each, str) and len(each) >= _SHORTEST_SECRET for each in several
            )
            if not isinstance(name, str) or not name or not are_fine:
                refuse(
                    f"Each caller needs a name and a password of at least {_SHORTEST_SECRET} characters."
                )
            self._digests[name] = tuple(sha256(each.encode()).digest() for each in several)

    def __call__(self, request: RequestView) -> str | None:
        """Return the name of the caller; None: there are no credentials, or they are wrong."""
        credentials = _credentials_of(request)
        if credentials is None:
            return None
        name, secret = credentials
        digest = sha256(secret).digest()
        # Compared in full, so that the time says nothing about how much is right.
        matches = [compare_digest(digest, each) for each in self._digests.get(name, ())]
        return name if any(matches) else None

    def __repr__(self) -> str:
        """Show the number of callers."""
        return f"ClientSecrets({len(self._digests)})"


def _credentials_of(request: RequestView) -> tuple[str, bytes] | None:
    values = request.header_values(b"authorization")
    if len(values) != 1 or len(values[0]) > _MAX_BYTES:
        return None
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != _SCHEME:
        return None
    try:
        name, separator, secret = b64decode(encoded.strip(b" "), validate=True).partition(b":")
        # RFC 6749 §2.3.1: both are encoded as in a form, before HTTP Basic encodes them.
        return (_decoded(name).decode(), _decoded(secret)) if separator else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _decoded(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))
