"""The revocations that a process has made, until it reads them from the shared store."""

from tokenward.stores.feed import Change
from tokenward.stores.identities import key_of

__all__ = ["OwnRevocations"]


class OwnRevocations:
    """Few records, for less than a second each if the store can be read."""

    __slots__ = ("added",)

    def __init__(self) -> None:
        """Start empty."""
        # A second record of one identity never weakens the first.
        self.added: dict[tuple[str, str], list[tuple[float, Change]]] = {}
        """The records with the uptime of their addition, by kind and name."""

    def add(self, change: Change, *, uptime: float) -> None:
        """Add a record that the shared store has acknowledged."""
        self.added.setdefault((change.kind, change.name), []).append((uptime, change))

    def forget(self, before: float) -> None:
        """Remove the records that a read which began at this uptime has delivered."""
        for key, added in list(self.added.items()):
            if later := [each for each in added if each[0] >= before]:
                self.added[key] = later
            else:
                del self.added[key]

    def denies(self, jti: str, sid: str | None, sub: str, issued_at: float, now: float) -> bool:
        """Return whether a record denies the token; see `RevocationStore.is_revoked`."""
        named = (("token", jti), ("session", sid or ""), ("subject", sub))
        return any(
            change.keep_until > now and issued_at < change.issued_before
            for kind, identity in named
            if identity
            for _, change in self.added.get((kind, key_of(identity)), ())
        )
