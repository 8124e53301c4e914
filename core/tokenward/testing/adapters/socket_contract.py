"""The part of the contract about WebSockets: handshakes, and sockets that end with their token."""

import asyncio
from collections.abc import Sequence

import pytest

from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.exchanges import (
    Extensions,
    assert_closed,
    assert_denied,
    open_socket,
)
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.service import Headers, bearer, contract_engine
from tokenward.testing.adapters.socket_requests import (
    COOKIE_SOCKETS_OPEN,
    COOKIE_SOCKETS_REFUSED,
    SOCKETS_OPEN,
    SOCKETS_REFUSED,
)
from tokenward.testing.adapters.token_requests import GOOD, says
from tokenward.testing.adapters.tokens import NOW, SECRET, CountingKey
from tokenward.testing.adapters.websocket_client import (
    DENIAL_RESPONSE,
    live_websocket,
    open_websocket,
)
from tokenward.testing.clock import FrozenClock

__all__ = ["SocketContract"]

_WITH_OR_WITHOUT_DENIAL = pytest.mark.parametrize(
    "extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"]
)
_WITHOUT_DENIAL = pytest.mark.parametrize(
    "extensions", [{}, {"other": {}}, None], ids=["none", "other", "null"]
)


def _sockets(rows: Sequence[tuple[str, str, Headers, str]]) -> pytest.MarkDecorator:
    ids = [row[0] for row in rows]
    return pytest.mark.parametrize(("path", "headers", "said"), [row[1:] for row in rows], ids=ids)


def _cases(cases: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


class SocketContract(AdapterFixtures):
    """Tests of WebSockets. A socket that is refused is never accepted first."""

    @needs("websockets")
    @_WITH_OR_WITHOUT_DENIAL
    @_sockets(SOCKETS_OPEN)
    async def test_socket_accepted(
        self, app: object, path: str, headers: Headers, said: str, extensions: Extensions
    ) -> None:
        """A WebSocket that meets its requirements is accepted, and its handler gets the claims."""
        outcome = await open_socket(app, path, headers, extensions)

        assert (outcome.accepted, outcome.messages, outcome.close_code) == (True, [said], 1000)
        assert outcome.subprotocol == ("bearer" if path == "/ws/protocol" else None)

    @needs("websockets", "cookies")
    @_WITH_OR_WITHOUT_DENIAL
    @_sockets(COOKIE_SOCKETS_OPEN)
    async def test_cookie_socket_accepted(
        self, app: object, path: str, headers: Headers, said: str, extensions: Extensions
    ) -> None:
        """A WebSocket of an allowed page with its token in a cookie is accepted."""
        outcome = await open_socket(app, path, headers, extensions)

        assert (outcome.accepted, outcome.messages, outcome.close_code) == (True, [said], 1000)

    @needs("websockets")
    @_cases(SOCKETS_REFUSED)
    async def test_socket_denied(self, app: object, case: Case) -> None:
        """If the server can send it, a refused handshake gets the response of a refused request."""
        assert_denied(await open_socket(app, case.path, case.headers), case)

    @needs("websockets", "cookies")
    @_cases(COOKIE_SOCKETS_REFUSED)
    async def test_cookie_socket_denied(self, app: object, case: Case) -> None:
        """A WebSocket of a foreign page is refused, although the browser sends the cookie."""
        assert_denied(await open_socket(app, case.path, case.headers), case)

    @needs("websockets")
    @_WITHOUT_DENIAL
    @_cases(SOCKETS_REFUSED)
    async def test_socket_closed(self, app: object, case: Case, extensions: Extensions) -> None:
        """If the server cannot send an HTTP response, a refused handshake is closed."""
        assert_closed(await open_socket(app, case.path, case.headers, extensions), case)

    @needs("websockets", "cookies")
    @_WITHOUT_DENIAL
    @_cases(COOKIE_SOCKETS_REFUSED)
    async def test_cookie_socket_closed(
        self, app: object, case: Case, extensions: Extensions
    ) -> None:
        """If the server cannot send an HTTP response, a handshake of a foreign page is closed."""
        assert_closed(await open_socket(app, case.path, case.headers, extensions), case)

    @needs("websockets")
    async def test_socket_verifies_once(self, clock: FrozenClock) -> None:
        """A handshake costs one signature verification, however many requirements it has."""
        key = CountingKey.from_secret(SECRET)
        app = self.build(contract_engine(clock, key=key))
        outcome = await open_websocket(app, "/ws/orders", headers=says(scope="orders:read"))

        assert (outcome.accepted, key.verified) == (True, 1)

    @needs("websockets")
    @pytest.mark.parametrize("reason", ["token_expired", "token_revoked"])
    async def test_a_live_socket_is_closed(self, clock: FrozenClock, reason: str) -> None:
        """An open socket is closed with 1008 once its token has expired or is revoked."""
        engine = contract_engine(clock)
        async with live_websocket(self.build(engine), "/ws/live", headers=bearer(GOOD)) as socket:
            assert await socket.ask("hello") == "hello"
            if reason == "token_expired":
                clock.advance(900)
            else:
                await engine.revoke(GOOD)
            await socket.is_over()

        assert (socket.outcome.close_code, socket.outcome.close_reason) == (1008, reason)

    @needs("websockets")
    async def test_a_live_socket_is_closed_when_its_login_is_too_old(
        self, clock: FrozenClock
    ) -> None:
        """An open socket is closed with the error of a new request, although its token is valid."""
        app = self.build(contract_engine(clock))
        async with live_websocket(app, "/ws/recent", headers=says(auth_time=NOW - 60)) as socket:
            assert await socket.ask("hello") == "hello"
            clock.advance(540)
            assert await socket.ask("again") == "again"
            clock.advance(1)
            await socket.is_over()

        outcome = socket.outcome
        assert (outcome.close_code, outcome.close_reason) == (
            1008,
            "insufficient_user_authentication",
        )

    @needs("websockets")
    async def test_a_stubborn_socket_is_closed(self, clock: FrozenClock) -> None:
        """A handler that ignores its cancellation does not keep the socket open."""
        engine = contract_engine(clock)
        async with live_websocket(
            self.build(engine), "/ws/stubborn", headers=bearer(GOOD)
        ) as socket:
            await socket.is_accepted()
            await engine.revoke(GOOD)
            await socket.is_over()

        assert (socket.outcome.close_code, socket.outcome.close_reason) == (1008, "token_revoked")

    @needs("websockets")
    async def test_a_live_socket_ends_by_itself(self, clock: FrozenClock) -> None:
        """A client that disconnects ends the handler, and no task is left running."""
        app = self.build(contract_engine(clock))
        before = len(asyncio.all_tasks())
        async with live_websocket(app, "/ws/live", headers=bearer(GOOD)) as socket:
            assert await socket.ask("a") == "a"
            assert await socket.ask("b") == "b"

        assert socket.outcome.close_code in {None, 1000}
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before

    @needs("websockets")
    async def test_an_open_socket_is_closed_for_an_error(self, app: object) -> None:
        """A TokenError in a handler closes the accepted socket with 1008."""
        outcome = await open_websocket(app, "/ws/raises")

        assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (
            True,
            1008,
            "token_revoked",
        )
