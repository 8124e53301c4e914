"""A block that runs for as long as a token is good."""

import asyncio
import contextlib
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
    """Wait for what never comes."""
    await asyncio.Event().wait()


async def turns(count: int) -> None:
    """Let everything else have that many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def run(engine, claims, block, *, check_every=SOON, closed=None) -> list[tuple[int, str]]:
    """Run a block for as long as claims are good; give how the connection was closed, if it was.

    Whatever becomes of the block, no task is left behind.
    """
    closed = [] if closed is None else closed

    async def close(code, reason):
        closed.append((code, reason))

    watch = Authenticator(engine).while_valid(claims, close, check_every=check_every)
    before = asyncio.all_tasks()
    try:
        async with asyncio.timeout(10):
            async with watch:
                await block()
    finally:
        await turns(2)
        assert asyncio.all_tasks() <= before
    return closed


@pytest.fixture
async def claims(engine):
    """Give the claims of a good access token."""
    return await engine.decode(await engine.issue("alice"))


class Asked(MemoryStore):
    """A store that says how often it was asked, and fails when told to."""

    def __init__(self):
        """Start well."""
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
    """At once, or after the token was found good a few times."""
    store = Asked()
    assert await run(engine, claims, lambda: turns(0)) == []
    assert await run(engine, claims, lambda: turns(5)) == []
    assert await run(engine_with(engine.now, store=store), claims, store.often.wait) == []
    assert store.times >= 5


@pytest.mark.parametrize("check_every", [SOON, LATE, timedelta.max], ids=["soon", "late", "never"])
async def test_an_expiry_is_seen_at_its_time(claims, check_every):
    """However rarely the store is asked."""
    start = time.monotonic()
    engine = engine_with(lambda: claims.exp - 0.02 + time.monotonic() - start)
    assert await engine.revalidate(claims) <= 0.02
    assert await run(engine, claims, forever, check_every=check_every) == [(1008, "token_expired")]


async def test_a_check_that_hangs_does_not_outlive_the_token(claims):
    """A hook of the user may wait for ever; the expiry is seen all the same."""
    start, asked = time.monotonic(), 0
    engine = engine_with(lambda: claims.exp - 0.05 + time.monotonic() - start)

    @engine.is_revoked
    async def hang(claims):
        nonlocal asked
        asked += 1
        if asked > 1:
            await forever()
        return False

    assert await run(engine, claims, forever, check_every=SOON) == [(1008, "token_expired")]
    assert asked > 1


@pytest.mark.parametrize("what", ["token", "session", "subject"])
async def test_a_revocation_ends_the_block(engine, what):
    """By the token, its session or its subject, while the block waits."""
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
    """What was revoked since the handshake does not live until the next check."""
    await engine.revoke(claims)
    assert await run(engine, claims, forever, check_every=LATE) == [(1008, "token_revoked")]


async def test_a_hook_may_refuse_in_its_own_words(engine, claims):
    """Its TokenError names the reason of the closing."""

    @engine.is_revoked
    async def refuse(claims):
        raise TokenRejectedError

    assert await run(engine, claims, forever) == [(1008, "token_rejected")]


async def test_an_outage_of_the_store_closes_with_try_again(clock, claims):
    """RFC 6455 §7.4.1, registered 1013: nobody can say whether the token is good."""
    store = Asked()

    async def block():
        store.is_down = True
        await forever()

    assert await run(engine_with(clock, store=store), claims, block) == [
        (1013, "store_unavailable")
    ]


async def test_an_outage_that_the_policy_accepts_closes_nothing(clock, claims):
    """It is asked again and again."""
    store = Asked()
    store.is_down = True
    engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage="accept"))
    assert await run(engine, claims, store.often.wait) == []


@pytest.mark.parametrize(
    "error",
    [LookupError, TimeoutError, MissingTokenError, TokenExpiredError, asyncio.CancelledError],
)
async def test_an_error_of_the_block_passes_unchanged(engine, claims, error):
    """Also one that looks like one of ours; the connection is then the framework's to close."""
    closed, raised = [], error()

    async def block():
        await turns(3)
        raise raised

    with pytest.raises(error) as caught:
        await run(engine, claims, block, closed=closed)
    assert caught.value is raised
    assert closed == []


