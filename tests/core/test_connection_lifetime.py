"""A block that runs while a token is valid."""

import asyncio
import contextlib
import math
import time
from datetime import timedelta

import pytest

from tests.support import engine_with
from tokenward import (
    ConfigurationError,
    MemoryStore,
    TokenExpiredError,
    TokenPolicy,
    TokenRejectedError,
)
from tokenward.errors import MissingTokenError
from tokenward.http import Authenticator
from tokenward.http.connection_lifetime import run_while_valid

SOON, LATE = timedelta(milliseconds=1), timedelta(hours=1)


async def forever() -> None:
    """Wait forever."""
    await asyncio.Event().wait()


async def turns(count: int) -> None:
    """Let other tasks run for a number of event loop turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def run(engine, claims, block, *, check_every=SOON, closed=None) -> list[tuple[int, str]]:
    """Run a block while claims are valid; return how the connection was closed, if it was.

    Check that no task is left, however the block ends.
    """
    closed = [] if closed is None else closed

    async def close(code, reason):
        closed.append((code, reason))

    watch = Authenticator(engine).while_valid(claims, close, check_every=check_every)
    before = asyncio.all_tasks()
    try:
        async with asyncio.timeout(60):
            async with watch:
                await block()
    finally:
        await turns(2)
        assert asyncio.all_tasks() <= before
    return closed


@pytest.fixture
async def claims(engine):
    """Return the claims of a valid access token."""
    return await engine.decode(await engine.issue("alice"))


class Asked(MemoryStore):
    """A store that counts its queries, and can be made to fail."""

    def __init__(self):
        """Start without failures."""
        super().__init__()
        self.times, self.is_down, self.often = 0, False, asyncio.Event()

    async def is_revoked(self, **token):
        self.times += 1
        if self.times >= 5:
            self.often.set()
        if self.is_down:
            raise ConnectionError
        return await super().is_revoked(**token)


async def test_a_block_that_ends_by_itself_closes_nothing(engine, claims):
    """A block that ends by itself closes nothing, at once or after a few checks."""
    store = Asked()
    assert await run(engine, claims, lambda: turns(0)) == []
    assert await run(engine, claims, lambda: turns(5)) == []
    assert await run(engine_with(engine.now, store=store), claims, store.often.wait) == []
    assert store.times >= 5


@pytest.mark.parametrize("check_every", [SOON, LATE, timedelta.max], ids=["soon", "late", "never"])
async def test_an_expiry_is_seen_at_its_time(claims, check_every):
    """An expired token is noticed at its expiry, whatever the interval of checks."""
    start = math.inf  # the clock stands still until then, however slow this machine is
    engine = engine_with(lambda: claims.exp - 0.02 + max(0, time.monotonic() - start))
    assert 0 < await engine.revalidate(claims) <= 0.021
    start = time.monotonic()
    assert await run(engine, claims, forever, check_every=check_every) == [(1008, "token_expired")]


async def test_a_check_that_hangs_does_not_outlive_the_token(claims):
    """The expiry is noticed even if a user's hook never returns."""
    start, asked = math.inf, 0
    engine = engine_with(lambda: claims.exp - 0.05 + max(0, time.monotonic() - start))

    @engine.is_revoked
    async def hang(claims):
        nonlocal asked, start
        asked += 1
        if asked > 1:
            start = time.monotonic()
            await forever()
        return False

    assert await run(engine, claims, forever, check_every=SOON) == [(1008, "token_expired")]
    assert asked > 1


@pytest.mark.parametrize("what", ["token", "session", "subject"])
async def test_a_revocation_ends_the_block(engine, what):
    """A revocation of the token, its session or its subject ends the block."""
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)

    async def block():
        await {
            "token": lambda: engine.revoke(claims),
            "session": lambda: engine.revoke_session(claims),
            "subject": lambda: engine.revoke_subject("alice"),
        }[what]()
        await forever()

    assert await run(engine, claims, block) == [(1008, "token_revoked")]


