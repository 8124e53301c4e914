"""What a SqlStore reads, many questions in one SELECT, and how it judges the rows."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores._sql_schema import LARGEST_LOOKUP, Statements, key_of, padded, revocation_key

__all__ = ["Check", "Replay", "find_sealed", "judge"]

_NOTHING = (0.0, None)


class Check(NamedTuple):
    """One question of `RevocationStore.is_revoked`."""

    jti: str
    sid: str | None
    sub: str
    issued_at: float | None
    now: float


class Replay(NamedTuple):
    """A token that was not the first of its ``jti`` to be used, and when that was found."""

    jti: str
    now: float


async def judge(
    connection: AsyncConnection, statements: Statements, checks: Sequence[Check]
) -> list[bool]:
    """Tell of each whether it is revoked; all that is said of one token is read at one moment."""
    answers: list[bool] = []
    for start in range(0, len(checks), LARGEST_LOOKUP):
        some = checks[start : start + LARGEST_LOOKUP]
        asked = [_keys_of(each) for each in some]
        keys = padded(list(dict.fromkeys(key for each in asked for key in each)))
        rows = await connection.execute(statements.look_up, {"keys": keys})
        found = {row.identity: (row.keep_until, row.issued_before) for row in rows}
        answers += [_denies(check, keys, found) for check, keys in zip(some, asked, strict=True)]
    return answers


def _keys_of(check: Check) -> tuple[str, str, str]:
    return (
        revocation_key("token", check.jti),
        revocation_key("session", check.sid or ""),
        revocation_key("subject", check.sub),
    )


def _denies(
    check: Check,
    keys: tuple[str, str, str],
    found: dict[str, tuple[float, float | None]],
) -> bool:
    jti, sid, sub = keys
    if found.get(jti, _NOTHING)[0] > check.now:
        return True
    if check.sid is not None and found.get(sid, _NOTHING)[0] > check.now:
        return True
    keep_until, before = found.get(sub, _NOTHING)
    if keep_until <= check.now:
        return False
    return before is None or check.issued_at is None or check.issued_at < before


async def find_sealed(
    connection: AsyncConnection, statements: Statements, replays: Sequence[Replay]
) -> list[bytes]:
    """Give what the first use of each has sealed, while that may be given again; else nothing."""
    keys = [key_of(replay.jti) for replay in replays]
    found = {}
    for start in range(0, len(keys), LARGEST_LOOKUP):
        some = padded(keys[start : start + LARGEST_LOOKUP])
        for row in await connection.execute(statements.earlier, {"keys": some}):
            found[row.jti] = row
    sealed = []
    for key, replay in zip(keys, replays, strict=True):
        row = found.get(key)
        may_come_again = (
            row is not None
            and replay.now < row.grace_until
            and (row.successor_kept_until is None or row.successor_kept_until <= replay.now)
        )
        sealed.append(row.sealed if row is not None and may_come_again else b"")
    return sealed
