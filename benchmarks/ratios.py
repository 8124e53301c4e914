"""What is made of measured times: medians, ratios, and how far those spread."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CALLS = 500
"""Of one block: no more than the tokens of a pool, so that none of them comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One comparison, block by block, in a line."""

    label: str
    ours: float
    theirs: float
    """The medians over all blocks; microseconds, where nothing else is said."""
    ratio: float
    """The median of the ratios of each block, which is not the ratio of the medians."""
    low: float
    high: float
    """Between them lie the middle 80 % of the ratios."""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the ratio is what the project set itself; None where it set itself nothing."""
        if self.at_most is not None:
            return self.ratio <= self.at_most
        return None if self.at_least is None else self.ratio >= self.at_least


def outcome(
    label: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Outcome:
    """Compare two sides that took turns.

    Args:
        label: what was compared.
        ours: the figure of each block.
        theirs: that of the same block.
        at_most: what the ratio should not be above.
        at_least: what it should not be below.

    Raises:
        ValueError: not the same number of blocks.
    """
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    low, high = middle(ratios)
    return Outcome(
        label=label,
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        ratio=statistics.median(ratios),
        low=low,
        high=high,
        at_most=at_most,
        at_least=at_least,
    )


def middle(values: Sequence[float]) -> tuple[float, float]:
    """Give the bounds of the middle 80 %: a tenth of the values lies below, a tenth above."""
    ordered = sorted(values)
    tenth = len(ordered) // 10
    return ordered[tenth], ordered[-tenth - 1]


def calls_for(microseconds: float, wanted_seconds: float) -> int:
    """Say how many calls make a block of about the wanted length, within what the pools of tokens allow."""
    return max(1, min(MOST_CALLS, round(wanted_seconds * 1e6 / microseconds)))
