"""Walks the example over HTTP: a success of each kind, and a refusal of each kind.

It serves `fastapi_app` under a real uvicorn on a free port of the loopback, prints one line a step
(request, status, code), and exits with 1 where an answer is not the expected one.
"""

import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import jwt
import uvicorn

SECRET = secrets.token_hex(32)
START_SECONDS = 20.0


@contextmanager
def served() -> Iterator[str]:
    """Serve the example, and give its address."""
    os.environ["TOKENWARD_SECRET"] = SECRET
    server = uvicorn.Server(uvicorn.Config("fastapi_app:app", log_level="warning"))
    # Bound here and handed over, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                sys.exit("The server did not start.")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


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
    ) -> httpx.Response:
        """Send one request, print what came back, and hold it against what was expected."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self.client.request(method, path, headers=headers, json=json)
        code = answer.json().get("code", "") if answer.content else ""
        good = (answer.status_code, code) == expected
        self.failures += not good
        mark = "ok" if good else f"EXPECTED {expected}"
        print(f"{what:<42} {method:<6} {path:<18} {answer.status_code} {code:<22} {mark}")
        return answer

    def expect(self, what: str, found: object, expected: object) -> None:
        """Hold a part of an answer against what was expected."""
        good = found == expected
        self.failures += not good
        print(f"{what:<42} {found!r} {'ok' if good else f'EXPECTED {expected!r}'}")


def expired(token: str) -> str:
    """Sign the claims of a token again, with the service's own key, as long over."""
    claims = jwt.decode(token, options={"verify_signature": False})
    claims |= {"iat": claims["iat"] - 7200, "exp": claims["exp"] - 7200}
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"typ": "at+jwt"})


def forged(token: str) -> str:
    """Sign the claims of a token again, with a key that is not the service's."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | {"sub": "admin"}, secrets.token_hex(32), algorithm="HS256")


def walk(client: httpx.Client) -> int:
    """Go through everything; give the number of answers that were not as expected."""
    steps = Walk(client)
    user = {"username": "test", "password": "test"}
    wrong = {**user, "password": "wrong"}
    steps.step("a wrong password", "POST", "/login", (401, ""), json=wrong)
    pair = steps.step("log in", "POST", "/login", (200, ""), json=user).json()
    access, refresh = pair["access_token"], pair["refresh_token"]

    read = steps.step("the additional claims", "GET", "/claims", (200, ""), token=access)
    steps.expect("  which are", read.json(), {"foo": ["fiz", "baz"]})
    steps.step("a scope that the token has", "GET", "/orders", (200, ""), token=access)

    steps.step("no token", "GET", "/claims", (401, "token_missing"))
    bad, old = forged(access), expired(access)
    steps.step("a forged token", "GET", "/claims", (401, "signature_invalid"), token=bad)
    steps.step("an expired token", "GET", "/claims", (401, "token_expired"), token=old)
    mistaken = (401, "token_type_invalid")
    steps.step("a refresh token on an access route", "GET", "/claims", mistaken, token=refresh)
    too_little = (403, "insufficient_scope")
    steps.step("a scope that the token lacks", "DELETE", "/orders", too_little, token=access)

    body = {"refresh_token": refresh}
    pair = steps.step("refresh", "POST", "/refresh", (200, ""), json=body).json()
    steps.step("the new token", "GET", "/claims", (200, ""), token=pair["access_token"])
    steps.step("log out", "POST", "/logout", (200, ""), token=pair["access_token"])
    revoked = (401, "token_revoked")
    steps.step("try again", "GET", "/claims", revoked, token=pair["access_token"])
    steps.step("with the older token of the session", "GET", "/claims", revoked, token=access)
    body = {"refresh_token": pair["refresh_token"]}
    steps.step("refresh again", "POST", "/refresh", revoked, json=body)
    walk_sessions(steps)
    return steps.failures


def walk_sessions(steps: Walk) -> None:
    """Log in from two devices, replay a refresh token, log one out, log all out."""
    user = {"username": "test", "password": "test"}
    devices = ("the laptop", "the phone", "the tablet")
    laptop, phone, tablet = (
        steps.step(f"log in on {device}", "POST", "/login", (200, ""), json=user).json()
        for device in devices
    )
    used = {"refresh_token": tablet["refresh_token"]}
    tablet = steps.step("refresh the tablet's", "POST", "/refresh", (200, ""), json=used).json()
    reused = (401, "refresh_token_reused")
    steps.step("a thief uses the old one again", "POST", "/refresh", reused, json=used)
    revoked = (401, "token_revoked")
    token = tablet["access_token"]
    steps.step("which has ended that session", "GET", "/claims", revoked, token=token)
    token = laptop["access_token"]
    steps.step("log the laptop out", "POST", "/logout", (200, ""), token=token)
    steps.step("the laptop", "GET", "/claims", revoked, token=token)
    token = phone["access_token"]
    steps.step("the phone", "GET", "/claims", (200, ""), token=token)
    steps.step("log out everywhere", "POST", "/logout/everywhere", (200, ""), token=token)
    steps.step("the phone", "GET", "/claims", revoked, token=token)
    again = steps.step("log in again at once", "POST", "/login", (200, ""), json=user).json()
    steps.step("the new token", "GET", "/claims", (200, ""), token=again["access_token"])


def main() -> None:
    """Serve, walk, and say how it went."""
    with served() as address, httpx.Client(base_url=address, timeout=10) as client:
        failures = walk(client)
    if failures:
        sys.exit(f"{failures} answers were not as expected.")
    print("Every answer was as expected.")


if __name__ == "__main__":
    main()
