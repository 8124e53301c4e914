"""A browser for tests: it keeps cookies as RFC 6265 says, by the standard library's cookie jar."""

from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import Request

from tokenward.http import RequestView


class Answer:
    """A response, of which a cookie jar looks at the headers alone."""

    def __init__(self, cookies: tuple[str, ...]) -> None:
        """Take the values of its ``Set-Cookie`` headers."""
        self.message = Message()
        for cookie in cookies:
            self.message["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self.message


class Browser:
    """Keeps what it is told to keep, and sends what it has."""

    def __init__(self) -> None:
        """Start with no cookie."""
        # A cookie without Domain goes to its own host alone (RFC 6265 §5.4).
        host_only = DefaultCookiePolicy.DomainStrictNonDomain
        self.jar = CookieJar(DefaultCookiePolicy(strict_ns_domain=host_only))

    def receive(self, url: str, cookies: tuple[str, ...]) -> None:
        """Take cookies from an answer of this address, or refuse them."""
        for cookie in cookies:
            assert is_kept(cookie), cookie
        self.jar.extract_cookies(Answer(cookies), Request(url))  # noqa: S310 - sends nothing

    def names(self, url: str) -> list[str]:
        """Tell which cookies would be sent to this address."""
        sent = self.header(url)
        return [] if sent is None else sorted(each.partition("=")[0] for each in sent.split("; "))

    def request(self, url: str, *headers: tuple[bytes, bytes], method: str = "GET") -> RequestView:
        """Make the request that a browser would send to this address."""
        sent, host = self.header(url), Request(url).host  # noqa: S310 - the same
        own = [(b"host", host.encode())]
        if sent is not None:
            own.append((b"cookie", sent.encode()))
        return RequestView({"type": "http", "method": method, "headers": [*own, *headers]})

    def header(self, url: str) -> str | None:
        """Give the ``Cookie`` header for this address."""
        request = Request(url)  # noqa: S310 - the same
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie")


def attributes_of(cookie: str) -> dict[str, str]:
    """Give the attributes of a ``Set-Cookie`` value, as a browser splits them (RFC 6265 §5.2)."""
    pairs = [each.strip().partition("=") for each in cookie.split(";")[1:]]
    attributes = {name.lower(): value for name, _, value in pairs}
    assert len(attributes) == len(pairs), "an attribute stands twice"
    return attributes


def is_kept(cookie: str) -> bool:
    """Tell whether a browser keeps a cookie with its prefix (RFC 6265bis §5.7, steps 20 to 22)."""
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
