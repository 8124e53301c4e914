"""What every store must do; a new store is one more line of `STORES`."""

import asyncio
import math

import pytest

from tests.support import NOW
from tokenward import MemoryStore, Revocation, RevocationStore

STORES = {"memory": MemoryStore}
KINDS = ("token", "session", "subject")


@pytest.fixture(params=sorted(STORES))
async def store(request):
    """Give an empty store, and close it afterwards."""
    async with STORES[request.param]() as opened:
        yield opened


async def denies(store, kind, identity, *, issued_at=NOW, now=NOW):
    """Ask for a token that has the identity in the place of one kind alone."""
    asked = {"jti": "other", "sid": "other", "sub": "other"}
    asked[{"token": "jti", "session": "sid", "subject": "sub"}[kind]] = identity
    return await store.is_revoked(**asked, issued_at=issued_at, now=now)


def record(kind, identity="x", keep_until=NOW + 60, issued_before=NOW + 1):
    """Make a record as the engine makes it."""
    return Revocation(kind, identity, keep_until, issued_before if kind == "subject" else None)


async def test_it_is_a_revocation_store(store):
    """It has every method of the protocol."""
    assert isinstance(store, RevocationStore)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_revoked_is_denied_and_nothing_else(store, kind):
    """Not another identity, and not the same text in another place."""
    assert not await denies(store, kind, "x")
    await store.revoke(record(kind), now=NOW)
    assert await denies(store, kind, "x")
    assert not await denies(store, kind, "y")
    for other in set(KINDS) - {kind}:
        assert not await denies(store, other, "x")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_record_holds_until_its_time(store, kind):
    """To the last moment, and for ever where that is said."""
    await store.revoke(record(kind), now=NOW)
    await store.revoke(record(kind, "for ever", math.inf), now=NOW)
    assert await denies(store, kind, "x", now=NOW + 59.999)
    assert not await denies(store, kind, "x", now=NOW + 60)
    assert await denies(store, kind, "for ever", now=NOW + 1e9)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_record_never_weakens_the_first(store, kind):
    """The later end stands, in whichever order they come."""
    await store.revoke(record(kind), now=NOW)
    await store.revoke(record(kind, keep_until=NOW + 1, issued_before=NOW), now=NOW)
    assert await denies(store, kind, "x", now=NOW + 59)
    await store.revoke(record(kind, keep_until=NOW + 600), now=NOW)
    assert await denies(store, kind, "x", now=NOW + 599)


async def test_a_subject_is_denied_by_when_the_token_was_issued(store):
    """Earlier is denied, from the moment on is good, unknown counts as earlier."""
    await store.revoke(record("subject"), now=NOW)
    assert await denies(store, "subject", "x", issued_at=NOW + 0.999)
    assert not await denies(store, "subject", "x", issued_at=NOW + 1)
    assert await denies(store, "subject", "x", issued_at=None)


async def test_a_subject_without_a_moment_is_denied_whole(store):
    """Where no moment is said, no later token is good either."""
    await store.revoke(Revocation("subject", "x", NOW + 60), now=NOW)
    assert await denies(store, "subject", "x", issued_at=NOW + 30, now=NOW + 30)


async def test_a_token_without_session_has_none(store):
    """None is no name of a session."""
    await store.revoke(record("session", "None"), now=NOW)
    assert not await store.is_revoked(jti="j", sid=None, sub="s", issued_at=NOW, now=NOW)


async def test_a_token_is_consumed_once(store):
    """By one of five hundred at once, and by nobody after."""
    answers = await asyncio.gather(
        *(store.consume("x", keep_until=NOW + 60, now=NOW) for _ in range(500))
    )
    assert answers.count(True) == 1
    assert not await store.consume("x", keep_until=NOW + 60, now=NOW + 59)
    assert await store.consume("y", keep_until=NOW + 60, now=NOW)


async def test_consuming_is_not_revoking(store):
    """A token that was used is told apart from one that was revoked."""
    await store.consume("x", keep_until=NOW + 60, now=NOW)
    assert not await denies(store, "token", "x")


async def test_purging_forgets_what_is_over_and_nothing_else(store):
    """Afterwards every answer is what it was before."""
    for kind in KINDS:
        await store.revoke(record(kind, "old", NOW + 1), now=NOW)
        await store.revoke(record(kind, "new"), now=NOW)
    await store.consume("new", keep_until=NOW + 60, now=NOW)
    assert await store.purge(now=NOW + 30) == 3
    for kind in KINDS:
        assert await denies(store, kind, "new", now=NOW + 30)
        assert not await denies(store, kind, "old", now=NOW + 30)
    assert not await store.consume("new", keep_until=NOW + 60, now=NOW + 30)
