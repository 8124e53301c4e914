"""The steps of a walk: each sends a request, prints the response and compares it."""

import secrets
from dataclasses import dataclass, field

import httpx
import jwt

__all__ = ["USER", "Walk", "bearer", "forged"]

USER = {"username": "test", "password": "test"}


@dataclass
class Walk:
    """Sends the requests of a walk and counts the unexpected responses."""

    client: httpx.Client
    failures: int = field(default=0)

    def step(
        self,
        title: str,
        method: str,
        path: str,
        expected: tuple[int, str],
        *,
        token: str | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request, print the response, and compare its status and code."""
        sent = {**({} if token is None else bearer(token)), **(headers or {})}
        response = self.client.request(method, path, headers=sent, json=json)
        code = response.json().get("code", "") if response.content else ""
        is_expected = (response.status_code, code) == expected
        self.failures += not is_expected
        mark = "ok" if is_expected else f"EXPECTED {expected}"
        print(f"{title:<42} {method:<6} {path:<26} {response.status_code} {code:<22} {mark}")
        return response

    def expect(self, title: str, found: object, expected: object) -> None:
        """Compare a part of a response with the expected value."""
        is_expected = found == expected
        self.failures += not is_expected
        print(f"{title:<42} {found!r} {'ok' if is_expected else f'EXPECTED {expected!r}'}")


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def forged(token: str) -> str:
    """Return the token with another subject, signed with a key that is not the service's."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | {"sub": "admin"}, secrets.token_hex(32), algorithm="HS256")
