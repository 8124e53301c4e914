"""Where a remote key set comes from: a URL, or the metadata of an issuer that names the URL."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from tokenward.keys.discovery import jwks_url
from tokenward.keys.fetching import FetchedDocument, Fetcher, checked_url, is_loopback
from tokenward.keys.remote_options import checked_hosts

if TYPE_CHECKING:
    import httpx

__all__ = ["KeyFetch", "RemoteSource"]


class KeyFetch(NamedTuple):
    """A fetch of remote keys that has ended."""

    seconds: float
    """How long it took."""
    error: Exception | None
    """Why there are no new keys; None: there are. Its text may contain URLs."""


class RemoteSource:
    """Fetches the document with the keys."""

    def __init__(
        self, url: str, *, client: "httpx.AsyncClient | None", plain_http_hosts: Collection[str]
    ) -> None:
        """Check the URL; nothing is fetched.

        Raises:
            ConfigurationError: httpx is not installed, or an argument is invalid.
        """
        self.issuer: str | None = None
        """The issuer whose metadata is at the URL; None: the keys themselves are there."""
        self._hosts = checked_hosts(plain_http_hosts)
        self._url = checked_url(url, "url", plain_http_hosts=self._hosts)
        self._fetcher = Fetcher(client)

    async def fetch(self) -> FetchedDocument:
        """Return the document with the keys. The caller limits the time.

        Raises:
            UnusableResponseError: a response is not what was requested; see `Fetcher.get`.
            ConfigurationError: the URL in the metadata is not one that `checked_url` accepts.
            httpx.HTTPError: the server cannot be reached, or does not speak HTTP.
        """
        document = await self._fetcher.get(self._url)
        if self.issuer is None:
            return document

        is_local = is_loopback(self._url)
        url = jwks_url(
            document.body, self.issuer, allow_loopback=is_local, plain_http_hosts=self._hosts
        )
        return await self._fetcher.get(url)
