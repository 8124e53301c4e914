"""Walk through the examples over HTTPS: each kind of success and each kind of refusal.

``demo.py [fastapi] [litestar] [quart] [authjwt] [mcp]`` serves each named example (by default all) with
uvicorn on a free port of this machine and prints one line for each step: request, status, code. It
exits with 1 if a response is not the expected one. ``demo.py --serve fastapi`` serves one example
for your browser until you press Ctrl-C.
"""

import argparse
import asyncio
import logging
import sys
import threading

import httpx
import jwt
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from authjwt_walk import walk_authjwt
from browser_page import BrowserPage
from serving import EXAMPLES, FRAMEWORKS, Site, app_of, served
from shop import SECRET
from steps import USER, Walk, bearer, forged


def expired(token: str) -> str:
    """Return the token with its times two hours earlier, signed with the service's key."""
    claims = jwt.decode(token, options={"verify_signature": False})
    claims |= {"iat": claims["iat"] - 7200, "exp": claims["exp"] - 7200}
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"typ": "at+jwt"})


def walk_tokens(steps: Walk) -> None:
    """Log in, use and misuse the tokens, refresh them, and log out."""
    wrong = {**USER, "password": "wrong"}
    steps.step("a wrong password", "POST", "/login", (401, "bad_password"), json=wrong)
    login = steps.step("log in", "POST", "/login", (200, ""), json=USER)
    steps.expect("  which no cache may store", login.headers["Cache-Control"], "no-store")
    pair = login.json()
    access, refresh = pair["access_token"], pair["refresh_token"]

    read = steps.step("the additional claims", "GET", "/claims", (200, ""), token=access)
    steps.expect("  their values", read.json(), {"foo": ["fiz", "baz"]})
    steps.step("a scope that the token has", "GET", "/orders", (200, ""), token=access)

    steps.step("no token", "GET", "/claims", (401, "token_missing"))
    bad, old = forged(access), expired(access)
    steps.step("a forged token", "GET", "/claims", (401, "signature_invalid"), token=bad)
    steps.step("an expired token", "GET", "/claims", (401, "token_expired"), token=old)
    wrong_type = (401, "token_type_invalid")
    steps.step("a refresh token on an access route", "GET", "/claims", wrong_type, token=refresh)
    missing_scope = (403, "insufficient_scope")
    steps.step("a scope that the token lacks", "DELETE", "/orders", missing_scope, token=access)

    renewal = steps.step("refresh", "POST", "/refresh", (200, ""), token=refresh)
    steps.expect("  which no cache may store", renewal.headers["Cache-Control"], "no-store")
    pair = renewal.json()
    steps.step("the new token", "GET", "/claims", (200, ""), token=pair["access_token"])
    token, refresh = pair["access_token"], pair["refresh_token"]
    steps.step("an access token cannot log out", "POST", "/session/logout", wrong_type, token=token)
    steps.step("log out", "POST", "/session/logout", (200, ""), token=refresh)
    revoked = (401, "token_revoked")
    steps.step("the access token", "GET", "/claims", revoked, token=pair["access_token"])
    steps.step("the older token of the session", "GET", "/claims", revoked, token=access)
    steps.step("refresh again", "POST", "/refresh", revoked, token=refresh)


def walk_sessions(steps: Walk) -> None:
    """Log in on three devices, reuse refresh tokens, log one device out, then all of them."""
    devices = ("the laptop", "the phone", "the tablet")
    laptop, phone, tablet = (
        steps.step(f"log in on {device}", "POST", "/login", (200, ""), json=USER).json()
        for device in devices
    )
    used = tablet["refresh_token"]
    pair = steps.step("refresh on the tablet", "POST", "/refresh", (200, ""), token=used).json()
    again = steps.step(
        "the same refresh token in a second tab", "POST", "/refresh", (200, ""), token=used
    ).json()
    steps.expect("  which receives the same pair", again == pair, expected=True)
    newer = pair["refresh_token"]
    tablet = steps.step("refresh once more", "POST", "/refresh", (200, ""), token=newer).json()
    late = (401, "refresh_token_superseded")
    steps.step("the oldest one in a third tab", "POST", "/refresh", late, token=used)
    token = tablet["access_token"]
    steps.step("the session continues", "GET", "/claims", (200, ""), token=token)
    revoked = (401, "token_revoked")
    token = laptop["refresh_token"]
    steps.step("log the laptop out", "POST", "/session/logout", (200, ""), token=token)
    token = laptop["access_token"]
    steps.step("the laptop", "GET", "/claims", revoked, token=token)
    token = phone["access_token"]
    steps.step("the phone", "GET", "/claims", (200, ""), token=token)
    everywhere = "/session/logout/everywhere"
    token = phone["refresh_token"]
    steps.step("log out everywhere", "POST", everywhere, (200, ""), token=token)
    token = phone["access_token"]
    steps.step("the phone", "GET", "/claims", revoked, token=token)
    again = steps.step("log in again at once", "POST", "/login", (200, ""), json=USER).json()
    steps.step("the new token", "GET", "/claims", (200, ""), token=again["access_token"])


