"""A browser for tests: it stores cookies as in RFC 6265, with the standard library's cookie jar."""

from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import Request

from tokenward.http import RequestView


class Answer:
    """A response with headers, as a cookie jar expects it."""

    def __init__(self, cookies: tuple[str, ...]) -> None:
        """Store the values of the ``Set-Cookie`` headers."""
        self.message = Message()
        for cookie in cookies:
            self.message["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self.message


class Browser:
    """Stores the cookies that it receives, and sends them."""

    def __init__(self) -> None:
        """Start without cookies."""
        # A cookie without Domain is sent only to its own host (RFC 6265 §5.4).
        host_only = DefaultCookiePolicy.DomainStrictNonDomain
        self.jar = CookieJar(DefaultCookiePolicy(strict_ns_domain=host_only))

    def receive(self, url: str, cookies: tuple[str, ...]) -> None:
        """Store or reject the cookies of a response from this URL."""
        for cookie in cookies:
            assert is_kept(cookie), cookie
        self.jar.extract_cookies(Answer(cookies), Request(url))  # noqa: S310 - sends nothing

    def names(self, url: str) -> list[str]:
        """Return the names of the cookies that the browser would send to this URL."""
        sent = self.header(url)
        return [] if sent is None else sorted(each.partition("=")[0] for each in sent.split("; "))

    def request(self, url: str, *headers: tuple[bytes, bytes], method: str = "GET") -> RequestView:
        """Return the request that the browser would send to this URL."""
        sent, host = self.header(url), Request(url).host  # noqa: S310 - the same
        own = [(b"host", host.encode())]
        if sent is not None:
            own.append((b"cookie", sent.encode()))
        return RequestView({"type": "http", "method": method, "headers": [*own, *headers]})

    def header(self, url: str) -> str | None:
        """Return the ``Cookie`` header for this URL."""
        request = Request(url)  # noqa: S310 - the same
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie")


def attributes_of(cookie: str) -> dict[str, str]:
    """Return the attributes of a ``Set-Cookie`` value, parsed as by a browser (RFC 6265 §5.2)."""
    pairs = [each.strip().partition("=") for each in cookie.split(";")[1:]]
    attributes = {name.lower(): value for name, _, value in pairs}
    assert len(attributes) == len(pairs), "an attribute stands twice"
    return attributes


def is_kept(cookie: str) -> bool:
    """Whether a browser stores a cookie with its prefix (RFC 6265bis §5.7, steps 20 to 22)."""
    attributes, name = attributes_of(cookie), cookie.lower()
    if "samesite" in attributes and attributes["samesite"] == "None" and "secure" not in attributes:
        return False
    if name.startswith("__secure-"):
        return "secure" in attributes
    if name.startswith("__host-"):
        return (
            "secure" in attributes and "domain" not in attributes and attributes.get("path") == "/"
        )
    return True
