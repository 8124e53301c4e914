"""Compares the ``htu`` of a proof with the URL of the request (RFC 9449 §4.3)."""

import re
from collections.abc import Collection
from typing import Final

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.http.documents import SERVICE_URL

__all__ = ["PublicUrls"]

# RFC 3986 §3.2 and §3.3, without user information. White space, control characters and everything
# outside of ASCII match nothing.
_URL: Final = re.compile(
    r"(?P<scheme>https?|wss?)://(?P<host>[a-z0-9._~%!$&'()*+,;=-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{0,5}))?(?P<path>/[a-z0-9._~%!$&'()*+,;=:@/-]*)?(?:[?#][!-~]*)?",
    re.IGNORECASE,
)
_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# The handshake of a WebSocket is a request for the http URL (RFC 6455 §4.1).
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_PORTS: Final = {"http": "80", "https": "443"}


class PublicUrls:
    """The URLs under which clients know a service.

    The ``Host`` header is never used: a service that receives a proof could send the proof on,
    together with its own name.
    """

    def __init__(self, urls: str | Collection[str]) -> None:
        """Take one or several URLs.

        Raises:
            ConfigurationError: there is none, or one is not https, or has a query or a fragment.
        """
        given = (urls,) if isinstance(urls, str) else urls
        if not isinstance(given, Collection) or not given:
            msg = f"public_url must be the URL of the service, not {kind_of(urls)}."
            raise ConfigurationError(msg)
        if not all(isinstance(each, str) and SERVICE_URL.fullmatch(each) for each in given):
            msg = (
                "public_url must be an https URL without query and fragment, as in "
                "'https://api.example'. Plain http is only for localhost."
            )
            raise ConfigurationError(msg)
        self.urls: tuple[str, ...] = tuple(each.rstrip("/") for each in given)
        """The URLs, without a slash at the end."""
        self._normalized = tuple(normalized_url(each).rstrip("/") for each in self.urls)

    def contain(self, htu: str, path: str) -> bool:
        """Whether a URL is that of a request to this service.

        Query and fragment of the URL are ignored. Scheme and host are compared without case, the
        default port and percent-encoding are normalized (RFC 3986 §6.2.2 and §6.2.3). Dot segments
        are not removed, because frameworks do not remove them from the path of the request either.

        Args:
            htu: the URL in the proof.
            path: the path of the request as the client sent it, percent-encoded and without query.
        """
        # Most clients send the normal form.
        if "#" not in path and any(htu == url + path for url in self.urls):
            return True

        found = normalized_url(htu)
        wanted = _normalized_path(path)
        return bool(found) and any(found == url + wanted for url in self._normalized)


def normalized_url(url: str) -> str:
    """Return a URL in its normal form, without query and fragment; empty if it is not valid."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return ""

    scheme = parts["scheme"].lower()
    scheme = _SCHEMES.get(scheme, scheme)
    port = (parts["port"] or "").lstrip("0")
    authority = _normalized_path(parts["host"]).lower()
    if port and port != _PORTS[scheme]:
        authority = f"{authority}:{port}"
    return f"{scheme}://{authority}{_normalized_path(parts['path'] or '/')}"


def _normalized_path(path: str) -> str:
    """Return a path with percent-encoding only where it is needed, in upper case."""
    return _PERCENT.sub(_normalized_octet, path) if "%" in path else path


def _normalized_octet(found: re.Match[str]) -> str:
    letter = chr(int(found[1], 16))
    return letter if letter in _UNRESERVED else found[0].upper()
