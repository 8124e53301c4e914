"""The revocation store protocol, its records, and the stores that need no extra.

The stores for several processes are in `tokenward.stores.redis` and `tokenward.stores.sql`, and
a mirror of them in `tokenward.stores.mirror`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.stores.protocol import (
    CLOCK_SPARE_SECONDS,
    RECENT_USES,
    Consumed,
    Consumption,
    Revocation,
    RevocationStore,
)

if TYPE_CHECKING:
    from tokenward.stores.memory import MemoryStore, SharedMemoryWarning
    from tokenward.stores.prefixed import PrefixedStore
    from tokenward.stores.session_records import SessionRecord, SessionRecords
else:
    _LATE = {
        "MemoryStore": "tokenward.stores.memory",
        "SharedMemoryWarning": "tokenward.stores.memory",
        "PrefixedStore": "tokenward.stores.prefixed",
        "SessionRecord": "tokenward.stores.session_records",
        "SessionRecords": "tokenward.stores.session_records",
    }

    def __getattr__(name: str) -> object:
        """Import a name of `_LATE` when it is first used (PEP 562): many programs never use it.

        Raises:
            AttributeError: there is no such name.
        """
        if name not in _LATE:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(_LATE[name]), name)


__all__ = [
    "CLOCK_SPARE_SECONDS",
    "RECENT_USES",
    "Consumed",
    "Consumption",
    "MemoryStore",
    "PrefixedStore",
    "Revocation",
    "RevocationStore",
    "SessionRecord",
    "SessionRecords",
    "SharedMemoryWarning",
]
