"""What a remote key set tells about its fetches, and the metrics of them."""

from tests.remote.conftest import OLD
from tests.remote.issuer import Issuer
from tests.support import FrozenClock
from tests.telemetry.test_telemetry import NAMED, Collected
from tokenward import Claims, RemoteKeySet, TokenEngine


async def test_each_fetch_is_reported_with_its_error(
    keys: RemoteKeySet, verifier: TokenEngine[Claims], issuer: Issuer, clock: FrozenClock
) -> None:
    """None if there are new keys."""
    fetches = []
    keys.on_fetch(fetches.append)
    assert keys.fetched_at is None
    await verifier.decode(issuer.token(OLD))
    assert (keys.fetched_at, fetches[0].error) == (clock.now, None)
    assert fetches[0].seconds >= 0

    issuer.replies.clear()
    clock.advance(601)
    await verifier.decode(issuer.token(OLD, exp=clock.now + 60))
    assert type(fetches[1].error).__name__ == "UnusableResponseError"
    assert keys.fetched_at == clock.now - 601


async def test_the_age_of_the_keys_and_the_durations_of_fetches_are_measured(
    verifier: TokenEngine[Claims], issuer: Issuer, clock: FrozenClock
) -> None:
    """A fetch that worked has no error."""
    sdk = Collected()
    sdk.telemetry.observe_engine(verifier)
    await verifier.decode(issuer.token(OLD))
    clock.advance(7)
    assert sdk.points("keys.age") == {(NAMED,): 7}
    assert sdk.points("keys.fetch.duration") == {(NAMED,): 1}
    (span,) = sdk.spans()
    assert span.status.is_unset
