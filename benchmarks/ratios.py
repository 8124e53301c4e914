"""Summarise measured times: medians, ratios and the spread of the ratios."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CALLS = 500
"""The calls of one block: at most the number of tokens in a pool, so that no token is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One comparison of two sides, summarised over all blocks."""

    label: str
    ours: float
    theirs: float
    """The medians over all blocks, in microseconds unless the label names another unit."""
    ratio: float
    """The median of the ratios of each block, which is not the ratio of the medians."""
    low: float
    high: float
    """The bounds of the middle 80 % of the ratios."""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the ratio meets the project's target; None if there is no target.

        A ratio below zero is noise: a protected route cannot take less time than a bare one.
        """
        if self.at_most is not None:
            return 0 <= self.ratio <= self.at_most
        return None if self.at_least is None else self.ratio >= self.at_least


def outcome(
    label: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Outcome:
    """Compare two sides that ran alternately.

    Args:
        label: what was compared.
        ours: our figure for each block.
        theirs: the other side's figure for the same block.
        at_most: the target: the largest ratio that meets it.
        at_least: the target: the smallest ratio that meets it.

    Raises:
        ValueError: the numbers of blocks differ.
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
    """Return the bounds of the middle 80 %: a tenth of the values is lower, a tenth is higher."""
    ordered = sorted(values)
    tenth = len(ordered) // 10
    return ordered[tenth], ordered[-tenth - 1]


def calls_for(microseconds: float, wanted_seconds: float) -> int:
    """Return how many calls make a block of about the wanted length, at most `MOST_CALLS`."""
    return max(1, min(MOST_CALLS, round(wanted_seconds * 1e6 / microseconds)))
