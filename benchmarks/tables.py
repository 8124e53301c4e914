"""The output of a run: tables in Markdown, and the conditions of the measurement."""

import os
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.ratios import Outcome


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the names of its columns, its rows, and notes below it."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [_line(self.columns), "|" + "---|" * len(self.columns), *map(_line, self.rows)]
        return "\n".join(lines) + "".join(f"\n\n{note}" for note in self.notes)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart."""

    group: str
    label: str
    microseconds: float
    is_own: bool


@dataclass(slots=True)
class Report:
    """The results of one part of a run."""

    tables: dict[str, Table] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What could not be measured, and how to make it possible."""


def comparison(
    outcomes: Sequence[Outcome],
    *,
    what: str,
    peer: str,
    notes: Sequence[str] = (),
    own: str = "Tokenward µs",
) -> Table:
    """Return a table of comparisons.

    Args:
        outcomes: one for each row.
        what: the heading of the first column.
        peer: the heading of the other side's figures.
        notes: sentences below the table.
        own: the heading of our figures.
    """
    has_targets = any(each.is_met is not None for each in outcomes)
    columns = (what, own, peer, "ratio", "10 % to 90 %", *(("target",) if has_targets else ()))
    rows = [
        (
            each.label,
            number(each.ours),
            number(each.theirs),
            ratio(each.ratio),
            f"{ratio(each.low)} to {ratio(each.high)}",
            *((target(each),) if has_targets else ()),
        )
        for each in outcomes
    ]
    return Table(columns, rows, notes)


def target(outcome: Outcome) -> str:
    """Return the target of a ratio and whether it is met; empty without a target."""
    if outcome.is_met is None:
        return ""
    bound = outcome.at_most if outcome.at_most is not None else outcome.at_least
    words = "at most" if outcome.at_most is not None else "at least"
    return f"{words} {bound:g}: {'met' if outcome.is_met else '**missed**'}"


def number(value: float) -> str:
    """Format a figure with about three digits."""
    if abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def ratio(value: float) -> str:
    """Format a ratio with two decimals, or with more if it is small."""
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"  # noqa: PLR2004


def today() -> str:
    """Return the date in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def conditions(versions: Mapping[str, str], days: Collection[str]) -> str:
    """Return the conditions of a measurement: days, machine, Python and versions.

    Args:
        versions: the version of each library, by name; also of Python, if it is not this one.
        days: in the form of `today`.
    """
    python = {platform.python_implementation(): platform.python_version()}
    on = [f"{name} {version}" for name, version in (python | dict(versions)).items()]
    machine = f"{platform.machine()}, {os.cpu_count()} cores".replace("x86_64", "x86-64")
    return f"Measured on {' and '.join(sorted(days))}: {', '.join([machine, *on])}."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
