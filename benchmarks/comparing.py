"""Run two sides alternately in short blocks and summarise each comparison in one line."""

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
    """What is measured on one side: the time of a case, or its difference to another case."""

    side: Side
    case: str
    beyond: str | None = None

    def microseconds_of_block(self, calls: int) -> float:
        """Return the microseconds of one call; `beyond` is timed before and after the case."""
        if self.beyond is None:
            return self.side.microseconds(self.case, calls)
        before = self.side.microseconds(self.beyond, calls)
        cost = self.side.microseconds(self.case, calls)
        return cost - (before + self.side.microseconds(self.beyond, calls)) / 2

    def calls(self, wanted_seconds: float) -> int:
        """Warm the case up and return how many calls make a block."""
        few = calls_for(self.side.microseconds(self.case, 1), wanted_seconds)
        warm = self.side.microseconds(self.case, min(WARMING_CALLS, few))
        if self.beyond is not None:
            self.side.microseconds(self.beyond, WARMING_CALLS)
        return calls_for(warm, wanted_seconds)


class Bench:
    """What every part of a run needs: environments, keys, tokens, and how long to measure."""

    def __init__(self, environments: Environments, material: Material, effort: Effort) -> None:
        """Store the environments, the keys and tokens, and how long to measure."""
        self.effort = effort
        self.material = material
        self._environments = environments
        self._versions: dict[str, set[str]] = {}

    @property
    def folder(self) -> Path:
        """The folder of the keys and tokens."""
        return self.material.folder

    @contextmanager
    def side(self, environment: str, script: str, *arguments: str) -> Iterator[Side]:
        """Run a side in its environment; its first argument is the folder of the keys and tokens."""
        python = self._environments.python(environment)
        name = " ".join((environment, script, *arguments))
        with running(name, python, script, str(self.folder), *arguments) as side:
            self.note_versions(side.versions)
            yield side

    def note_versions(self, versions: Mapping[str, str]) -> None:
        """Record the versions that a side ran on."""
        for library, version in versions.items():
            self._versions.setdefault(library, set()).add(version)

    def take_versions(self) -> dict[str, str]:
        """Return the versions of the sides that ran since the last call, and clear them."""
        seen = {name: " and ".join(sorted(each)) for name, each in sorted(self._versions.items())}
        self._versions.clear()
        return seen

    def compare(
        self, label: str, ours: Timed, theirs: Timed, *, at_most: float | None = None
    ) -> Outcome:
        """Time two cases alternately in short blocks; which one goes first changes with each block.

        Raises:
            SideFailedError: a side gives a wrong result.
        """
        pair = (ours, theirs)
        calls = [each.calls(self.effort.block_seconds) for each in pair]
        blocks: tuple[list[float], list[float]] = ([], [])
        for number in range(self.effort.blocks):
            for which in (0, 1) if number % 2 else (1, 0):
                blocks[which].append(pair[which].microseconds_of_block(calls[which]))
        return outcome(label, *blocks, at_most=at_most)


def check_same_releases(sides: Mapping[str, Side]) -> None:
    """Check that all sides run on the same releases of the libraries that they share.

    Raises:
        SideFailedError: two releases of a library differ.
    """
    seen: dict[str, str] = {}
    for side in sides.values():
        for library, version in side.versions.items():
            if seen.setdefault(library, version) != version:
                msg = f"{side.name} runs on {library} {version}, but other sides run on {seen[library]}."
                raise SideFailedError(msg)
