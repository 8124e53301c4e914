"""Adds the cookies that the core rendered to a FastAPI response."""

from fastapi import Response

__all__ = ["add_cookies"]


def add_cookies(response: Response, cookies: tuple[str, ...]) -> None:
    """Add ``Set-Cookie`` headers to a response, and forbid caching it."""
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    response.headers["Cache-Control"] = "no-store"
