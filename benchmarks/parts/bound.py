"""What authentication adds to a request, beside the least code that makes the same checks by hand."""

from contextlib import ExitStack

from benchmarks.comparing import Bench, Timed, check_same_releases
from benchmarks.environments import OWN
from benchmarks.ratios import Outcome
from benchmarks.sides.material import SERVED
from benchmarks.tables import Report, comparison

TABLES = ("bound",)
SIGHTS = {"first": "first sight", "repeat": "seen before"}
AT_MOST = {
    "FastAPI": {"first": 1.4, "repeat": 2.0},
    "Litestar": {"first": 1.7, "repeat": 2.2},
    "Quart": {"first": 1.6, "repeat": 3.0},
}


def measure(bench: Bench) -> Report:
    """Measure each framework."""
    outcomes: list[Outcome] = []
    for framework, targets in AT_MOST.items():
        for algorithm in SERVED:
            with ExitStack() as stack:
                ours, theirs = (
                    stack.enter_context(
                        bench.side(OWN, f"{framework.lower()}_{side}.py", algorithm)
                    )
                    for side in ("tokenward", "bound")
                )
                check_same_releases({"ours": ours, "theirs": theirs})
                outcomes += [
                    bench.compare(
                        f"{framework}, {algorithm}, {words}",
                        Timed(ours, f"main/{sight}", "bare"),
                        Timed(theirs, f"main/{sight}", "bare"),
                        at_most=targets[sight],
                    )
                    for sight, words in SIGHTS.items()
                ]
    columns = {"own": "Tokenward µs more", "peer": "the least code, µs more"}
    return Report(tables={"bound": comparison(outcomes, what="a protected route", **columns)})
