"""A running engine fetches remote keys before a token needs them."""

import asyncio
from datetime import timedelta

from tests.remote.conftest import NEW, OLD
from tests.remote.issuer import JWKS, Issuer
from tests.support import FrozenClock
from tokenward import Claims, TokenEngine


async def five_seconds() -> None:
    """Let the time of the event loop pass, and let its tasks run."""
    asyncio.get_running_loop().travel(timedelta(seconds=5))  # type: ignore[attr-defined]
    for _ in range(20):
        await asyncio.sleep(0)


async def was_asked(issuer: Issuer) -> None:
    """Wait until the issuer gets a request."""
    await asyncio.to_thread(issuer.was_asked.wait)
    issuer.was_asked.clear()


async def test_keys_are_fetched_at_the_start_and_before_they_are_due(
    verifier: TokenEngine[Claims], issuer: Issuer, clock: FrozenClock
) -> None:
    """Without a single token: the first one after a quiet time finds the keys of the issuer."""
    async with verifier.running():
        await was_asked(issuer)
        assert (await verifier.decode(issuer.token(OLD))).sub == "alice"
        issuer.publish(NEW)

        clock.advance(479)
        await five_seconds()
        assert len(asyncio.all_tasks()) == 2  # this one, and the one that waits

        clock.advance(2)
        await five_seconds()
        await was_asked(issuer)
        assert (await verifier.decode(issuer.token(NEW))).sub == "alice"
        assert issuer.asked == [JWKS] * 2