async def test_the_first_check_is_made_at_once(engine, claims):
    """The first check is made at once, for revocations since the handshake."""
    await engine.revoke(claims)
    assert await run(engine, claims, forever, check_every=LATE) == [(1008, "token_revoked")]


async def test_a_hook_may_refuse_in_its_own_words(engine, claims):
    """The TokenError of a hook is the reason of the close."""

    @engine.is_revoked
    async def refuse(claims):
        raise TokenRejectedError

    assert await run(engine, claims, forever) == [(1008, "token_rejected")]


async def test_an_outage_of_the_store_closes_with_try_again(clock, claims):
    """An outage closes with the registered code 1013 (RFC 6455 §7.4.1)."""
    store = Asked()

    async def block():
        store.is_down = True
        await forever()

    assert await run(engine_with(clock, store=store), claims, block) == [
        (1013, "store_unavailable")
    ]


async def test_an_outage_that_the_policy_accepts_closes_nothing(clock, claims):
    """With a policy that accepts outages the store is queried again and again."""
    store = Asked()
    store.is_down = True
    engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage="accept"))
    assert await run(engine, claims, store.often.wait) == []


@pytest.mark.parametrize(
    "error",
    [LookupError, TimeoutError, MissingTokenError, TokenExpiredError, asyncio.CancelledError],
)
async def test_an_error_of_the_block_passes_unchanged(engine, claims, error):
    """An error of the block passes unchanged, also a TokenError; the framework closes the connection."""
    closed, raised = [], error()

    async def block():
        await turns(3)
        raise raised

    with pytest.raises(error) as caught:
        await run(engine, claims, block, closed=closed)
    assert caught.value is raised
    assert closed == []


async def test_a_block_may_have_time_limits_of_its_own(engine, claims):
    """A TimeoutError of the block's own time limit passes unchanged."""

    async def block():
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await forever()
        async with asyncio.timeout(0):
            await forever()

    with pytest.raises(TimeoutError):
        await run(engine, claims, block)


