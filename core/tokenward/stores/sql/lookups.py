"""The reads of a SqlStore, many checks in one SELECT, and how the rows are evaluated."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    false,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.errors import ConfigurationError
from tokenward.stores.protocol import Consumed
from tokenward.stores.recent_uses import later_use, mark_of
from tokenward.stores.sql.database import Kind
from tokenward.stores.sql.echoed_statements import EchoedStatement
from tokenward.stores.sql.schema import (
    RETENTION_KEY,
    Tables,
    key_of,
    revocation_key,
    unpacked_uses,
)

__all__ = ["Check", "Lookups", "Replay"]

_Found: TypeAlias = tuple[Select[Any], ColumnElement[str]]
"""A query, and its column that contains the keys."""
_Finder: TypeAlias = Callable[[AsyncConnection, list[str]], Awaitable[dict[str, Row[Any]]]]

# The checks of one SELECT: three keys for each stay below the 999 parameters of old SQLite.
_LARGEST: Final = 256
# In front of the keys of uses.
_BEFORE_SESSION: Final = "session:"
_BEFORE_TOKEN: Final = "token:"  # noqa: S105 - a name


_IS_READ_ONLY: Final[dict[Kind, str]] = {
    "sqlite": "0",
    # Also on a standby.
    "postgresql": "CAST(current_setting('transaction_read_only') AS boolean)::integer",
    "mysql": "@@global.read_only",
}
_READ_ONLY: Final = (
    "The database of this SqlStore is read-only, as a standby is, which also receives revocations "
    "late: connect to its primary."
)


class Check(NamedTuple):
    """The arguments of one call of `RevocationStore.is_revoked`."""

    jti: str
    sid: str | None
    sub: str
    issued_at: float | None
    now: float


class Replay(NamedTuple):
    """A later use of a refresh token, and its time."""

    session: str
    jti: str
    now: float


class Lookups:
    """The statements that read."""

    __slots__ = ("_find_revocations", "_find_uses", "_probe")

    def __init__(self, tables: Tables, kind: Kind) -> None:
        """Build the statements for a kind of database."""
        finder = _finder_on_postgres if kind == "postgresql" else _finder_by_list
        revocations, sessions, former = tables.revocations, tables.sessions, tables.consumed
        self._find_revocations: _Finder = finder((select(revocations), revocations.c.identity))
        self._find_uses: _Finder = finder(*_uses(tables))
        # Names every column and reads no row of them.
        joined = revocations.join(sessions, revocations.c.keep_until == sessions.c.keep_until)
        joined = joined.join(former, former.c.keep_until == sessions.c.keep_until)
        every = select(revocations, sessions, former).select_from(joined)
        self._probe = select(
            literal_column(_IS_READ_ONLY[kind], Integer), every.where(false()).exists()
        )

    async def probe(self, connection: AsyncConnection) -> None:
        """Fail unless all tables can be read and have all columns, and the database can be written.

        Raises:
            ConfigurationError: the database is read-only.
            DBAPIError: the database failed or refused.
        """
        is_read_only, _ = (await connection.execute(self._probe)).one()
        if is_read_only:
            raise ConfigurationError(_READ_ONLY)

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
        """Return the result of each later use, which depends on the record of its session.

        Raises:
            DamagedRowError: a record is unreadable.
        """
        pairs = [(key_of(each.session), key_of(each.jti)) for each in replays]
        keys = list(dict.fromkeys(key for pair in pairs for key in pair))

        found: dict[str, Row[Any]] = {}
        for start in range(0, len(keys), _LARGEST):
            found |= await self._find_uses(connection, keys[start : start + _LARGEST])
        return [
            _later_use(
                replay, found.get(_BEFORE_SESSION + session), found.get(_BEFORE_TOKEN + token)
            )
            for (session, token), replay in zip(pairs, replays, strict=True)
        ]


def _uses(tables: Tables) -> tuple[_Found, _Found]:
    """Return the records of sessions, and those that an earlier version has written for tokens."""
    session, former = tables.sessions.c, tables.consumed
    following = former.alias()
    of_sessions = select(
        literal_column(f"'{_BEFORE_SESSION}'", Text).concat(session.session).label("name"),
        session.recent,
        session.sealed,
        session.keep_until,
        type_coerce(null(), session.grace_until.type).label("grace_until"),
        type_coerce(null(), session.keep_until.type).label("successor_kept_until"),
    )
    of_tokens = select(
        literal_column(f"'{_BEFORE_TOKEN}'", Text).concat(former.c.jti),
        type_coerce(null(), session.recent.type),
        former.c.sealed,
        former.c.keep_until,
        former.c.grace_until,
        following.c.keep_until,
    ).select_from(former.outerjoin(following, following.c.jti == former.c.successor))
    return (of_sessions, session.session), (of_tokens, former.c.jti)


def _finder_by_list(*found: _Found) -> _Finder:
    keys_parameter: BindParameter[Any] = bindparam("keys", expanding=True)
    statement = union_all(*(rows.where(key.in_(keys_parameter)) for rows, key in found))

    async def find(connection: AsyncConnection, keys: list[str]) -> dict[str, Row[Any]]:
        # No statement is prepared that a pooler could confuse with another one.
        result = await connection.execute(statement, {"keys": _padded(keys)})
        return {_text(row[0]): row for row in result}

    return find


def _finder_on_postgres(*found: _Found) -> _Finder:
    keys_parameter: ColumnElement[Any] = bindparam("keys", type_=ARRAY(Text))

    columns = list(found[0][0].selected_columns)
    nothing = [type_coerce(null(), column.type) for column in columns[1:]]
    wanted = [rows.where(key == func.any(keys_parameter)) for rows, key in found]
    statement = EchoedStatement(lambda echo: union_all(*wanted, select(echo, *nothing)))

    async def find(connection: AsyncConnection, keys: list[str]) -> dict[str, Row[Any]]:
        return (await statement.run(connection, {"keys": keys}))[1]

    return find


def _text(key: str | bytes) -> str:
    # A name that MariaDB or MySQL puts together from bytes has no type.
    return key.decode("ascii") if isinstance(key, bytes) else key


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


def _later_use(replay: Replay, record: Row[Any] | None, former: Row[Any] | None) -> Consumed:
    now = replay.now
    if former is not None and former.keep_until > now:
        if now >= former.grace_until:
            return Consumed(is_first=False)
        # The record of the session means that the successor, or a token after it, was consumed.
        ends = (former.successor_kept_until, record and record.keep_until)
        is_used = any(end is not None and end > now for end in ends)
        sealed = b"" if is_used else former.sealed
        return Consumed(is_first=False, sealed=sealed, is_in_grace=True)

    if record is None:
        return Consumed(is_first=False)
    return later_use(unpacked_uses(record.recent), mark_of(replay.jti), record.sealed, now)
