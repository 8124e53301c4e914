"""Cookies that the core has written, in Litestar's own response."""

from typing import Any, Final

from litestar import Response
from litestar.datastructures import Cookie

__all__ = ["add_cookies"]

_CACHING: Final = "cache-control"


class _WrittenCookie(Cookie):
    """A cookie that is sent as it was written: every adapter sends the same bytes."""

    def __init__(self, text: str) -> None:
        name, _, _ = text.partition("=")
        super().__init__(key=name)
        self._text = text

    def to_header(self, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 - Litestar's own
        return self._text


def add_cookies(response: Response[Any], cookies: tuple[str, ...]) -> None:
    """Add ``Set-Cookie`` headers, and have no cache keep them."""
    response.cookies += [_WrittenCookie(text) for text in cookies]
    others = {key: value for key, value in response.headers.items() if key.lower() != _CACHING}
    response.headers = {**others, _CACHING: "no-store"}