def walk_devices(steps: Walk) -> None:
    """Log in on two devices with names, list them on one, and end the session of the other."""
    laptop, phone = (
        steps.step(
            f"log in on {name}", "POST", "/login", (200, ""), json={**USER, "device": name}
        ).json()["access_token"]
        for name in ("a laptop", "a lost phone")
    )
    listed = steps.step("list the devices", "GET", "/devices", (200, ""), token=laptop).json()
    lost, current = listed["devices"][:2]  # the newest first
    seen = [(each["label"], each["is_current"]) for each in (lost, current)]
    steps.expect("  the two newest", seen, [("a lost phone", False), ("a laptop", True)])
    path = f"/devices/{lost['session']}"
    ended = steps.step("end the session of the phone", "DELETE", path, (200, ""), token=laptop)
    steps.expect("  whose session was open", ended.json(), {"ended": True})
    again = steps.step("end it again", "DELETE", path, (200, ""), token=laptop)
    steps.expect("  which ends nothing", again.json(), {"ended": False})
    steps.step("the phone", "GET", "/claims", (401, "token_revoked"), token=phone)
    steps.step("the laptop", "GET", "/claims", (200, ""), token=laptop)


def walk_cookies(steps: Walk) -> None:
    """Act like a browser: log in, read, post with and without CSRF token, refresh, log out."""
    jar = steps.client.cookies
    login = steps.step("log in as a browser", "POST", "/session", (200, ""), json=USER)
    steps.expect("  whose body has no token", list(login.json()), ["detail"])
    steps.step("a cookie instead of a header", "GET", "/orders", (200, ""))

    csrf = {"X-CSRF-Token": jar["__Host-csrf_token"]}
    steps.step("post without a CSRF token", "POST", "/orders", (403, "csrf_missing"))
    wrong = {"X-CSRF-Token": "wrong"}
    steps.step(
        "post with a wrong CSRF token", "POST", "/orders", (403, "csrf_mismatch"), headers=wrong
    )
    steps.step("post with the session's CSRF token", "POST", "/orders", (200, ""), headers=csrf)
    foreign = {**csrf, "Origin": "https://elsewhere.example"}
    refused = (403, "origin_not_allowed")
    steps.step("post from another site's page", "POST", "/orders", refused, headers=foreign)

    before = dict(jar)
    steps.step("refresh by cookie", "POST", "/session/refresh", (200, ""), headers=csrf)
    changed = sorted(name for name, value in jar.items() if value != before[name])
    rotated = ["__Host-access_token", "__Secure-refresh_token"]
    steps.expect("  which replaces", changed, rotated)
    jar.delete("__Host-access_token")
    steps.step("without the access token", "GET", "/orders", (401, "token_missing"))
    steps.step(
        "log out with the refresh cookie", "POST", "/session/logout", (200, ""), headers=csrf
    )
    steps.expect("  the remaining cookies", list(jar), [])
    steps.step("read after the logout", "GET", "/orders", (401, "token_missing"))
    steps.step(
        "a login from another site's page", "POST", "/session", refused, json=USER, headers=foreign
    )


async def walk_websocket(steps: Walk, site: Site) -> None:
    """Open a WebSocket and end its session with another request.

    The steps may block this event loop: the server runs in another thread, with another loop.
    """
    pair = steps.step("log in", "POST", "/login", (200, ""), json=USER).json()
    async with asyncio.timeout(30):
        async with websockets.asyncio.client.connect(
            f"wss://localhost:{site.port}/ws",
            ssl=site.tls,
            additional_headers=bearer(pair["access_token"]),
        ) as socket:
            await socket.send("hello")
            steps.expect("a WebSocket that echoes", await socket.recv(), "hello")
            token = pair["refresh_token"]
            steps.step("log out", "POST", "/session/logout", (200, ""), token=token)
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                frame = closed.rcvd
                reported = None if frame is None else (frame.code, frame.reason)
                steps.expect("  which closes the WebSocket", reported, (1008, "token_revoked"))


def walk(example: str) -> int:
    """Serve an example, take every step, and return the number of unexpected responses."""
    if example == "mcp":
        # Imported here: the MCP SDK takes a second, and the others do not need it.
        from mcp_walk import walk_mcp

        return walk_mcp()
    return walk_authjwt() if example == "authjwt" else walk_shop(example)


def walk_shop(framework: str) -> int:
    """Serve the shop in one framework and return the number of unexpected responses."""
    print(f"\n{framework}\n{'-' * len(framework)}")
    with (
        served(app_of(framework)) as site,
        httpx.Client(base_url=site.origin, verify=site.tls, timeout=10) as client,
    ):
        steps = Walk(client)
        walk_tokens(steps)
        walk_sessions(steps)
        walk_devices(steps)
        walk_cookies(steps)
        asyncio.run(walk_websocket(steps, site))
    return steps.failures


def serve(example: str) -> None:
    """Serve one example until Ctrl-C is pressed."""
    app = app_of(example)
    with served(BrowserPage(app) if example in FRAMEWORKS else app) as site:
        print(
            f"{site.origin} (self-signed certificate; user test, password test). Press Ctrl-C to stop."
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


def main() -> None:
    """Serve or walk through the examples that the command line names."""
    parser = argparse.ArgumentParser(
        description="Walk through the examples, each served by uvicorn."
    )
    names = [*EXAMPLES, "mcp"]
    parser.add_argument("examples", nargs="*", metavar="example", help=", ".join(names))
    parser.add_argument("--serve", choices=EXAMPLES, help="serve this example for your browser")
    wanted = parser.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Litestar enables every logger
    unknown = [name for name in wanted.examples if name not in names]
    if unknown:
        shop = ", ".join(FRAMEWORKS)
        parser.error(f"unknown: {', '.join(unknown)} (choose from {shop}), authjwt or mcp")
    if wanted.serve:
        serve(wanted.serve)
        return
    failures = sum(walk(example) for example in wanted.examples or names)
    if failures:
        sys.exit(f"{failures} responses were not as expected.")
    print("\nEvery response was as expected.")


if __name__ == "__main__":
    main()
