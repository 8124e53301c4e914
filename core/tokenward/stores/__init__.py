"""The revocation store protocol, its records, and the stores that need no extra.

The stores for several processes are in `tokenward.stores.redis` and `tokenward.stores.sql`.
"""

from tokenward.stores.memory import MemoryStore, SharedMemoryWarning
from tokenward.stores.prefixed import PrefixedStore
from tokenward.stores.protocol import (
    CLOCK_SPARE_SECONDS,
    Consumed,
    Consumption,
    Revocation,
    RevocationStore,
)

__all__ = [
    "CLOCK_SPARE_SECONDS",
    "Consumed",
    "Consumption",
    "MemoryStore",
    "PrefixedStore",
    "Revocation",
    "RevocationStore",
    "SharedMemoryWarning",
]
