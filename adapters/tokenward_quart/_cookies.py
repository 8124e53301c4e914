"""Writes the cookies that the core rendered into a response of Quart."""

from quart import Response

from tokenward_quart._groups import check_kind

__all__ = ["add_cookies"]


def add_cookies(response: Response, cookies: tuple[str, ...]) -> None:
    """Add ``Set-Cookie`` headers to a response, and forbid caching it.

    Raises:
        TypeError: `response` is not a Response.
    """
    check_kind(response, Response, "Cookies need a Response: await make_response(...) returns one.")
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    response.headers["Cache-Control"] = "no-store"
