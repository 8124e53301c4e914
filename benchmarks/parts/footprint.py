"""The time and memory of importing Tokenward, and the memory of tokens."""

import json

from benchmarks.comparing import Bench
from benchmarks.processes import output_of
from benchmarks.ratios import outcome
from benchmarks.tables import Report, Table, comparison, number

TABLES = ("import", "memory")
TIME_AT_MOST, PEAK_AT_MOST = 1.2, 1.15
ROUNDS, QUICK_ROUNDS = 40, 6
REVOKED, QUICK_REVOKED = 200_000, 20_000


def measure(bench: Bench) -> Report:
    """Measure importing and memory."""
    rounds = QUICK_ROUNDS if bench.effort.is_quick else ROUNDS
    return Report(tables={"import": _imports(rounds), "memory": _memory(bench)})


def _imports(rounds: int) -> Table:
    """Import in new processes, alternately, after a first one that has compiled the bytecode."""
    found: dict[str, list[list[float]]] = {"tokenward": [], "libraries": []}
    for each in found:
        output_of("importing.py", each)
    for _ in range(rounds):
        for each, figures in found.items():
            figures.append([float(figure) for figure in output_of("importing.py", each).split()])
    ours, theirs = (list(zip(*figures, strict=True)) for figures in found.values())
    targets = {
        "milliseconds of processor time": TIME_AT_MOST,
        "peak MiB of the process": PEAK_AT_MOST,
    }
    outcomes = [
        outcome(label, own, other, at_most=target)
        for (label, target), own, other in zip(targets.items(), ours, theirs, strict=True)
    ]
    peer = "`import jwt, pydantic`, one model"
    return comparison(outcomes, what="import", own="`import tokenward`", peer=peer)


def _memory(bench: Bench) -> Table:
    revoked = QUICK_REVOKED if bench.effort.is_quick else REVOKED
    found = json.loads(output_of("memory_tokenward.py", str(bench.folder), str(revoked)))
    bench.note_versions(found["versions"])
    token = found["remembered"]
    rows = [
        (
            f"a token of {token['letters']:.0f} characters in the signature cache, including its text and payload",
            number(token["bytes"]),
            f"{token['entries']:,.0f} fill the cache, which counts {number(token['claimed'])} for each",
        ),
        (
            "a revoked token in a MemoryStore, including its identity of 32 characters",
            number(found["revoked"]),
            f"of {revoked:,}",
        ),
    ]
    return Table(("memory of", "bytes", "number"), rows)
