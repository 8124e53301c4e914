"""Lets two sides take turns in short blocks, and makes one line of each comparison."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Environments
from benchmarks.processes import Side, SideFailedError, running
from benchmarks.ratios import Outcome, calls_for, outcome
from benchmarks.sides.material import Material

WARMING_CALLS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    is_quick: bool
    blocks: int
    block_seconds: float


THOROUGH = Effort(is_quick=False, blocks=80, block_seconds=0.02)
QUICK = Effort(is_quick=True, blocks=10, block_seconds=0.006)


@dataclass(frozen=True, slots=True)
class Timed:
    """What one side is asked for: the time of a case, or what it takes beyond another."""

    side: Side
    case: str
    beyond: str | None = None

    def one_block(self, calls: int) -> float:
        """Give the microseconds of a call; `beyond` is timed before and after."""
        if self.beyond is None:
            return self.side.microseconds(self.case, calls)
        before = self.side.microseconds(self.beyond, calls)
        cost = self.side.microseconds(self.case, calls)
        return cost - (before + self.side.microseconds(self.beyond, calls)) / 2

    def calls(self, wanted_seconds: float) -> int:
        """Warm it up, and say how many calls make a block."""
        few = calls_for(self.side.microseconds(self.case, 1), wanted_seconds)
        warm = self.side.microseconds(self.case, min(WARMING_CALLS, few))
        if self.beyond is not None:
            self.side.microseconds(self.beyond, WARMING_CALLS)
        return calls_for(warm, wanted_seconds)


class Bench:
    """What every part of a run needs: environments, keys and tokens, and how long to measure."""

    def __init__(self, environments: Environments, material: Material, effort: Effort) -> None:
        """Join them."""
        self.effort = effort
        self.material = material
        self._environments = environments
        self._versions: dict[str, set[str]] = {}

    @property
    def folder(self) -> Path:
        """Where the keys and tokens lie."""
        return self.material.folder

    @contextmanager
    def side(self, environment: str, script: str, *arguments: str) -> Iterator[Side]:
        """Run a side in its environment; it gets the folder of the keys and tokens first."""
        python = self._environments.python(environment)
        name = " ".join((environment, script, *arguments))
        with running(name, python, script, str(self.folder), *arguments) as side:
            self.note_versions(side.versions)
            yield side

    def note_versions(self, versions: Mapping[str, str]) -> None:
        """Take down on what something ran."""
        for library, version in versions.items():
            self._versions.setdefault(library, set()).add(version)

    def versions_seen(self) -> dict[str, str]:
        """Give the versions of the sides that ran since the last time, and forget them."""
        seen = {name: " and ".join(sorted(each)) for name, each in sorted(self._versions.items())}
        self._versions.clear()
        return seen

    def compare(
        self, label: str, ours: Timed, theirs: Timed, *, at_most: float | None = None
    ) -> Outcome:
        """Let two take turns, each with as many calls as make a short block; the first one changes.

        Raises:
            SideFailedError: one does not do what it claims.
        """
        pair = (ours, theirs)
        calls = [each.calls(self.effort.block_seconds) for each in pair]
        blocks: tuple[list[float], list[float]] = ([], [])
        for number in range(self.effort.blocks):
            for which in (0, 1) if number % 2 else (1, 0):
                blocks[which].append(pair[which].one_block(calls[which]))
        return outcome(label, *blocks, at_most=at_most)


def must_agree(sides: Mapping[str, Side]) -> None:
    """See to it that sides run on the same releases of what they share.

    Raises:
        SideFailedError: they do not.
    """
    seen: dict[str, str] = {}
    for side in sides.values():
        for library, version in side.versions.items():
            if seen.setdefault(library, version) != version:
                msg = f"{side.name}: {library} {version} is not the {seen[library]} of the others."
                raise SideFailedError(msg)
