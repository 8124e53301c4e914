"""What a run says: tables in Markdown, and what they were measured on."""

import os
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.ratios import Outcome


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the cells of each column, and sentences below it."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Render it."""
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
    """What one part of a run found."""

    tables: dict[str, Table] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What could not be measured, and how it could be."""


def comparison(
    outcomes: Sequence[Outcome],
    *,
    what: str,
    peer: str,
    notes: Sequence[str] = (),
    own: str = "Tokenward µs",
) -> Table:
    """Make a table of comparisons.

    Args:
        outcomes: its lines.
        what: heads the first column.
        peer: heads the figures of the other side.
        notes: sentences below.
        own: heads our figures.
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
    """Say what the ratio should be, and whether it is."""
    if outcome.is_met is None:
        return ""
    bound = outcome.at_most if outcome.at_most is not None else outcome.at_least
    words = "at most" if outcome.at_most is not None else "at least"
    return f"{words} {bound:g}: {'met' if outcome.is_met else '**missed**'}"


def number(value: float) -> str:
    """Write a figure with about three digits."""
    if abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def ratio(value: float) -> str:
    """Write a ratio: with two digits after the point, or as many as a small one needs."""
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"  # noqa: PLR2004


def today() -> str:
    """Give the date in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def conditions(versions: Mapping[str, str], days: Collection[str]) -> str:
    """Say on what was measured, and on which days.

    Args:
        versions: of what took part, by name.
        days: as `today` gives them.
    """
    on = [f"{name} {version}" for name, version in versions.items()]
    machine = f"{platform.machine()}, {os.cpu_count()} cores".replace("x86_64", "x86-64")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"Measured on {' and '.join(sorted(days))}: {', '.join([machine, python, *on])}."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
