"""What is made of measured times."""

import pytest

from benchmarks.ratios import MOST_CALLS, calls_for, middle, outcome
from benchmarks.sides.answering import Case, microseconds, steady


def test_a_ratio_is_the_median_of_the_ratios_of_each_block() -> None:
    """Each block is compared with its own neighbour, so that a slow moment of the machine cancels out."""
    found = outcome("decode", [1.0, 20.0, 3.0], [10.0, 40.0, 10.0])
    assert (found.ratio, found.ours, found.theirs) == (0.3, 3.0, 10.0)


def test_blocks_that_do_not_pair_are_refused() -> None:
    """A block without its neighbour is a mistake of the runner."""
    with pytest.raises(ValueError, match="argument 2 is longer"):
        outcome("decode", [1.0], [2.0, 2.0])


def test_the_spread_leaves_a_tenth_out_on_either_side() -> None:
    """Of a hundred values the ten smallest and the ten largest lie outside."""
    assert middle([float(value) for value in reversed(range(100))]) == (10.0, 89.0)


def test_the_spread_of_few_values_is_all_of_them() -> None:
    """A single round has a spread as well."""
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
    """The very bound is still good, on either side; without one there is nothing to say."""
    assert outcome("decode", [1.0], [2.0], **bounds).is_met is is_met


def test_a_block_has_as_many_calls_as_fill_its_time() -> None:
    """Slow calls are made once, and fast ones no more often than there are tokens."""
    assert calls_for(10.0, 0.002) == 200
    assert calls_for(37_000.0, 0.02) == 1
    assert calls_for(0.1, 0.02) == MOST_CALLS


async def test_a_block_takes_its_inputs_in_turn() -> None:
    """The next block goes on where the last one ended, and its check hears how long it was."""
    seen: list[object] = []
    lengths: list[int] = []
    case = steady(seen.append, "abcde")
    case = Case(inputs=case.inputs, ready=case.ready, check=lengths.append)
    assert await microseconds(case, 2) > 0
    await microseconds(case, 3)
    assert (seen, lengths) == (["a", "b", "c", "d", "e"], [2, 3])


async def test_a_block_awaits_what_has_to_be_awaited() -> None:
    """A coroutine function is called and awaited; only calling it would measure nothing."""
    seen: list[object] = []

    async def call(value: object) -> None:
        seen.append(value)

    await microseconds(steady(call, "ab"), 2)
    assert seen == ["a", "b"]
