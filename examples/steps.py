"""The steps of a walk: requests that are sent, printed, and held against what was expected."""

import secrets
from dataclasses import dataclass, field

import httpx
import jwt

__all__ = ["USER", "Walk", "bearer", "forged"]

USER = {"username": "test", "password": "test"}


@dataclass
class Walk:
    """The steps, one after the other, and how many went wrong."""

    client: httpx.Client
    failures: int = field(default=0)

    def step(
        self,
        what: str,
        method: str,
        path: str,
        expected: tuple[int, str],
        *,
        token: str | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request, print what came back, and hold it against what was expected."""
        sent = {**({} if token is None else bearer(token)), **(headers or {})}
        answer = self.client.request(method, path, headers=sent, json=json)
        code = answer.json().get("code", "") if answer.content else ""
        good = (answer.status_code, code) == expected
        self.failures += not good
        mark = "ok" if good else f"EXPECTED {expected}"
        print(f"{what:<42} {method:<6} {path:<26} {answer.status_code} {code:<22} {mark}")
        return answer

    def expect(self, what: str, found: object, expected: object) -> None:
        """Hold a part of an answer against what was expected."""
        good = found == expected
        self.failures += not good
        print(f"{what:<42} {found!r} {'ok' if good else f'EXPECTED {expected!r}'}")


def bearer(token: str) -> dict[str, str]:
    """Give the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def forged(token: str) -> str:
    """Sign the claims of a token again, with a key that is not the service's."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | {"sub": "admin"}, secrets.token_hex(32), algorithm="HS256")
