"""Tools for the tests of applications, stores and adapters; not for production.

A frozen clock, test clients that are logged in, claims without a token, proofs of DPoP clients, and
the test suites that every store and every adapter must pass.
"""

from typing import TYPE_CHECKING

from tokenward.testing.acting import acting_as
from tokenward.testing.clock import FrozenClock
from tokenward.testing.dpop import DpopClient
from tokenward.testing.session_records import SessionRecordsContract
from tokenward.testing.signing_in import signed_in
from tokenward.testing.stores import RevocationStoreContract

if TYPE_CHECKING:
    from tokenward.testing.adapters.contract import AdapterContract

__all__ = [
    "AdapterContract",
    "DpopClient",
    "FrozenClock",
    "RevocationStoreContract",
    "SessionRecordsContract",
    "acting_as",
    "signed_in",
]


def __getattr__(name: str) -> object:
    """Import `AdapterContract` when it is first used: it needs pytest and httpx.

    Raises:
        AttributeError: there is no such name.
    """
    if name != "AdapterContract":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    import pytest

    parts = ("bearer", "browser", "cache", "dpop", "mtls", "resource", "socket", "stream")
    modules = [*(f"{part}_contract" for part in parts), "exchanges"]
    pytest.register_assert_rewrite(*(f"{__name__}.adapters.{module}" for module in modules))
    from tokenward.testing.adapters.contract import AdapterContract

    return AdapterContract