async def test_a_block_may_have_time_limits_of_its_own(engine, claims):
    """Their TimeoutError is theirs."""

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
    """The task is cancelled, and nothing is closed behind its back."""
    closed = []
    task = asyncio.create_task(run(engine, claims, forever, closed=closed))
    await turns(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert closed == []


async def test_a_cancellation_from_outside_wins(engine, claims):
    """Where it comes while the block is being ended already, which has closed the connection."""
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
    """A close that never ends, as with a peer that is gone, does not keep the task alive."""
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
    async with asyncio.timeout(10):
        await closing.wait()
        await turns(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_connection_is_closed_before_the_block_is_cancelled(engine, claims):
    """The block sees its cancellation at an await, on a closed connection, and may clean up."""
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
    """Nothing is sent on a connection that is closed, however busy the block is."""
    closed, sent_late = [], []

    async def block():
        await engine.revoke(claims)
        while True:
            sent_late.extend(closed)
            await turns(1)

    assert await run(engine, claims, block, closed=closed) == [(1008, "token_revoked")]
    assert sent_late == []


async def test_a_block_that_swallows_its_cancellation_is_closed_all_the_same(engine, claims):
    """Whether it ends then or goes on: the connection does not wait for it."""
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


async def test_an_error_while_cleaning_up_passes(engine, claims):
    """It is the block's own, and nobody is told in its place that all went well."""
    await engine.revoke(claims)

    async def block():
        try:
            await forever()
        finally:
            raise LookupError

    with pytest.raises(LookupError):
        await run(engine, claims, block)


async def test_a_hook_that_is_wrong_is_not_swallowed(engine, claims):
    """The programmer's mistake ends the block, and is raised where it can be seen."""
    closed = []

    async def block():
        engine.is_revoked(lambda claims: "yes")
        await forever()

    with pytest.raises(TypeError, match="True or False"):
        await run(engine, claims, block, closed=closed)
    assert closed == []


async def test_what_closing_raises_passes(engine, claims):
    """As when the other side is gone already."""
    await engine.revoke(claims)

    async def close(code, reason):
        raise ConnectionError

    async with asyncio.timeout(10):
        with pytest.raises(ConnectionError):
            async with Authenticator(engine).while_valid(claims, close):
                await forever()


@pytest.mark.parametrize("check_every", [timedelta(0), -SOON, timedelta.min], ids=repr)
async def test_check_every_is_above_zero(engine, claims, check_every):
    """Nothing is run, and nothing asked."""
    ran = []

    async def block():
        ran.append(True)

    with pytest.raises(ConfigurationError, match="check_every"):
        await run(engine, claims, block, check_every=check_every)
    assert ran == []


async def test_one_connection_may_have_several_tokens(engine, claims):
    """The one that is refused says so, and the other is silent."""
    other, closed = await engine.decode(await engine.issue("bob")), []

    async def both():
        closed.extend(await run(engine, other, forever))

    await engine.revoke(claims)
    assert await run(engine, claims, both) == [(1008, "token_revoked")]
    assert closed == []


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_refusal_that_comes_as_the_block_ends_is_no_error(is_late):
    """In the same turn of the loop the first of both counts, and nothing is logged anywhere."""
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

    async with asyncio.timeout(10):
        async with run_while_valid(revalidate, close, LATE):
            await turns(0 if is_late else 3)
            loop.call_later(0.01, gate.set)
            await gate.wait()
    await turns(3)
    assert told == []
    assert [type(error) for error in closed] == ([] if is_late else [TokenExpiredError])
