"""Blocks of tokens that the engine sees for the first time, and of tokens that it has seen before.

After each block, the counters of the signature cache prove which of the two the block was.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator

from answering import Call, Case

from tokenward import TokenEngine


class CacheWatch:
    """Counts the hits and misses of a signature cache in a block."""

    def __init__(self, engine: TokenEngine) -> None:
        """Store the engine."""
        self._engine = engine
        self._hits = self._misses = 0

    def start(self, engine: TokenEngine | None = None) -> None:
        """Begin a block, with another engine if one is passed."""
        self._engine = engine or self._engine
        cache = self._engine.signature_cache
        self._hits, self._misses = cache.hits, cache.misses

    def first_sight(self, calls: int) -> None:
        """End the side unless every token of the block was new."""
        self._demand(hits=0, misses=calls)

    def repeat(self, calls: int) -> None:
        """End the side unless every token of the block was in the cache."""
        self._demand(hits=calls, misses=0)

    def _demand(self, *, hits: int, misses: int) -> None:
        cache = self._engine.signature_cache
        seen = cache.hits - self._hits, cache.misses - self._misses
        if seen != (hits, misses):
            sys.exit(f"Expected {hits} hits and {misses} misses, got {seen[0]} and {seen[1]}.")


def first_sight(engine: TokenEngine, call: Call, inputs: Iterator[object]) -> Case:
    """Return a case whose inputs are repeated only after more others than the cache holds."""
    watch = CacheWatch(engine)

    async def ready() -> Call:
        watch.start()
        return call

    return Case(inputs=inputs, ready=ready, check=watch.first_sight)


def repeat(
    engine: TokenEngine, call: Callable[[object], Awaitable[object]], inputs: Iterator[object]
) -> Case:
    """Return a case of one input, which the engine has seen before each block."""
    watch = CacheWatch(engine)

    async def ready() -> Call:
        await call(next(inputs))
        watch.start()
        return call

    return Case(inputs=inputs, ready=ready, check=watch.repeat)
