"""Metrics and traces of engines and stores, by OpenTelemetry. Needs ``tokenward[otel]``.

::

    telemetry = Telemetry()
    engine = TokenEngine(ring, store=telemetry.observe_store(RedisStore(url)))
    telemetry.observe_engine(engine)

No attribute contains a part of a token, a claim, an identity or a message of an error.
"""

from tokenward.engine.telemetry.observed_store import ObservedFollowedStore, ObservedStore
from tokenward.engine.telemetry.telemetry import Telemetry

__all__ = ["ObservedFollowedStore", "ObservedStore", "Telemetry"]
