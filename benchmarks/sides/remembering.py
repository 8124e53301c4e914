"""Blocks of tokens that Tokenward sees for the first time, and of tokens that it has seen before.

The engine's own counts say afterwards whether a block was what it claims to be.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator

from answering import Call, Case

from tokenward import TokenEngine


class Watch:
    """Counts what the signature cache of an engine did in a block."""

    def __init__(self, engine: TokenEngine) -> None:
        """Take the engine."""
        self._engine = engine
        self._hits = self._misses = 0

    def start(self, engine: TokenEngine | None = None) -> None:
        """Begin a block, of another engine where one is given."""
        self._engine = engine or self._engine
        memory = self._engine.signature_cache
        self._hits, self._misses = memory.hits, memory.misses

    def first_sight(self, calls: int) -> None:
        """End the side unless every token of the block was new."""
        self._demand(hits=0, misses=calls)

    def repeat(self, calls: int) -> None:
        """End the side unless every token of the block was remembered."""
        self._demand(hits=calls, misses=0)

    def _demand(self, *, hits: int, misses: int) -> None:
        memory = self._engine.signature_cache
        seen = memory.hits - self._hits, memory.misses - self._misses
        if seen != (hits, misses):
            sys.exit(f"Expected {hits} hits and {misses} misses, got {seen[0]} and {seen[1]}.")


def first_sight(engine: TokenEngine, call: Call, inputs: Iterator[object]) -> Case:
    """Make a case of inputs that come again only after more others than the engine remembers."""
    watch = Watch(engine)

    async def ready() -> Call:
        watch.start()
        return call

    return Case(inputs=inputs, ready=ready, check=watch.first_sight)


def repeat(
    engine: TokenEngine, call: Callable[[object], Awaitable[object]], inputs: Iterator[object]
) -> Case:
    """Make a case of one input, which the engine has seen before each block."""
    watch = Watch(engine)

    async def ready() -> Call:
        await call(next(inputs))
        watch.start()
        return call

    return Case(inputs=inputs, ready=ready, check=watch.repeat)
