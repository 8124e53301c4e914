"""Adds the cookies that the core rendered to a Quart response."""

from quart import Response

from tokenward_quart._arguments import check_type

__all__ = ["add_cookies"]


def add_cookies(response: Response, cookies: tuple[str, ...]) -> None:
    """Add ``Set-Cookie`` headers to a response, and forbid caching it.

    Raises:
        TypeError: `response` is not a Response.
    """
    check_type(
        response, Response, "Cookies need a Response: create it with await make_response(...)."
    )
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    response.headers["Cache-Control"] = "no-store"
