"""The rows that a batch of calls writes, in one order everywhere.

Two processes that write the same rows lock them in the same order, so they cannot deadlock.
"""

import math
from collections.abc import Sequence
from typing import Any

from tokenward.stores.protocol import Consumption, Revocation
from tokenward.stores.recent_uses import RecentUse, mark_of
from tokenward.stores.sql.schema import key_of, packed_use, revocation_key

__all__ = ["first_uses", "revocation_rows", "token_of_session", "use_rows"]


def revocation_rows(batch: Sequence[tuple[Revocation, float]]) -> list[dict[str, Any]]:
    """Return one row for each identity; of several revocations the later times stand."""
    merged: dict[str, tuple[float, float]] = {}
    for revocation, now in batch:
        key = revocation_key(revocation.kind, revocation.identity)
        keep_until = revocation.keep_until
        # Without a time, everything is denied.
        before = math.inf if revocation.issued_before is None else revocation.issued_before

        if key in merged:
            earlier_end, earlier_before = merged[key]
            keep_until = max(keep_until, earlier_end)
            before = max(before, earlier_before) if earlier_end > now else before
        merged[key] = (keep_until, before)

    return [
        {
            "identity": key,
            "keep_until": keep_until,
            "issued_before": None if before == math.inf else before,
        }
        for key, (keep_until, before) in sorted(merged.items())
    ]


def token_of_session(request: tuple[Consumption, float]) -> tuple[str, str]:
    """Return the session of a use and its token: a batch has one token of each session at most."""
    use, _ = request
    return use.session, use.jti


def first_uses(batch: Sequence[tuple[Consumption, float]]) -> dict[str, int]:
    """Return the position of the first use of each session, by the session's key.

    Of several uses of one token in a batch, only this one can be the first of all.
    """
    positions: dict[str, int] = {}
    for position, (use, _) in enumerate(batch):
        positions.setdefault(key_of(use.session), position)
    return positions


def use_rows(
    batch: Sequence[tuple[Consumption, float]], positions: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the rows of the uses at these positions, which are those of `first_uses`."""
    uses = ((key, batch[positions[key]]) for key in sorted(positions))
    return [_use_row(key, use, now) for key, (use, now) in uses]


def _use_row(session: str, use: Consumption, now: float) -> dict[str, Any]:
    mark, successor = mark_of(use.jti), mark_of(use.successor)
    return {
        "session": session,
        # A token that was used is used, even if its successor has the same identity.
        "next_token": "" if successor == mark else successor,
        "recent": packed_use(RecentUse(mark, use.grace_until)),
        "sealed": use.sealed,
        "used_at": now,
        "grace_until": use.grace_until,
        "graces_until": use.grace_until,
        "keep_until": use.keep_until,
        "jti": key_of(use.jti),
    }
