"""Fetches small documents over HTTPS from a server that is not trusted. Needs ``tokenward[jwks]``."""

import re
import ssl
import zlib
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

from tokenward.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Fetcher", "UnexpectedAnswerError", "checked_url", "freshness_seconds"]

MAX_BYTES: Final = 1_048_576
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GZIP_WINDOW: Final = 31  # of zlib: gzip's own header and checksum
_OK: Final = 200
_MAX_PORT: Final = 65_535
_SECONDS: Final = re.compile(r"[0-9]+")
# Seconds of more digits than this are longer than any bound that is set here.
_MAX_DIGITS: Final = 9


class UnexpectedAnswerError(Exception):
    """The server answered: not with 200, too much, or in an encoding that was not asked for."""


class Answer(NamedTuple):
    """What was answered with 200."""

    body: bytes
    cache_control: str
    """Every value of ``Cache-Control``, joined by commas (RFC 9110 §5.3)."""
    age: str


def checked_url(url: str, setting: str, *, allow_loopback: bool = True) -> "httpx.URL":
    """Read an address of keys: https, or plain http to this machine itself, called by its name.

    Judged is what httpx will connect to, and not another reading of the same text.

    Args:
        url: the address.
        setting: what to call it in an error, which does not repeat it.
        allow_loopback: whether plain http may be meant at all.

    Raises:
        ConfigurationError: it is no such address, has a user name or a fragment, or holds letters
            that are not printable ASCII. Names that merely resolve to this machine are refused.
    """
    msg = f"{setting} must be an https URL without user name, password and fragment."
    # A name outside ASCII is to be written as it is asked for: xn--...
    is_plain = isinstance(url, str) and re.fullmatch(r"[!-~]+", url) and not {*"#\\@"} & {*url}
    parsed = _parsed(url) if is_plain else None
    # Raised outside the handler of the parser's error, which repeats parts of the address.
    if parsed is None:
        raise ConfigurationError(msg)
    is_loopback = parsed.scheme == "http" and parsed.host in _LOOPBACK and allow_loopback
    has_port = parsed.port is None or 0 < parsed.port <= _MAX_PORT
    if not (parsed.host and has_port and (parsed.scheme == "https" or is_loopback)):
        raise ConfigurationError(msg)
    return parsed


def _parsed(url: str) -> "httpx.URL | None":
    installed = _httpx()
    try:
        parsed: httpx.URL = installed.URL(url)
        parsed.host.encode()  # decodes a name in punycode
    except (installed.InvalidURL, ValueError):
        return None
    return parsed


def freshness_seconds(answer: Answer) -> float | None:
    """Tell for how long an answer may be kept (RFC 9111 §4.2.1); None: it does not say.

    What is malformed, negative, or said twice and differently counts as zero or as the least of
    it, never as more.
    """
    named = [part.partition("=") for part in answer.cache_control.lower().split(",")]
    directives = [(name.strip(), value.strip().strip('"')) for name, _, value in named]
    if any(name in {"no-store", "no-cache"} for name, _ in directives):
        return 0
    ages = [_seconds(value) for name, value in directives if name == "max-age"]
    return max(0, min(ages) - _seconds(answer.age)) if ages else None


def _seconds(digits: str) -> int:
    if not _SECONDS.fullmatch(digits):
        return 0
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


class Fetcher:
    """Gets a document: no redirect, no more than 1 MiB, all of it in one span of time.

    Its own client lives for one request: keys are fetched every few minutes, and connections that
    are kept would belong to one event loop.
    """

    def __init__(self, client: "httpx.AsyncClient | None") -> None:
        """Take the user's client, or None for one of its own.

        Raises:
            ConfigurationError: httpx is not installed.
        """
        self._client = client
        # Reads the certificates from disk, so not while requests wait. It belongs to no loop.
        self._trust: ssl.SSLContext | None = (
            _httpx().create_ssl_context() if client is None else None
        )

    async def get(self, url: "httpx.URL") -> Answer:
        """Get a document. The caller bounds the time.

        Raises:
            UnexpectedAnswerError: see there.
            httpx.HTTPError: the server cannot be reached, or does not speak HTTP.
        """
        if self._client is not None:
            return await _get(self._client, url)
        # A proxy of the environment is not given what is meant for this machine.
        async with _httpx().AsyncClient(
            verify=self._trust, trust_env=url.scheme == "https", timeout=None
        ) as client:
            return await _get(client, url)


async def _get(client: "httpx.AsyncClient", url: "httpx.URL") -> Answer:
    headers = {
        "Accept": "application/json, application/jwk-set+json",
        "Accept-Encoding": "identity",
    }
    async with client.stream("GET", url, headers=headers, follow_redirects=False) as response:
        if response.status_code != _OK:
            raise UnexpectedAnswerError
        body = await _read(response)
        return Answer(
            body,
            ",".join(response.headers.get_list("cache-control")),
            response.headers.get("age", "0"),
        )


async def _read(response: "httpx.Response") -> bytes:
    """Read a body; some servers send gzip whatever they are asked for, and it may be a bomb."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise UnexpectedAnswerError
    gzip = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    body = bytearray()
    # A transport that answers from memory, as in tests, has read and decoded it already.
    if response.is_stream_consumed:
        body += response.content
    else:
        async for raw in response.aiter_raw():
            # No more is decoded than is still allowed, and one byte to tell that there is more.
            body += raw if gzip is None else gzip.decompress(raw, MAX_BYTES + 1 - len(body))
            if len(body) > MAX_BYTES:
                break
    if len(body) > MAX_BYTES:
        raise UnexpectedAnswerError
    return bytes(body)


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as exc:
        msg = "Keys of another issuer need httpx: pip install 'tokenward[jwks]'"
        raise ConfigurationError(msg) from exc
    return httpx
