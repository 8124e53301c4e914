"""A process that checks revoked tokens all the time, in its own mirror."""

import asyncio
import time
from collections import Counter, deque
from datetime import timedelta
from multiprocessing.connection import Connection

from tests.stores.crash_worker import Place
from tests.stores.mirror.support import denies
from tokenward.stores.mirror import MirroredStore

STALENESS = timedelta(seconds=1)
RECENT = 60


def check_until_the_end(place: Place, parent: Connection) -> None:
    """Check the tokens that the parent has revoked, and send how the checks went."""
    asyncio.run(_check(place, parent))


async def _check(place: Place, parent: Connection) -> None:
    counts: Counter[str] = Counter()
    recent: deque[tuple[str, float]] = deque(maxlen=RECENT)
    async with MirroredStore(place.store(), max_staleness=STALENESS) as mirror:  # type: ignore[arg-type]
        await mirror.catch_up()
        parent.send("ready")
        while True:
            while parent.poll():
                received = parent.recv()
                if received is None:
                    parent.send(counts)
                    return
                recent.append(received)

            for identity, acknowledged_at in recent:
                # One clock for all processes of the machine.
                began_at = time.monotonic()
                try:
                    is_denied = await denies(mirror, identity)
                    counts["wrong"] += await denies(mirror, f"not {identity}")
                except Exception:  # noqa: BLE001 - refused with 503
                    counts["unavailable"] += 1
                    continue
                is_late = began_at > acknowledged_at + STALENESS.total_seconds()
                counts["denied" if is_denied else "too late" if is_late else "accepted"] += 1
            await asyncio.sleep(0.01)
