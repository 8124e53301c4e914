"""Fetches small documents over HTTPS from an untrusted server. Needs ``tokenward[jwks]``."""

import re
import ssl
import zlib
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

from tokenward.errors import ConfigurationError
from tokenward.keys.outages import UnusableResponseError

if TYPE_CHECKING:
    import httpx

__all__ = [
    "FetchedDocument",
    "Fetcher",
    "checked_url",
    "freshness_seconds",
    "is_loopback",
]

MAX_BYTES: Final = 1_048_576
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GZIP_WINDOW: Final = 31  # for zlib: with the header and checksum of gzip
_OK: Final = 200
_MAX_PORT: Final = 65_535
_SECONDS: Final = re.compile(r"[0-9]+")
# More digits are more seconds than any limit that is set here.
_MAX_DIGITS: Final = 9


class FetchedDocument(NamedTuple):
    """The body of a response, its media type, and for how long it may be cached."""

    body: bytes
    cache_control: str
    """Every value of ``Cache-Control``, joined by commas (RFC 9110 §5.3)."""
    age: str
    media_type: str
    """In lower case and without parameters; empty if the response has none."""


def checked_url(
    url: str,
    setting: str,
    *,
    allow_loopback: bool = True,
    plain_http_hosts: Collection[str] = (),
) -> "httpx.URL":
    """Return a URL of keys: https, or plain http to this machine or a host of your own network.

    The URL is checked as httpx parses it, because httpx connects to it.

    Args:
        url: the URL.
        setting: its name for errors, which never repeat the URL.
        allow_loopback: whether plain http to this machine, by its usual names, is accepted.
        plain_http_hosts: the other hosts to which plain http is accepted, checked and in lower case.

    Raises:
        ConfigurationError: the URL is not such a URL, has a user name or a fragment, or characters
            that are not printable ASCII, or is plain http to another host.
    """
    msg = f"{setting} must be an https URL without user name, password and fragment."
    # A name outside of ASCII must be written as it is resolved: xn--...
    is_plain = (
        isinstance(url, str)
        and re.fullmatch(r"[!-~]+", url)
        and not {*"#\\"} & {*url}
        # RFC 3986 §3.2: the authority, which may hold a user name, ends at the first slash or "?".
        and re.match(r"[a-zA-Z]+://[^/?@]+(?:[/?]|$)", url)
    )
    parsed = _parsed(url) if is_plain else None
    if parsed is None:
        raise ConfigurationError(msg)

    may_be_plain = parsed.host in plain_http_hosts or (allow_loopback and is_loopback(parsed))
    has_port = parsed.port is None or 0 < parsed.port <= _MAX_PORT
    is_allowed = parsed.scheme == "https" or (parsed.scheme == "http" and may_be_plain)
    if not (parsed.host and has_port and is_allowed):
        if parsed.scheme == "http":
            msg += " For plain http in your own network, add the host's name to plain_http_hosts."
        raise ConfigurationError(msg)
    return parsed


def is_loopback(url: "httpx.URL") -> bool:
    """Whether a URL is plain http to this machine, by one of its usual names."""
    return url.scheme == "http" and url.host in _LOOPBACK


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
    """Fetches a small document, without redirects.

    Unless you pass a client, each request has a new one: keys are fetched every few minutes, and an
    open connection would belong to one event loop.
    """

    def __init__(self, client: "httpx.AsyncClient | None", *, max_bytes: int = MAX_BYTES) -> None:
        """Take the client of the caller, and the maximum length of a response.

        Args:
            client: None: a new client for each request.
            max_bytes: of the body, after decompression.

        Raises:
            ConfigurationError: httpx is not installed.
        """
        self._client = client
        self._max_bytes = max_bytes
        # This reads the certificates from disk, so do it once, before requests wait for it.
        self._trust: ssl.SSLContext | None = (
            _httpx().create_ssl_context() if client is None else None
        )

    async def get(self, url: "httpx.URL") -> FetchedDocument:
        """Fetch a document; see `post` for the errors. The caller limits the time."""
        headers = {"Accept": "application/json, application/jwk-set+json"}
        return await self._send("GET", url, headers, None)

    async def post(
        self, url: "httpx.URL", headers: Mapping[str, str], content: bytes
    ) -> FetchedDocument:
        """Send a request with a body, and return the response. The caller limits the time.

        Raises:
            UnusableResponseError: the response is not 200, is too large, or has an encoding that
                was not requested.
            httpx.HTTPError: the server cannot be reached, or does not speak HTTP.
            zlib.error: the response is not gzip, although it says so.
        """
        return await self._send("POST", url, headers, content)

    async def _send(
        self, method: str, url: "httpx.URL", headers: Mapping[str, str], content: bytes | None
    ) -> FetchedDocument:
        async with self._open_client(url) as client:
            request = client.build_request(
                method, url, headers={**headers, "Accept-Encoding": "identity"}, content=content
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                return await _document_of(response, self._max_bytes)
            finally:
                await response.aclose()

    def _open_client(self, url: "httpx.URL") -> AbstractAsyncContextManager["httpx.AsyncClient"]:
        if self._client is not None:
            return nullcontext(self._client)
        # A proxy from the environment must not get requests to this machine.
        client: httpx.AsyncClient = _httpx().AsyncClient(
            verify=self._trust, trust_env=url.scheme == "https", timeout=None
        )
        return client


async def _document_of(response: "httpx.Response", max_bytes: int) -> FetchedDocument:
    if response.status_code != _OK:
        msg = f"The response has the status {response.status_code}, not 200."
        if response.has_redirect_location:
            msg += " Redirects are not followed: use the URL to which it redirects."
        raise UnusableResponseError(msg)
    return FetchedDocument(
        await _read(response, max_bytes),
        ",".join(response.headers.get_list("cache-control")),
        response.headers.get("age", "0"),
        response.headers.get("content-type", "").partition(";")[0].strip().lower(),
    )


async def _read(response: "httpx.Response", max_bytes: int) -> bytes:
    """Return the body. Some servers send gzip although it was not requested; it may be a bomb."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        msg = "The response is encoded (Content-Encoding), which was not requested."
        raise UnusableResponseError(msg)

    gzip = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    body = bytearray()
    # A transport in memory, as in tests, has already read and decoded the body.
    if response.is_stream_consumed:
        body += response.content
    else:
        async for raw in response.aiter_raw():
            # Decode only up to the limit, and one byte more to detect a larger body.
            body += raw if gzip is None else gzip.decompress(raw, max_bytes + 1 - len(body))
            if len(body) > max_bytes:
                break

    if len(body) > max_bytes:
        msg = f"The response has more than {max_bytes:,} bytes."
        raise UnusableResponseError(msg)
    return bytes(body)


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as exc:
        msg = "Fetching the keys of an issuer needs httpx: install Tokenward with its extra 'jwks'"
        raise ConfigurationError(msg) from exc
    return httpx
