"""`RedisStore.session_records`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokenward.stores.redis.records import Keys, Reply

if TYPE_CHECKING:
    from tokenward.stores.session_records import SessionRecords

__all__ = ["SessionRecordsMethod"]


class SessionRecordsMethod(ABC):
    """The method `session_records` of `RedisStore`, whose constructor sets the attribute."""

    _keys: Keys

    def session_records(self) -> "SessionRecords":
        """Return the sessions of subjects, for an engine with a `session_list`.

        Each subject has one hash, which Redis removes an hour after the end of the last session.
        """
        from tokenward.stores.redis.session_records import RedisSessionRecords

        return RedisSessionRecords(self._keys, self._run)

    @abstractmethod
    async def _run(
        self, script: str, keys: Sequence[bytes], *arguments: bytes | str | int
    ) -> Reply:
        """Run a script, and return its reply."""