async def test_a_cancellation_from_outside_passes(engine, claims):
    """A cancellation from outside passes, and closes nothing."""
    closed = []
    task = asyncio.create_task(run(engine, claims, forever, closed=closed))
    await turns(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert closed == []


async def test_a_cancellation_from_outside_wins(engine, claims):
    """A cancellation from outside passes even while the block is being cancelled."""
    closed, cleaning = [], asyncio.Event()

    async def block():
        try:
            await forever()
        finally:
            cleaning.set()
            await forever()

    await engine.revoke(claims)
    task = asyncio.create_task(run(engine, claims, block, closed=closed))
    await cleaning.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [(1008, "token_revoked")]


async def test_a_cancellation_from_outside_does_not_wait_for_the_closing(engine, claims):
    """A close that never ends, for example without a peer, does not keep a cancelled task alive."""
    await engine.revoke(claims)
    closing = asyncio.Event()

    async def close(code, reason):
        closing.set()
        await forever()

    async def connection():
        async with Authenticator(engine).while_valid(claims, close):
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await closing.wait()
                    break
            await forever()

    task = asyncio.create_task(connection())
    async with asyncio.timeout(60):
        await closing.wait()
        await turns(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_connection_is_closed_before_the_block_is_cancelled(engine, claims):
    """The block is cancelled at an await, after the connection is closed, and can clean up."""
    seen = []

    async def block():
        try:
            seen.append("working")
            await engine.revoke(claims)
            await forever()
            seen.append("never")
        finally:
            await turns(3)
            seen.append("cleaned up")

    assert await run(engine, claims, block, closed=seen) == [
        "working",
        (1008, "token_revoked"),
        "cleaned up",
    ]
    assert asyncio.current_task().cancelling() == 0


async def test_a_block_that_is_about_to_send_is_cancelled_first(engine, claims):
    """A busy block sends nothing on a closed connection."""
    closed, sent_late = [], []

    async def block():
        await engine.revoke(claims)
        while True:
            sent_late.extend(closed)
            await turns(1)

    assert await run(engine, claims, block, closed=closed) == [(1008, "token_revoked")]
    assert sent_late == []


async def test_a_block_that_swallows_its_cancellation_is_closed_all_the_same(engine, claims):
    """The connection is closed even if the block suppresses its cancellation."""
    await engine.revoke(claims)

    async def ends():
        with contextlib.suppress(asyncio.CancelledError):
            await forever()

    assert await run(engine, claims, ends) == [(1008, "token_revoked")]
    closed = []

    async def goes_on():
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        while not closed:
            await turns(1)

    assert await run(engine, claims, goes_on, closed=closed) == [(1008, "token_revoked")]
    assert asyncio.current_task().cancelling() == 0


async def test_a_check_that_swallows_its_cancellation_ends_with_the_block(clock):
    """As redis-py does before Python 3.12: no task is left, and nothing is closed later."""

    class Swallowing(MemoryStore):
        async def is_revoked(self, **token):
            if asking.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    asked.set()
                    await forever()
            return await super().is_revoked(**token)

    asking, asked = asyncio.Event(), asyncio.Event()
    engine = engine_with(clock, store=Swallowing())
    claims = await engine.decode(await engine.issue("alice"))
    asking.set()
    assert await run(engine, claims, asked.wait, check_every=LATE) == []


async def test_an_error_while_cleaning_up_passes(engine, claims):
    """An error of the block while it cleans up passes unchanged."""
    await engine.revoke(claims)

    async def block():
        try:
            await forever()
        finally:
            raise LookupError

    with pytest.raises(LookupError):
        await run(engine, claims, block)


async def test_a_hook_that_is_wrong_is_not_swallowed(engine, claims):
    """An error of a hook ends the block and is raised."""
    closed = []

    async def block():
        engine.is_revoked(lambda claims: "yes")
        await forever()

    with pytest.raises(TypeError, match="True or False"):
        await run(engine, claims, block, closed=closed)
    assert closed == []


async def test_what_closing_raises_passes(engine, claims):
    """An error of the close passes, for example without a peer."""
    await engine.revoke(claims)

    async def close(code, reason):
        raise ConnectionError

    async with asyncio.timeout(60):
        with pytest.raises(ConnectionError):
            async with Authenticator(engine).while_valid(claims, close):
                await forever()


@pytest.mark.parametrize("check_every", [timedelta(0), -SOON, timedelta.min], ids=repr)
async def test_check_every_is_above_zero(engine, claims, check_every):
    """An invalid `check_every` is refused before the block runs."""
    ran = []

    async def block():
        ran.append(True)

    with pytest.raises(ConfigurationError, match="check_every"):
        await run(engine, claims, block, check_every=check_every)
    assert ran == []


async def test_one_connection_may_have_several_tokens(engine, claims):
    """With several tokens the first invalid one closes the connection, the others do not."""
    other, closed = await engine.decode(await engine.issue("bob")), []

    async def both():
        closed.extend(await run(engine, other, forever))

    await engine.revoke(claims)
    assert await run(engine, claims, both) == [(1008, "token_revoked")]
    assert closed == []


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_refusal_that_comes_as_the_block_ends_is_no_error(is_late):
    """If refusal and end come in the same loop turn, the first counts, and nothing is logged."""
    told, closed, gate = [], [], asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))

    async def revalidate():
        if is_late:
            await turns(3)  # so that the block waits first
        await gate.wait()
        raise TokenExpiredError

    async def close(error):
        closed.append(error)

    async with asyncio.timeout(60):
        async with run_while_valid(revalidate, close, LATE):
            await turns(0 if is_late else 3)
            loop.call_later(0.01, gate.set)
            await gate.wait()
    await turns(3)
    assert told == []
    assert [type(error) for error in closed] == ([] if is_late else [TokenExpiredError])
