"""The reads of a SqlStore, many checks in one SELECT, and how the rows are evaluated."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    func,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.protocol import Consumed
from tokenward.stores.sql.echoed_statements import EchoedStatement
from tokenward.stores.sql.schema import RETENTION_KEY, Tables, key_of, revocation_key

__all__ = ["Check", "Lookups", "Replay"]

_Finder: TypeAlias = Callable[[AsyncConnection, list[str]], Awaitable[dict[str, Row[Any]]]]

# The checks of one SELECT: three keys for each stay below the 999 parameters of old SQLite.
_LARGEST: Final = 256


class Check(NamedTuple):
    """The arguments of one call of `RevocationStore.is_revoked`."""

    jti: str
    sid: str | None
    sub: str
    issued_at: float | None
    now: float


class Replay(NamedTuple):
    """A later use of a refresh token, and its time."""

    jti: str
    now: float


class Lookups:
    """The two statements that read."""

    __slots__ = ("_find_revocations", "_find_uses")

    def __init__(self, tables: Tables, *, is_sqlite: bool) -> None:
        """Build the statements."""
        finder = _finder_on_sqlite if is_sqlite else _finder_on_postgres
        revocations, consumed = tables.revocations, tables.consumed
        self._find_revocations: _Finder = finder(select(revocations), revocations.c.identity)
        self._find_uses: _Finder = finder(_uses(consumed), consumed.c.jti)

    async def are_revoked(self, connection: AsyncConnection, checks: Sequence[Check]) -> list[bool]:
        """Return whether each token is revoked; its three records are read at the same moment."""
        answers: list[bool] = []
        for start in range(0, len(checks), _LARGEST):
            some = checks[start : start + _LARGEST]
            keys_of_each = [_keys_of(each) for each in some]
            keys = list(dict.fromkeys(key for each in keys_of_each for key in each))

            found = await self._find_revocations(connection, keys)
            answers += [
                _denies(check, keys, found) for check, keys in zip(some, keys_of_each, strict=True)
            ]
        return answers

    async def retention(self, connection: AsyncConnection) -> float:
        """Return the retention of the store; zero if none was set."""
        found = await self._find_revocations(connection, [RETENTION_KEY])
        return float(found[RETENTION_KEY].issued_before) if found else 0.0

    async def later_uses(
        self, connection: AsyncConnection, replays: Sequence[Replay]
    ) -> list[Consumed]:
        """Return the result of each later use, which depends on the record of the first use."""
        keys = [key_of(replay.jti) for replay in replays]

        found: dict[str, Row[Any]] = {}
        for start in range(0, len(keys), _LARGEST):
            found |= await self._find_uses(connection, keys[start : start + _LARGEST])
        return [
            _later_use(found.get(key), replay.now)
            for key, replay in zip(keys, replays, strict=True)
        ]


def _uses(table: Table) -> Select[Any]:
    following = table.alias()
    return select(
        table.c.jti,
        table.c.sealed,
        table.c.grace_until,
        following.c.keep_until.label("successor_kept_until"),
    ).select_from(table.outerjoin(following, following.c.jti == table.c.successor))


def _finder_on_sqlite(found: Select[Any], key: ColumnElement[str]) -> _Finder:
    statement = found.where(key.in_(bindparam("keys", expanding=True)))

    async def find(connection: AsyncConnection, keys: list[str]) -> dict[str, Row[Any]]:
        # There is no pooler in front of a file, so no result can belong to another statement.
        result = await connection.execute(statement, {"keys": _padded(keys)})
        return {row[0]: row for row in result}

    return find


def _finder_on_postgres(found: Select[Any], key: ColumnElement[str]) -> _Finder:
    keys_parameter: ColumnElement[Any] = bindparam("keys", type_=ARRAY(Text))

    nothing = [type_coerce(null(), column.type) for column in list(found.selected_columns)[1:]]
    statement = EchoedStatement(
        lambda echo: union_all(found.where(key == func.any(keys_parameter)), select(echo, *nothing))
    )

    async def find(connection: AsyncConnection, keys: list[str]) -> dict[str, Row[Any]]:
        return (await statement.run(connection, {"keys": keys}))[1]

    return find


def _padded(keys: list[str]) -> list[str]:
    """Repeat the last key up to a power of two, so that there are few different statements."""
    size = 1 << (len(keys) - 1).bit_length()
    return keys + keys[-1:] * (size - len(keys))


def _keys_of(check: Check) -> tuple[str, str, str]:
    return (
        revocation_key("token", check.jti),
        revocation_key("session", check.sid or ""),
        revocation_key("subject", check.sub),
    )


def _denies(check: Check, keys: tuple[str, str, str], found: dict[str, Row[Any]]) -> bool:
    jti, sid, sub = (found.get(key) for key in keys)
    if jti is not None and jti.keep_until > check.now:
        return True
    if check.sid is not None and sid is not None and sid.keep_until > check.now:
        return True

    if sub is None or sub.keep_until <= check.now:
        return False
    before = sub.issued_before
    return before is None or check.issued_at is None or bool(check.issued_at < before)


def _later_use(first: Row[Any] | None, now: float) -> Consumed:
    if first is None or now >= first.grace_until:
        return Consumed(is_first=False)

    is_successor_used = first.successor_kept_until is not None and first.successor_kept_until > now
    return Consumed(
        is_first=False, sealed=b"" if is_successor_used else first.sealed, is_in_grace=True
    )
