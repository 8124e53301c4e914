"""The records of a SqlStore survive and stay separate; and the errors without tables."""

import pytest

from tests.stores.sql_support import denies, record, use
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores import Consumed
from tokenward.stores.sql.schema import key_of


async def test_records_survive_reopening(place):
    """The next process finds revocations and uses."""
    async with place.store() as store:
        await store.revoke(record(), now=NOW)
        await store.consume(use(), now=NOW)
    async with place.store() as store:
        assert await denies(store, "x")
        assert await store.consume(use(), now=NOW) == Consumed(is_first=False)


async def test_unusual_identities_are_kept_apart(place):
    """NUL, halves of a character, great length, and the hash of one of them."""
    odd = ["a\x00b", "a", "\ud800", "\ud801", "x" * 16_000, "x" * 16_001, "", "é"]
    async with place.store() as store:
        for identity in odd:
            assert not await denies(store, identity)
            assert (await store.consume(use(identity), now=NOW)).is_first
            await store.revoke(record(identity), now=NOW)
            assert await denies(store, identity)
        stand_in = key_of("é")
        assert not await denies(store, stand_in)


async def test_identities_are_compared_byte_by_byte(place):
    """Case and trailing spaces count, whatever the collation of the database."""
    async with place.store() as store:
        for identity in ("alice", "Alice", "alice ", "alice  "):
            assert not await denies(store, identity)
            assert (await store.consume(use(identity), now=NOW)).is_first
            await store.revoke(record(identity), now=NOW)


async def test_an_expired_record_is_replaced(place):
    """A subject that was denied completely, and a token that was used."""
    async with place.store() as store:
        await store.revoke(Revocation("subject", "alice", NOW + 10), now=NOW)
        await store.revoke(Revocation("subject", "alice", NOW + 99, NOW + 20), now=NOW + 20)
        asked = {"jti": "j", "sid": None, "sub": "alice", "now": NOW + 21}
        assert await store.is_revoked(**asked, issued_at=NOW + 19)
        assert not await store.is_revoked(**asked, issued_at=NOW + 20)
        assert (await store.consume(use(), now=NOW)).is_first
        assert (await store.consume(use(keep_until=NOW + 99), now=NOW + 60)).is_first
        assert not (await store.consume(use(), now=NOW + 98)).is_first


CALLS = {
    "is_revoked": lambda store: denies(store, "a-very-secret-identity"),
    "revoke": lambda store: store.revoke(record("a-very-secret-identity"), now=NOW),
    "consume": lambda store: store.consume(use("a-very-secret-identity"), now=NOW),
    "raise_retention": lambda store: store.raise_retention(60),
    "purge": lambda store: store.purge(now=NOW),
}


async def remove_tables(store):
    """Drop the tables of a store."""
    async with store._database.engine.begin() as connection:
        await connection.run_sync(store.metadata.drop_all)


@pytest.mark.parametrize("call", CALLS)
async def test_missing_tables_are_reported_with_the_fix(new_place, call):
    """A configuration error, not an outage, whichever call finds it."""
    async with new_place.store() as store:
        await remove_tables(store)
        with pytest.raises(ConfigurationError, match=r"await store\.create_tables\(\)"):
            await CALLS[call](store)
        await store.create_tables()
        await CALLS[call](store)


@pytest.mark.parametrize("call", ["is_revoked", "revoke", "consume"])
async def test_no_error_contains_an_identity(new_place, call):
    """Neither of the statement's values nor of the driver's message, with their causes."""
    async with new_place.store() as store:
        await remove_tables(store)
        with pytest.raises(ConfigurationError) as caught:
            await CALLS[call](store)
        cause = caught.value.__cause__
        assert "tokenward_" in str(cause)
        assert "very-secret" not in f"{caught.value} {cause} {getattr(cause, 'orig', None)!r}"
