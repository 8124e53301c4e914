"""The latest uses of a session's refresh tokens, and the result of a later use."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from tokenward.stores.protocol import RECENT_USES, Consumed

__all__ = ["MARK_LENGTH", "RecentUse", "later_use", "mark_of", "with_use"]

MARK_LENGTH: Final = 32


class RecentUse(NamedTuple):
    """A use of a refresh token: the token, or its mark, and the end of its grace."""

    token: str
    grace_until: float


def mark_of(identity: str) -> str:
    """Return what stands for a token in a record: 128 bits of its SHA-256, always of one length."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:MARK_LENGTH]


def with_use(
    recent: Sequence[RecentUse], token: str, grace_until: float, now: float
) -> tuple[RecentUse, ...]:
    """Return the latest uses after another one, the newest first, without those past their grace."""
    newest = RecentUse(token, grace_until)
    others = [use for use in recent if use.grace_until > now]
    return (newest, *others[: RECENT_USES - 1]) if others else (newest,)


def later_use(recent: Sequence[RecentUse], token: str, sealed: bytes, now: float) -> Consumed:
    """Return the result of a use that is not the first one.

    Args:
        recent: the latest uses of the session, the newest first.
        token: the token.
        sealed: the pair that the newest use has returned, if the store still has it.
        now: the time.
    """
    for place, use in enumerate(recent):
        if use.token == token:
            if now >= use.grace_until:
                break
            return Consumed(is_first=False, sealed=b"" if place else sealed, is_in_grace=True)
    return Consumed(is_first=False)
