"""Medians, ratios and blocks of measured times."""

import time

import pytest

from benchmarks.ratios import MOST_CALLS, calls_for, middle, outcome
from benchmarks.sides.answering import Case, microseconds, steady


def test_a_ratio_is_the_median_of_the_ratios_of_each_block() -> None:
    """Each block is compared with the other side's block next to it, so that slow moments cancel out."""
    found = outcome("decode", [1.0, 20.0, 3.0], [10.0, 40.0, 10.0])
    assert (found.ratio, found.ours, found.theirs) == (0.3, 3.0, 10.0)


def test_different_numbers_of_blocks_are_refused() -> None:
    """Different numbers of blocks are an error of the runner."""
    with pytest.raises(ValueError, match="argument 2 is longer"):
        outcome("decode", [1.0], [2.0, 2.0])


def test_the_spread_leaves_a_tenth_out_on_either_side() -> None:
    """Of a hundred values, the ten smallest and the ten largest are outside."""
    assert middle([float(value) for value in reversed(range(100))]) == (10.0, 89.0)


def test_the_spread_of_few_values_is_all_of_them() -> None:
    """A single value has bounds too."""
    assert middle([2.0]) == (2.0, 2.0)
    assert middle([3.0, 1.0, 2.0]) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("bounds", "is_met"),
    [
        ({"at_most": 0.5}, True),
        ({"at_most": 0.49}, False),
        ({"at_least": 0.5}, True),
        ({"at_least": 0.51}, False),
        ({}, None),
    ],
)
def test_a_target_is_met_or_missed_by_the_ratio(
    bounds: dict[str, float], is_met: bool | None
) -> None:
    """A ratio equal to its target meets it; without a target the result is None."""
    assert outcome("decode", [1.0], [2.0], **bounds).is_met is is_met


def test_noise_meets_no_target() -> None:
    """A difference of two times may come out below zero, which proves nothing."""
    assert outcome("request", [-1.0], [2.0], at_most=0.5).is_met is False


def test_a_block_has_as_many_calls_as_fill_its_time() -> None:
    """Slow calls are made once, and fast calls at most as often as there are tokens."""
    assert calls_for(10.0, 0.002) == 200
    assert calls_for(37_000.0, 0.02) == 1
    assert calls_for(0.1, 0.02) == MOST_CALLS


async def test_a_block_takes_its_inputs_in_turn() -> None:
    """Inputs continue in the next block, and the check gets the number of calls."""
    seen: list[object] = []
    lengths: list[int] = []
    case = steady(seen.append, "abcde")
    case = Case(inputs=case.inputs, ready=case.ready, check=lengths.append)
    assert await microseconds(case, 2) > 0
    await microseconds(case, 3)
    assert (seen, lengths) == (["a", "b", "c", "d", "e"], [2, 3])


async def test_a_block_awaits_what_has_to_be_awaited() -> None:
    """The coroutines of a coroutine function are awaited."""
    seen: list[object] = []

    async def call(value: object) -> None:
        seen.append(value)

    await microseconds(steady(call, "ab"), 2)
    assert seen == ["a", "b"]


async def test_a_case_that_waits_is_timed_by_its_own_clock() -> None:
    """By default the processor time of the thread counts, which waiting and other processes do not change."""
    assert steady(print).clock is time.thread_time
    ticks = iter([1.0, 7.0])
    assert await microseconds(steady([].append, "abc", clock=lambda: next(ticks)), 3) == 2e6
