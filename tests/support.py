"""What several tests need: secrets, claims, engines and raw tokens."""

import os
import traceback

from tokenward import Claims, KeyRing, MemoryStore, RevocationStore, TokenEngine, TokenPolicy
from tokenward.testing import FrozenClock
from tokenward.testing.adapters.tokens import (
    NOW,
    OTHER_SECRET,
    SECRET,
    CountingKey,
    ShopClaims,
    payload_of,
    signed,
)

__all__ = [
    "IS_DEEP",
    "NOW",
    "OTHER_SECRET",
    "SECRET",
    "CountingKey",
    "FrozenClock",
    "ShopClaims",
    "engine_with",
    "everything_of",
    "payload_of",
    "signed",
]

IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
"""Whether races and the like are repeated often, or a few times."""


def engine_with(
    clock: FrozenClock,
    *,
    keys: KeyRing | None = None,
    policy: TokenPolicy | None = None,
    store: RevocationStore | None = None,
) -> TokenEngine[Claims]:
    """Build an engine with a MemoryStore and a frozen clock."""
    return TokenEngine(
        KeyRing.from_secret(SECRET) if keys is None else keys,
        policy=TokenPolicy() if policy is None else policy,
        store=MemoryStore() if store is None else store,
        clock=clock,
    )


def everything_of(error: BaseException | None) -> str:
    """Return what a traceback of an error shows, of its causes and hidden contexts as well."""
    shown = "".join(traceback.format_exception(error))
    while error is not None:
        shown += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    return shown
