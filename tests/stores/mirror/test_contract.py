"""The contract of all stores, for a MirroredStore."""

import pytest

from tests.stores.mirror.support import MINUTE
from tokenward.stores import PrefixedStore
from tokenward.stores.mirror import MirroredStore
from tokenward.testing import RevocationStoreContract, SessionRecordsContract


class TestMirroredStore(RevocationStoreContract):
    """The contract, for a mirror that has a complete picture."""

    @pytest.fixture
    async def store(self, opened):
        """Yield an empty store."""
        async with opened() as inner, MirroredStore(inner, max_staleness=MINUTE) as mirror:
            await mirror.catch_up()
            yield mirror


@pytest.mark.parametrize("opened", ["memory", "redis"], indirect=True)
class TestSessionsBehindAMirror(SessionRecordsContract):
    """The contract of lists of sessions: a mirror passes them on."""

    @pytest.fixture
    async def store(self, opened):
        """Yield an empty store."""
        async with opened() as inner, MirroredStore(inner, max_staleness=MINUTE) as mirror:
            yield mirror


@pytest.mark.parametrize("opened", ["memory", "redis"], indirect=True)
class TestMirrorThatReadsOften(RevocationStoreContract):
    """The contract, for a mirror that is one of two, and reads all the time."""

    @pytest.fixture
    async def store(self, opened):
        """Yield an empty store, behind a prefix."""
        async with (
            opened() as inner,
            opened() as other,
            MirroredStore(other) as second,
            MirroredStore(inner) as mirror,
        ):
            await second.catch_up()
            await mirror.catch_up()
            yield PrefixedStore(mirror, "issuer")
