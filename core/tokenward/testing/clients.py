"""Test clients of web frameworks, and how a test adds a header or a cookie to all their requests.

No framework is imported: a client is recognized by its methods.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Any, Final, Protocol, TypeAlias, cast
from urllib.request import Request

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.http.request import RequestView

__all__ = ["Prove", "SendingClient", "added_cookies", "client_for"]

Prove: TypeAlias = Callable[[str, str], str]
"""Returns the DPoP proof of a request, by its method and its path."""

_SENDING: Final = ("open", "request", "websocket")
"""The methods of Quart's client that send; each takes ``headers``."""


class SendingClient(Protocol):
    """What `signed_in` needs of a client."""

    def request_view(self) -> RequestView:
        """Return a request as the client would send it to the path ``/``."""
        ...

    def added_headers(self, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - a context manager
        """Add headers to each request in a block."""
        ...

    def added_token(self, authorization: str, prove: Prove) -> Any:  # noqa: ANN401 - as above
        """Add a token to each request in a block, with a new proof unless the request has its own."""
        ...

    @property
    def jar(self) -> CookieJar | None:
        """The cookies of the client; None if it keeps none."""
        ...

    @property
    def base_url(self) -> str:
        """The URL of the service."""
        ...


def client_for(client: object) -> SendingClient:
    """Return what `signed_in` needs of a client.

    Raises:
        TypeError: the kind of client is unknown.
    """
    if hasattr(client, "build_request") and hasattr(client, "headers"):
        return _HttpxClient(client)
    if hasattr(client, "cookie_jar") and all(hasattr(client, name) for name in _SENDING):
        return _QuartClient(client)
    msg = (
        f"client must be a test client of FastAPI, Starlette, Litestar or Quart, or an httpx client, "
        f"not {kind_of(client)}: pass TestClient(app) or app.test_client()."
    )
    raise TypeError(msg)


class _HttpxClient:
    """An httpx client, as the test clients of Starlette, FastAPI and Litestar are."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - httpx may be absent
        self._client = client

    def request_view(self) -> RequestView:
        request = self._client.build_request("GET", "/")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        return RequestView({"type": "http", "method": "GET", "headers": headers})

    @contextmanager
    def added_headers(self, headers: Mapping[str, str]) -> Iterator[None]:
        kept = cast("MutableMapping[str, str]", self._client.headers)
        before = {name: kept.get(name) for name in headers}
        kept.update(headers)
        try:
            yield
        finally:
            for name, value in before.items():
                kept.pop(name, None)
                if value is not None:
                    kept[name] = value

    @contextmanager
    def added_token(self, authorization: str, prove: Prove) -> Iterator[None]:
        made: set[str | None] = {None}

        def add_proof(request: Any) -> _Done:  # noqa: ANN401 - httpx may be absent
            headers = request.headers
            # A redirected request has the headers of the first one: the proof is replaced.
            if headers.get("Authorization") == authorization and headers.get("DPoP") in made:
                path = request.url.raw_path.partition(b"?")[0].decode()
                headers["DPoP"] = prove(request.method, path)
                made.add(headers["DPoP"])
            return _Done()

        hooks = self._client.event_hooks["request"]
        hooks.append(add_proof)
        try:
            with self.added_headers({"Authorization": authorization}):
                yield
        finally:
            hooks.remove(add_proof)

    @property
    def jar(self) -> CookieJar | None:
        return cast("CookieJar", self._client.cookies.jar)

    @property
    def base_url(self) -> str:
        return str(self._client.base_url)


class _Done:
    """What a hook of a client returns: the asynchronous client awaits it, the other ignores it."""

    def __await__(self) -> Generator[None, None, None]:
        return iter(())  # type: ignore[return-value] # an iterator is enough


class _QuartClient:
    """Quart's test client, which keeps no headers: they are added to each call."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the core imports no framework
        self._client = client

    def request_view(self) -> RequestView:
        return RequestView(self._client.request("/").scope)

    def added_headers(self, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        return self._changed(lambda _method, _path: headers)

    def added_token(self, authorization: str, prove: Prove) -> AbstractContextManager[None]:
        def headers_for(method: str, path: str) -> Mapping[str, str]:
            return {"Authorization": authorization, "DPoP": prove(method, path.partition("?")[0])}

        return self._changed(headers_for)

    @contextmanager
    def _changed(self, headers_for: Callable[[str, str], Mapping[str, str]]) -> Iterator[None]:
        attributes = vars(self._client)
        before = {name: attributes.get(name) for name in _SENDING}
        for name in _SENDING:
            attributes[name] = _with_headers(getattr(self._client, name), headers_for)
        try:
            yield
        finally:
            for name, method in before.items():
                del attributes[name]
                if method is not None:
                    attributes[name] = method

    @property
    def jar(self) -> CookieJar | None:
        return cast("CookieJar | None", self._client.cookie_jar)

    @property
    def base_url(self) -> str:
        (host,) = self.request_view().header_values(b"host")
        return f"http://{host.decode()}"


def _with_headers(
    method: Callable[..., Any], headers_for: Callable[[str, str], Mapping[str, str]]
) -> Callable[..., Any]:
    """Return a method of Quart's client that adds headers; those of the call win."""

    def send(path: str, *, headers: Any = None, **options: Any) -> Any:  # noqa: ANN401 - Quart's
        own = list(headers.items() if hasattr(headers, "items") else headers or ())
        names = {name.lower() for name, _ in own}
        added = headers_for(options.get("method", "GET"), path)
        extra = [(name, value) for name, value in added.items() if name.lower() not in names]
        return method(path, headers=[*own, *extra], **options)

    return send


@contextmanager
def added_cookies(client: SendingClient, set_cookie: tuple[str, ...]) -> Iterator[None]:
    """Keep cookies in a client during a block, as if the service had set them.

    Args:
        client: the client.
        set_cookie: the values of the ``Set-Cookie`` headers.

    Raises:
        ConfigurationError: the client keeps no cookies, or has no base URL.
    """
    jar, url = client.jar, client.base_url
    if jar is None or not url.startswith("http"):
        msg = "The client keeps no cookies: create it with a base_url and with cookies."
        raise ConfigurationError(msg)

    names = {each.partition("=")[0] for each in set_cookie}
    before = _take(jar, names)
    # The types of the standard library name http.client; the code uses these two methods.
    jar.extract_cookies(cast("Any", _Response(set_cookie)), Request(url))  # noqa: S310 - http or https
    try:
        yield
    finally:
        _take(jar, names)
        for cookie in before:
            jar.set_cookie(cookie)


class _Response:
    """A response with cookies, as `CookieJar` reads it."""

    def __init__(self, set_cookie: tuple[str, ...]) -> None:
        self._headers = Message()
        for value in set_cookie:
            self._headers["Set-Cookie"] = value

    def info(self) -> Message:
        return self._headers


def _take(jar: CookieJar, names: set[str]) -> list[Cookie]:
    """Remove the cookies with these names, and return them."""
    taken = [cookie for cookie in jar if cookie.name in names]
    for cookie in taken:
        jar.clear(cookie.domain, cookie.path, cookie.name)
    return taken
