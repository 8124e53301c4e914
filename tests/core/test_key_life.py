"""The states of keys: pending, active, verify-only and removed."""

from copy import deepcopy
from datetime import timedelta
from threading import Event, Thread

import pytest

from tests.support import NOW, SECRET, engine_with
from tokenward import ConfigurationError, Key, KeyRing, TokenPolicy
from tokenward.errors import UnknownKeyError
from tokenward.keys import KeyEntry

DAY = timedelta(days=1)


def key(kid: str) -> Key:
    """Return a key with this id."""
    return Key.generate("ES256", kid=kid)


def states_of(ring: KeyRing) -> list[tuple[str | None, str, float | None]]:
    """Return the id, state and end of each key."""
    return [(entry.key.kid, entry.state, entry.verify_until) for entry in ring.entries()]


@pytest.fixture
def ring() -> KeyRing:
    """Return a ring of one key."""
    return KeyRing(key("old"))


async def test_an_old_key_verifies_until_it_expires(ring, clock):
    """Its tokens are accepted for verify_for, to the second, and the new key signs at once."""
    engine = engine_with(clock, keys=ring, policy=TokenPolicy(access_lifetime=3 * DAY))
    token = await engine.issue("alice")
    ring.rotate(key("new"), verify_for=DAY, now=clock())

    assert ring.active.kid == "new"
    assert (await engine.decode(await engine.issue("alice"))).sub == "alice"
    clock.advance(DAY.total_seconds() - 1)
    assert (await engine.decode(token)).sub == "alice"
    clock.advance(1)
    with pytest.raises(UnknownKeyError):
        await engine.decode(token)
    assert len(ring) == 1


async def test_a_rotation_without_a_time_counts_from_its_next_use(ring, clock):
    """The time of the next engine that uses the ring counts."""
    engine = engine_with(clock, keys=ring, policy=TokenPolicy(access_lifetime=3 * DAY))
    token = await engine.issue("alice")
    ring.rotate(key("new"), verify_for=DAY)
    with pytest.raises(ConfigurationError, match="pass now= to rotate"):
        ring.entries()

    clock.advance(10)
    await engine.decode(token)
    assert states_of(ring) == [
        ("new", "active", None),
        ("old", "verify-only", NOW + 10 + DAY.total_seconds()),
    ]


@pytest.mark.parametrize("how", ["retire", "rotate", "replace"])
async def test_a_removed_key_no_longer_verifies_anything(ring, clock, how):
    """A cached header is not used after its key has been removed."""
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    await engine.decode(token)
    if how == "replace":
        ring.replace(KeyRing(key("other")))
    else:
        ring.rotate(key("new"), verify_for=DAY if how == "retire" else timedelta(0), now=NOW)
        if how == "retire":
            ring.retire("old")

    with pytest.raises(UnknownKeyError):
        await engine.decode(token)
    assert (await engine.decode(await engine.issue("bob"))).sub == "bob"


async def test_a_key_of_the_same_id_is_another_key(ring, clock):
    """Cached headers name a key, not an id."""
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    await engine.decode(token)
    ring.replace(KeyRing(key("old")))
    with pytest.raises(Exception, match="signature"):
        await engine.decode(token)


async def test_a_pending_key_is_known_and_does_not_sign(ring, clock):
    """Another process may have rotated already: its tokens are accepted here."""
    engine, pending = engine_with(clock, keys=ring), key("next")
    ahead = engine_with(clock, keys=KeyRing(pending))
    ring.publish(pending)

    assert (await engine.decode(await ahead.issue("alice"))).sub == "alice"
    assert ring.active.kid == "old"
    assert [each["kid"] for each in ring.public_jwks()["keys"]] == ["old", "next"]
    ring.rotate(pending, verify_for=None)
    assert states_of(ring) == [("next", "active", None), ("old", "verify-only", None)]


def test_a_rotation_may_go_back(ring):
    """A verify-only key that signs again is active, and no longer expires."""
    old = ring.active
    ring.rotate(key("new"), verify_for=DAY, now=NOW)
    ring.rotate(old, verify_for=DAY, now=NOW + 5)
    assert states_of(ring) == [
        ("old", "active", None),
        ("new", "verify-only", NOW + 5 + DAY.total_seconds()),
    ]
    ring.drop_expired(NOW + 2 * DAY.total_seconds())
    assert states_of(ring) == [("old", "active", None)]


def test_the_public_set_has_nothing_private(ring):
    """The set has no private member and no secret."""
    ring = KeyRing(ring.active, verifiers=[Key.from_secret(SECRET, kid="secret")])
    (published,) = ring.public_jwks()["keys"]
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert KeyRing.from_secret(SECRET).public_jwks() == {"keys": []}


def test_a_ring_is_rebuilt_from_its_entries(ring):
    """A ring is rebuilt from its entries with all states and times."""
    ring.rotate(key("new"), verify_for=DAY, now=NOW)
    ring.publish(key("next"))
    again = KeyRing.from_entries(reversed(ring.entries()))
    assert sorted(again.entries()[1:], key=str) == sorted(ring.entries()[1:], key=str)
    assert again.active is ring.active
    assert again.due_at == NOW + DAY.total_seconds()


