"""The records of an earlier version, which kept one for each used token, in stores of this version."""

import base64

from tokenward.stores import Consumed, Consumption, RevocationStore
from tokenward.stores.redis.records import number_text
from tokenward.stores.sql.schema import key_of


class FormerStore:
    """Consumes tokens as an earlier version; everything else is done by the store."""

    def __init__(self, store: RevocationStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Write the record of the first use of a token."""
        write = _write_keys if hasattr(self._store, "_keys") else _write_rows
        await write(self._store, consumption, now)
        return Consumed(is_first=True)


async def _write_keys(store, use, now):
    keys, client = store._keys, store._client
    pair = b"%bp:%b" % (keys.prefix, use.successor.encode())
    ends = number_text(use.keep_until), number_text(use.grace_until)
    grace_ms = int((use.grace_until - now) * 1000)
    await client.set(keys.of("consumed", use.jti), b"%b %b use %b" % (*map(str.encode, ends), pair))
    await client.set(pair, b"use " + base64.b64encode(use.sealed), px=grace_ms)
    await client.delete(b"%bp:%b" % (keys.prefix, use.jti.encode()))


async def _write_rows(store, use, now):
    table, key = store._tables.consumed, key_of(use.jti)
    row = {"jti": key, "successor": key_of(use.successor), "sealed": use.sealed, "used_at": now}
    ends = {"grace_until": use.grace_until, "keep_until": use.keep_until}
    async with store._database.engine.begin() as connection:
        await connection.execute(table.insert().values(row | ends))
        superseded = table.update().where(table.c.successor == key)
        await connection.execute(superseded.values(sealed=b""))
