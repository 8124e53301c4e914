"""What the tests of SqlStore share: records, engines of the user's own, and what is seen of them."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import NOW
from tokenward import Revocation
from tokenward.stores import Consumption
from tokenward.stores.sql import SqlStore

LOST = {"refresh_token_reused", "token_revoked"}


async def denies(store, jti, *, now=NOW):
    """Ask for a token alone."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=now, now=now)


def record(identity="x", **changes):
    """Make a revocation of a token."""
    return replace(Revocation("token", identity, NOW + 60), **changes)


def use(jti="x", keep_until=NOW + 60):
    """Make a use of a token."""
    return Consumption(jti, "successor", b"", NOW, keep_until)


@asynccontextmanager
async def borrowed(place, **options):
    """Give an engine of the user's own, and a store on it."""
    engine = create_async_engine(place.url, **options)
    async with SqlStore(engine, schema=place.part, timeout_seconds=place.timeout_seconds) as store:
        yield engine, store
    await engine.dispose()


def heard(engine, name, pick):
    """Collect what `pick` makes of each event of an engine."""
    events = []
    event.listen(engine.sync_engine, name, lambda *args: events.append(pick(*args)))
    return events


def statements_of(engine):
    """Collect the statements that an engine sends."""
    return heard(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: statement)


def errors_of(engine):
    """Collect the driver's errors."""
    return heard(engine, "handle_error", lambda context: context.original_exception)


async def turn(times):
    """Let the event loop run."""
    for _ in range(times):
        await asyncio.sleep(0)


async def until(condition):
    """Return when a condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await turn(1)


def named(place, **settings):
    """Give the options of an engine whose connections can be told apart."""
    return {"connect_args": {"server_settings": {"application_name": place.part, **settings}}}
