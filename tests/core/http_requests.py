"""Helpers of the HTTP tests: requests without a framework."""

from tokenward.http import RequestView

FORM = b"application/x-www-form-urlencoded"


def view(*headers: tuple[bytes, bytes], body: bytes | None = None, **scope: object) -> RequestView:
    """Return the view of a request, by default a GET, with these headers and this body."""

    async def read() -> bytes:
        assert body is not None
        return body

    whole = {"type": "http", "method": "GET", "headers": list(headers), **scope}
    return RequestView(whole, None if body is None else read)


def socket(*headers: tuple[bytes, bytes], **scope: object) -> RequestView:
    """Return the view of a WebSocket handshake, which has no method."""
    return RequestView({"type": "websocket", "headers": list(headers), **scope})


def form(body: bytes, *headers: tuple[bytes, bytes]) -> RequestView:
    """Return the view of a POST with a urlencoded form, as sent by a browser."""
    length = str(len(body)).encode()
    kind = ((b"content-type", FORM), (b"content-length", length))
    return view(*kind, *headers, body=body, method="POST")
