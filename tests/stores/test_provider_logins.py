"""The revocation of the sessions that began with a login at a provider, on real stores."""

from contextlib import asynccontextmanager

import pytest

from tests.stores.redis_store.forms import opened_store
from tests.stores.sql_support import on_users_engine, statements_of
from tests.support import SECRET, FrozenClock
from tokenward import KeyRing, PrefixedStore, TokenEngine, TokenRevokedError
from tokenward.stores.mirror import MirroredStore
from tokenward.tokens import ProviderLogin

LOGIN = ProviderLogin(issuer="https://login.example/", subject="a", session="b")
OTHER = ProviderLogin(issuer="https://login.example/", subject="a", session="c")


def engine_on(store):
    """Build an engine on a store."""
    return TokenEngine(KeyRing.from_secret(SECRET), store=store, clock=FrozenClock())


@asynccontextmanager
async def mirrored(store):
    """Yield a mirror of a store that has a complete picture."""
    mirror = MirroredStore(store)
    await mirror.catch_up()
    yield mirror
    await mirror._follower.stop()


async def check_logins(store):
    """Check that a login is revoked by its session, and then by its subject."""
    engine = engine_on(store)
    pairs = [await engine.issue_pair("user 7", provider_login=each) for each in (LOGIN, OTHER)]
    await engine.revoke_provider_login(LOGIN)
    assert await engine.decode(pairs[1].access_token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(pairs[0].access_token)
    subject = ProviderLogin(issuer=LOGIN.issuer, subject=LOGIN.subject)
    await engine.revoke_provider_login(subject)
    for pair in pairs:
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)
        with pytest.raises(TokenRevokedError):
            await engine.refresh(pair.refresh_token)
    later = await engine.issue_pair("user 7", provider_login=OTHER)
    assert await engine.decode(later.access_token)


async def test_a_database(place):
    """Each of them, with and without a prefix."""
    async with on_users_engine(place) as (_, store):
        await check_logins(store)
        await check_logins(PrefixedStore(store, "https://shop.example"))


@pytest.mark.parametrize("form", ["url", "cluster url"])
async def test_redis(request, form):
    """A server and a cluster."""
    async with opened_store(form, request.getfixturevalue) as store:
        await check_logins(store)
        await check_logins(PrefixedStore(store, "https://shop.example"))


async def test_a_mirror(request):
    """It looks both up in memory."""
    async with opened_store("url", request.getfixturevalue) as store, mirrored(store) as mirror:
        await check_logins(mirror)
        assert mirror.fallbacks == 0


async def test_both_questions_are_one_select(place):
    """As all questions of one turn of the event loop are."""
    async with on_users_engine(place) as (sql, store):
        engine = engine_on(store)
        pair = await engine.issue_pair("user 7", provider_login=LOGIN)
        await engine.decode(pair.access_token)
        sent = statements_of(sql)
        await engine.decode(pair.access_token)
        assert len(sent) == 1
