"""Decoding beside the libraries in Rust, on a Python for which both have wheels."""

from contextlib import ExitStack

from benchmarks.comparing import Bench, Timed, check_same_releases
from benchmarks.environments import NEWER_OWN, newer_python
from benchmarks.ratios import Outcome
from benchmarks.sides.material import ALGORITHMS
from benchmarks.tables import Report, Table, comparison

TABLES = ("rust",)
PEERS = {"ryjwt": "ryjwt, into a Pydantic model", "oxyjwt": "oxyjwt, into a dict"}
SIGHTS = {"first": "first sight", "repeat": "seen before"}
OTHER_REPEAT_AT_MOST = 0.3
AT_MOST = {
    "ryjwt": {
        "first": {"HS256": 2.0},
        "repeat": {**dict.fromkeys(ALGORITHMS, OTHER_REPEAT_AT_MOST), "HS256": 1.2},
    },
    "oxyjwt": {"first": {}, "repeat": {}},
}
MISSING = (
    "The libraries in Rust were NOT measured: they need Python 3.12 or newer. "
    "Put one on the PATH (`python3.13`) and run `nox -s bench -- --only rust`."
)


def measure(bench: Bench) -> Report:
    """Measure decoding; without a Python for the peers, report what is missing."""
    if newer_python() is None:
        table = Table(("libraries in Rust",), [(MISSING,)])
        return Report(tables={"rust": table}, warnings=[MISSING])
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        ours = stack.enter_context(bench.side(NEWER_OWN, "codec_tokenward.py"))
        for name, label in PEERS.items():
            theirs = stack.enter_context(bench.side(name, f"codec_{name}.py"))
            check_same_releases({"ours": ours, "theirs": theirs})
            outcomes += [
                bench.compare(
                    f"{label}, {algorithm}, {words}",
                    Timed(ours, f"decode/{algorithm}/usual/{sight}"),
                    Timed(theirs, f"decode/{algorithm}/usual/{sight}"),
                    at_most=AT_MOST[name][sight].get(algorithm),
                )
                for sight, words in SIGHTS.items()
                for algorithm in ALGORITHMS
            ]
    return Report(tables={"rust": comparison(outcomes, what="usual claims", peer="peer µs")})
