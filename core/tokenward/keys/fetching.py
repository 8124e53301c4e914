"""Fetches small documents over HTTPS from an untrusted server. Needs ``tokenward[jwks]``."""

import re
import ssl
import zlib
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

from tokenward.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

__all__ = [
    "FetchedDocument",
    "Fetcher",
    "UnexpectedResponseError",
    "checked_url",
    "freshness_seconds",
]

MAX_BYTES: Final = 1_048_576
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GZIP_WINDOW: Final = 31  # for zlib: with the header and checksum of gzip
_OK: Final = 200
_MAX_PORT: Final = 65_535
_SECONDS: Final = re.compile(r"[0-9]+")
# More digits are more seconds than any limit that is set here.
_MAX_DIGITS: Final = 9


class UnexpectedResponseError(Exception):
    """The response is not 200, is too large, or has an encoding that was not requested."""


class FetchedDocument(NamedTuple):
    """The body of a response, and for how long it may be cached."""

    body: bytes
    cache_control: str
    """Every value of ``Cache-Control``, joined by commas (RFC 9110 §5.3)."""
    age: str


def checked_url(url: str, setting: str, *, allow_loopback: bool = True) -> "httpx.URL":
    """Return a URL of keys: https, or plain http to this machine by its usual names.

    The URL is checked as httpx parses it, because httpx connects to it.

    Args:
        url: the URL.
        setting: its name for errors, which never repeat the URL.
        allow_loopback: whether plain http to this machine is accepted.

    Raises:
        ConfigurationError: the URL is not such a URL, has a user name or a fragment, or characters
            that are not printable ASCII. Other names that resolve to this machine are refused.
    """
    msg = f"{setting} must be an https URL without user name, password and fragment."
    # A name outside of ASCII must be written as it is resolved: xn--...
    is_plain = isinstance(url, str) and re.fullmatch(r"[!-~]+", url) and not {*"#\\@"} & {*url}
    parsed = _parsed(url) if is_plain else None
    if parsed is None:
        raise ConfigurationError(msg)

    is_loopback = parsed.scheme == "http" and parsed.host in _LOOPBACK and allow_loopback
    has_port = parsed.port is None or 0 < parsed.port <= _MAX_PORT
    if not (parsed.host and has_port and (parsed.scheme == "https" or is_loopback)):
        raise ConfigurationError(msg)
    return parsed


def _parsed(url: str) -> "httpx.URL | None":
    """Return None for an invalid URL, because the parser's error would repeat parts of it."""
    installed = _httpx()
    try:
        parsed: httpx.URL = installed.URL(url)
        parsed.host.encode()  # raises for invalid punycode
    except (installed.InvalidURL, ValueError):
        return None
    return parsed


def freshness_seconds(document: FetchedDocument) -> float | None:
    """Return for how long a document may be cached (RFC 9111 §4.2.1); None: not specified.

    A malformed or negative value counts as zero; of several values, the smallest counts.
    """
    named = [part.partition("=") for part in document.cache_control.lower().split(",")]
    directives = [(name.strip(), value.strip().strip('"')) for name, _, value in named]
    if any(name in {"no-store", "no-cache"} for name, _ in directives):
        return 0

    ages = [_seconds(value) for name, value in directives if name == "max-age"]
    return max(0, min(ages) - _seconds(document.age)) if ages else None


def _seconds(digits: str) -> int:
    if not _SECONDS.fullmatch(digits):
        return 0
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


class Fetcher:
    """Fetches a document of at most 1 MiB, without redirects.

    Unless you pass a client, each request has a new one: keys are fetched every few minutes, and an
    open connection would belong to one event loop.
    """

    def __init__(self, client: "httpx.AsyncClient | None") -> None:
        """Take the client of the caller; None: a new client for each request.

        Raises:
            ConfigurationError: httpx is not installed.
        """
        self._client = client
        # This reads the certificates from disk, so do it once, before requests wait for it.
        self._trust: ssl.SSLContext | None = (
            _httpx().create_ssl_context() if client is None else None
        )

    async def get(self, url: "httpx.URL") -> FetchedDocument:
        """Fetch a document. The caller limits the time.

        Raises:
            UnexpectedResponseError: see there.
            httpx.HTTPError: the server cannot be reached, or does not speak HTTP.
        """
        if self._client is not None:
            return await _get(self._client, url)

        # A proxy from the environment must not get requests to this machine.
        async with _httpx().AsyncClient(
            verify=self._trust, trust_env=url.scheme == "https", timeout=None
        ) as client:
            return await _get(client, url)


async def _get(client: "httpx.AsyncClient", url: "httpx.URL") -> FetchedDocument:
    headers = {
        "Accept": "application/json, application/jwk-set+json",
        "Accept-Encoding": "identity",
    }
    async with client.stream("GET", url, headers=headers, follow_redirects=False) as response:
        if response.status_code != _OK:
            raise UnexpectedResponseError
        body = await _read(response)
        return FetchedDocument(
            body,
            ",".join(response.headers.get_list("cache-control")),
            response.headers.get("age", "0"),
        )


async def _read(response: "httpx.Response") -> bytes:
    """Return the body. Some servers send gzip although it was not requested; it may be a bomb."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise UnexpectedResponseError

    gzip = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    body = bytearray()
    # A transport in memory, as in tests, has already read and decoded the body.
    if response.is_stream_consumed:
        body += response.content
    else:
        async for raw in response.aiter_raw():
            # Decode only up to the limit, and one byte more to detect a larger body.
            body += raw if gzip is None else gzip.decompress(raw, MAX_BYTES + 1 - len(body))
            if len(body) > MAX_BYTES:
                break

    if len(body) > MAX_BYTES:
        raise UnexpectedResponseError
    return bytes(body)


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as exc:
        msg = "Fetching the keys of an issuer needs httpx: pip install 'tokenward[jwks]'"
        raise ConfigurationError(msg) from exc
    return httpx
