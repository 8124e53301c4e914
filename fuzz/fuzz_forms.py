"""The forms of the token endpoint (RFC 6749 §4.3 and §6): any request with any body."""

import json
from collections.abc import Iterator

from fuzz.harness import NOW, finished, fuzz, instrumented, run_in_loop
from fuzz.http_text import RequestText, fields_of, session_of

with instrumented(__name__):
    from tokenward import Claims, KeyRing, MemoryStore, TokenEngine
    from tokenward.http import AuthenticatedUser, RequestView, TokenEndpoint

_KEYS = KeyRing.from_secret(b"a secret of the fuzz targets, 32+ bytes")
_PASSWORD = "correct horse"  # noqa: S105 - of nobody
_SCOPES = ("orders:read", "orders:write")


def _engine() -> TokenEngine[Claims]:
    return TokenEngine(_KEYS, store=MemoryStore(), clock=lambda: NOW)


def _authenticate(username: str, password: str) -> AuthenticatedUser | None:
    if (username, password) != ("alice", _PASSWORD):
        return None
    return AuthenticatedUser(username, scopes=_SCOPES)


_SESSION = session_of(_engine())
_ENGINE = _engine()


def check(data: bytes) -> None:
    """Send a form to the endpoint, and compare the decision with a second reading of the form."""
    request = RequestText.parse(_SESSION.fill(data))
    fields = fields_of(request.body)
    # A new store, in which no refresh token has been used.
    engine = _engine() if _SESSION.refresh.decode() in str(fields) else _ENGINE
    endpoint = TokenEndpoint(engine, _authenticate)
    response = run_in_loop(endpoint.respond(RequestView(request.scope, request.read_body)))

    members = json.loads(response.body)
    if response.status == 400:
        assert members.keys() <= {"error", "error_description", "code"}
        return
    assert response.status == 200, "The endpoint fails."

    why = _why_not(fields, members["scope"].split())
    assert why is None, f"A form is accepted: {why}."
    claims = finished(engine.decode(members["access_token"]))
    assert (claims.sub, claims.scope) == ("alice", members["scope"])


def _why_not(fields: dict[str, list[str]], granted: list[str]) -> str | None:
    if not set(granted) <= {*fields.get("scope", ["".join(_SCOPES)])[0].split(), *_SCOPES}:
        return "a scope that nobody has"
    if fields.get("grant_type") == ["password"]:
        is_right = (fields.get("username"), fields.get("password")) == (["alice"], [_PASSWORD])
        return None if is_right else "the password is wrong"
    if fields.get("grant_type") == ["refresh_token"]:
        is_right = fields.get("refresh_token") == [_SESSION.refresh.decode()]
        return None if is_right and granted == ["orders:read"] else "the refresh token is wrong"
    return "the grant type is wrong"


def seeds() -> Iterator[bytes]:
    """Return logins and refreshes, valid and invalid."""
    start = b"POST /token\nContent-Type: application/x-www-form-urlencoded\n"
    for form in (
        b"grant_type=password&username=alice&password=correct+horse",
        b"grant_type=password&username=alice&password=correct%20horse&scope=orders:read",
        b"grant_type=password&username=%FF&password=%00&scope=a",
        b"grant_type=password&grant_type=password&username=alice",
        b"grant_type=refresh_token&refresh_token={refresh}",
        b"grant_type=refresh_token&refresh_token={access}&scope=orders:read",
        b"grant_type=refresh_token&refresh_token={refresh}&scope=orders:write",
        b"grant_type=client_credentials",
    ):
        yield start + b"\n" + form
    yield start + b"Content-Length: 5\n\ngrant_type=password"
    yield b"POST /token\nContent-Type: multipart/form-data\n\ngrant_type=password"


if __name__ == "__main__":
    fuzz(check)
