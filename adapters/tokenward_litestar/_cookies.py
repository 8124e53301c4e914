"""Adds the cookies that the core rendered to a Litestar response."""

from typing import Any, Final

from litestar import Response
from litestar.datastructures import Cookie

__all__ = ["add_cookies"]

_CACHE_CONTROL: Final = "cache-control"


class _RenderedCookie(Cookie):
    """A cookie that is sent exactly as rendered, so that every adapter sends the same bytes."""

    def __init__(self, text: str) -> None:
        name, _, _ = text.partition("=")
        super().__init__(key=name)
        self._text = text

    def to_header(self, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 - Litestar's signature
        return self._text


def add_cookies(response: Response[Any], cookies: tuple[str, ...]) -> None:
    """Add ``Set-Cookie`` headers to a response, and forbid caching it."""
    response.cookies += [_RenderedCookie(text) for text in cookies]
    others = {
        key: value for key, value in response.headers.items() if key.lower() != _CACHE_CONTROL
    }
    response.headers = {**others, _CACHE_CONTROL: "no-store"}