@pytest.mark.parametrize(
    "states",
    [[], ["pending"], ["active", "active"], ["active", "retired"]],
    ids=["none", "no active", "two active", "unknown"],
)
def test_a_ring_has_exactly_one_active_key(states):
    """A ring without exactly one active key, or with an unknown state, is refused."""
    entries = [KeyEntry(key(str(at)), state) for at, state in enumerate(states)]
    with pytest.raises(ConfigurationError, match="exactly one active"):
        KeyRing.from_entries(entries)


WRONG = {
    "publish twice": lambda ring: ring.publish(key("old")),
    "rotate to the active one": lambda ring: ring.rotate(ring.active, verify_for=DAY),
    "rotate to one of its id": lambda ring: ring.rotate(key("old"), verify_for=DAY),
    "a negative time": lambda ring: ring.rotate(key("new"), verify_for=-DAY),
    "retire the active one": lambda ring: ring.retire("old"),
    "retire a stranger": lambda ring: ring.retire("stranger"),
    "two secrets without id": lambda ring: [
        ring.publish(Key.from_secret(SECRET)),
        ring.publish(Key.from_secret(SECRET)),
    ],
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_an_impossible_change_is_refused_and_changes_nothing(ring, change):
    """The error leaves the ring unchanged."""
    before = ring.active
    with pytest.raises(ConfigurationError):
        change(ring)
    assert ring.active is before
    assert {entry.state for entry in ring.entries()} <= {"active", "pending"}


def test_a_refused_rotation_keeps_earlier_times(ring):
    """A rotation that fails keeps the times of an earlier rotation."""
    ring.rotate(key("new"), verify_for=DAY)
    with pytest.raises(ConfigurationError):
        ring.rotate(key("new"), verify_for=DAY)
    ring.drop_expired(NOW)
    assert states_of(ring)[1] == ("old", "verify-only", NOW + DAY.total_seconds())


def test_two_keys_without_id_may_follow_each_other():
    """A ring of secrets can be rotated if one of the two has an id."""
    ring = KeyRing.from_secret(SECRET)
    ring.rotate(Key.from_secret(SECRET[::-1], kid="2026"), verify_for=DAY, now=NOW)
    assert states_of(ring)[1] == (None, "verify-only", NOW + DAY.total_seconds())


class RacingKey(Key):
    """A key that, while it is added to a ring, lets another thread try to change that ring."""

    __slots__ = ("race",)

    @property
    def kid(self):
        """Run the race once, when the ring reads the id."""
        race, self.race = getattr(self, "race", None), None
        if race is not None:
            thread = Thread(target=race)
            thread.start()
            # If the ring lets the other thread change it here, that change is overwritten afterwards.
            thread.join(timeout=0.2)
        return super().kid


CHANGES = {
    "publish": lambda ring, racing: ring.publish(racing),
    "rotate": lambda ring, racing: ring.rotate(racing, verify_for=None),
    "retire": lambda ring, racing: (ring.publish(racing), ring.retire("other")),
    "drop_expired": lambda ring, racing: (ring.publish(racing), ring.drop_expired(NOW)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_retired_key_stays_removed_whatever_another_thread_changes(change):
    """A change of a ring never undoes a simultaneous change by another thread."""
    ring = KeyRing(key("now"), verifiers=[key("leaked"), key("other")])
    retired = Event()

    def retire():
        ring.retire("leaked")
        retired.set()

    racing = RacingKey.generate("ES256", kid="racing")
    racing.race = retire
    before = ring.version
    change(ring, racing)
    assert retired.wait(timeout=60)

    kids = {each.kid for each in ring}
    assert "leaked" not in kids
    assert {"now", "racing"} <= kids
    assert ring.version - before == (3 if change in _TWO_CHANGES else 2)


_TWO_CHANGES = (CHANGES["retire"], CHANGES["drop_expired"])


async def test_a_copied_ring_changes_independently(ring, clock):
    """A deep copy has the same keys, and changes independently."""
    token = await engine_with(clock, keys=ring).issue("alice")
    ring.publish(key("next"))
    twin = deepcopy(ring)
    assert twin.entries() == ring.entries()
    twin.rotate(key("new"), verify_for=DAY, now=NOW)

    assert states_of(ring) == [("old", "active", None), ("next", "pending", None)]
    assert (await engine_with(clock, keys=twin).decode(token)).sub == "alice"


class RotatingRing(KeyRing):
    """A ring that another thread rotates just before its active key is read."""

    __slots__ = ("next",)

    @property
    def active(self):
        """Rotate once, if there is a next key."""
        following, self.next = getattr(self, "next", None), None
        if following is not None:
            self.rotate(following, verify_for=DAY, now=NOW)
        return super().active


async def test_a_token_names_the_key_that_signed_it(clock):
    """If the ring is rotated while a token is signed, its header still names the key that signed it."""
    ring = RotatingRing(key("old"))
    engine = engine_with(clock, keys=ring)
    await engine.issue("alice")
    ring.next = key("new")
    token = await engine.issue("alice")

    assert ring.active.kid == "new"
    assert (await engine.decode(token)).sub == "alice"
