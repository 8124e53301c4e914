"""The time of each step of a protected request in each framework."""

import json

from benchmarks.comparing import Bench
from benchmarks.processes import output_of
from benchmarks.tables import Report, Table, number

TABLES = ("profile",)
FRAMEWORKS = ("FastAPI", "Litestar", "Quart")
BLOCKS, QUICK_BLOCKS = 60, 4
ROWS = {
    "a bare request": "bare",
    "added by Tokenward, in total": "more",
    "an empty dependency, guard or decorator": "empty",
    "the adapter, and more work of the framework": "adapter",
    "find the token, and check the route's requirement": "find",
    "verify the signature": "verify",
    "add it to the signature cache": "remember",
    "parse and validate the claims": "read",
    "check them against the policy": "check",
    "look up revocations in the store": "revoked",
    "the rest of `engine.decode`": "rest",
}


def measure(bench: Bench) -> Report:
    """Profile each framework."""
    columns: list[dict[str, float]] = []
    for framework in FRAMEWORKS:
        blocks = QUICK_BLOCKS if bench.effort.is_quick else BLOCKS
        arguments = (str(bench.folder), framework.lower(), str(blocks))
        found = json.loads(output_of("profile_tokenward.py", *arguments))
        bench.note_versions(found["versions"])
        columns += (shares_of(found["first"]), shares_of(found["repeat"]))
    heads = (f"{each}, {sight}" for each in FRAMEWORKS for sight in ("first sight", "seen before"))
    rows = [(label, *(number(each[name]) for each in columns)) for label, name in ROWS.items()]
    return Report(tables={"profile": Table(("µs", *heads), rows)})


def shares_of(found: dict[str, float]) -> dict[str, float]:
    """Return the time of each step without the steps inside it."""
    steps = ("verify", "remember", "read", "check", "revoked")
    return {
        **found,
        "adapter": found["more"] - found["empty"] - found["authenticate"],
        "find": found["authenticate"] - found["decode"],
        "rest": found["decode"] - sum(found[each] for each in steps),
    }
