"""The part of the contract about responses that are streams: they end with their token."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tokenward.engine.token_engine import TokenEngine
from tokenward.stores.memory import MemoryStore
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.service import bearer, contract_engine, shop_token
from tokenward.testing.adapters.stream_client import StreamClient, StreamEvents
from tokenward.testing.adapters.tokens import NOW, ShopClaims
from tokenward.testing.clock import FrozenClock

__all__ = ["StreamContract"]

_SOON = timedelta(milliseconds=1)
_PATHS = ("/stream", "/events")
_GOOD = shop_token(jti="good")


class BreakableStore(MemoryStore):
    """A store that a test can break, and that reports when it is asked."""

    def __init__(self) -> None:
        """Create an empty store."""
        super().__init__()
        self.is_down: bool = False
        self._questions: asyncio.Queue[str] = asyncio.Queue()

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Fail if the store is broken, otherwise answer.

        Raises:
            ConnectionError: the store is broken.
        """
        self._questions.put_nowait(jti)
        if self.is_down:
            raise ConnectionError
        return await super().is_revoked(jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now)

    async def is_asked(self) -> None:
        """Wait until the store has been asked once more."""
        async with asyncio.timeout(10):
            await self._questions.get()


class StreamContract(AdapterFixtures):
    """Tests of streams."""

    @pytest.fixture
    def breakable_store(self) -> BreakableStore:
        """Return the store of the service."""
        return BreakableStore()

    @pytest.fixture
    def stream_engine(
        self, clock: FrozenClock, breakable_store: BreakableStore
    ) -> TokenEngine[ShopClaims]:
        """Return the engine of the service."""
        return contract_engine(clock, store=breakable_store)

    @pytest.fixture
    def stream_events(self) -> StreamEvents:
        """Return the events of the service."""
        return StreamEvents()

    @pytest.fixture
    def stream_app(
        self, stream_engine: TokenEngine[ShopClaims], stream_events: StreamEvents
    ) -> object:
        """Return the service, which checks its streams every millisecond."""
        return self.build_streams(stream_engine, stream_events, _SOON)

    @pytest.fixture(params=_PATHS)
    async def stream_client(
        self, request: pytest.FixtureRequest, stream_app: object, stream_events: StreamEvents
    ) -> AsyncIterator[StreamClient]:
        """Yield a client that has received the first event of a stream."""
        client = StreamClient(stream_app, request.param, bearer(_GOOD))
        stream_events.queue.put_nowait("first")
        await client.has(b"first")
        yield client
        client.leave()
        async with asyncio.timeout(10):
            await client.exchange

    @needs("streams")
    async def test_a_stream_of_a_valid_token_goes_on(
        self,
        stream_client: StreamClient,
        stream_events: StreamEvents,
        breakable_store: BreakableStore,
    ) -> None:
        """Checks of a valid token do not disturb the stream."""
        for _ in range(3):
            await breakable_store.is_asked()
        stream_events.queue.put_nowait("second")

        await stream_client.has(b"second")
        assert (stream_client.status, stream_client.is_complete) == (200, False)

    @needs("streams")
    async def test_a_stream_ends_at_the_expiry(
        self, stream_client: StreamClient, stream_events: StreamEvents, clock: FrozenClock
    ) -> None:
        """When the token expires, the response is completed and the source cleans up."""
        clock.now = NOW + 900

        await stream_client.ends()
        assert stream_events.is_closed.is_set()
        assert (stream_client.status, stream_client.body.count(b"first")) == (200, 1)

    @needs("streams")
    async def test_a_stream_ends_when_its_login_is_too_old(
        self, stream_app: object, stream_events: StreamEvents, clock: FrozenClock
    ) -> None:
        """A stream with `max_age` ends when the login is too old, although its token is valid."""
        token = shop_token(jti="good", auth_time=NOW - 60)
        client = StreamClient(stream_app, "/recent", bearer(token))
        for name, seconds in (("first", 540), ("second", 1)):
            stream_events.queue.put_nowait(name)
            await client.has(name.encode())
            clock.advance(seconds)

        await client.ends()
        assert (client.status, stream_events.is_closed.is_set()) == (200, True)

    @needs("streams")
    async def test_a_stream_ends_at_a_revocation(
        self,
        stream_client: StreamClient,
        stream_events: StreamEvents,
        stream_engine: TokenEngine[ShopClaims],
    ) -> None:
        """When the token is revoked, the response is completed; a later event is not sent."""
        await stream_engine.revoke(_GOOD)
        await stream_events.closes()
        stream_events.queue.put_nowait("second")

        await stream_client.ends()
        assert b"second" not in stream_client.body

    @needs("streams")
    async def test_a_stream_ends_at_an_outage(
        self,
        stream_client: StreamClient,
        stream_events: StreamEvents,
        breakable_store: BreakableStore,
    ) -> None:
        """When the store cannot be asked, the response is completed under the default policy."""
        breakable_store.is_down = True

        await stream_client.ends()
        assert stream_events.is_closed.is_set()

    @needs("streams")
    async def test_a_client_that_leaves_closes_the_stream(
        self, stream_client: StreamClient, stream_events: StreamEvents
    ) -> None:
        """When the client disconnects, the source cleans up."""
        stream_client.leave()

        await stream_events.closes()
        async with asyncio.timeout(10):
            await stream_client.exchange
        assert not stream_client.is_complete

    @needs("streams")
    async def test_a_refused_request_starts_no_stream(
        self,
        stream_app: object,
        stream_events: StreamEvents,
        stream_engine: TokenEngine[ShopClaims],
    ) -> None:
        """A revoked token is refused with 401 before the stream exists."""
        await stream_engine.revoke(_GOOD)
        for path in _PATHS:
            client = StreamClient(stream_app, path, bearer(_GOOD))
            await client.ends()
            assert client.status == 401
        assert not stream_events.is_closed.is_set()
