"""What the tests of HTTP share: requests without a framework."""

from tokenward.http import RequestView

FORM = b"application/x-www-form-urlencoded"


def view(*headers: tuple[bytes, bytes], body: bytes | None = None, **scope: object) -> RequestView:
    """Make the view of a request, a GET by default, with these headers and this body."""

    async def read() -> bytes:
        assert body is not None
        return body

    whole = {"type": "http", "method": "GET", "headers": list(headers), **scope}
    return RequestView(whole, None if body is None else read)


def socket(*headers: tuple[bytes, bytes], **scope: object) -> RequestView:
    """Make the view of the opening handshake of a WebSocket, which has no method."""
    return RequestView({"type": "websocket", "headers": list(headers), **scope})


def form(body: bytes, *headers: tuple[bytes, bytes]) -> RequestView:
    """Make the view of a POST with an urlencoded form, as a browser sends it."""
    length = str(len(body)).encode()
    kind = ((b"content-type", FORM), (b"content-length", length))
    return view(*kind, *headers, body=body, method="POST")
