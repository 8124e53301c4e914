"""Requests per second of one real uvicorn worker, counted by wrk."""

import json
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparing import Bench
from benchmarks.environments import OWN
from benchmarks.processes import Side, SideFailedError
from benchmarks.ratios import outcome
from benchmarks.tables import Report, Table, comparison

TABLES = ("served",)
SCRIPT = Path(__file__).parents[1] / "sides" / "requests.lua"
CONNECTIONS = 32
ROUNDS, SECONDS = 7, 2
QUICK_ROUNDS, QUICK_SECONDS = 1, 1
FIRST_AT_LEAST, REPEAT_AT_LEAST = 3.0, 0.80
MISSING = (
    "Requests per second were NOT measured: wrk is not installed. "
    "Install it (`apt-get install wrk`) and run `nox -s bench -- --only served`."
)
PACKAGE = ("--package", "async_fastapi_jwt_auth")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk has measured."""

    requests_per_second: float
    p99_ms: float
    """99 of 100 responses took at most so long."""


@dataclass(slots=True)
class Server:
    """One worker, and the tokens that its requests carry."""

    side: Side
    tokens: Path
    connections: int = CONNECTIONS
    next_token: int = 0

    def load(self, seconds: int) -> Load:
        """Let wrk send requests for some seconds.

        Raises:
            SideFailedError: a response was wrong or missing.
        """
        url = f"http://127.0.0.1:{self.side.port}/user"
        options = ["-t1", f"-c{self.connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
        command = ["wrk", *options, url, "--", str(self.tokens), str(self.next_token)]
        output = subprocess.run(  # noqa: S603 - constant names
            command, check=True, capture_output=True, text=True
        ).stdout
        counted = json.loads(output.strip().splitlines()[-1])
        if counted["failed"]:
            msg = f"{self.side.name}: {counted['failed']} requests got a wrong response or none."
            raise SideFailedError(msg)
        # Some more requests were under way when the time ended.
        self.next_token += counted["requests"] + 2 * self.connections
        rate = counted["requests"] / counted["microseconds"] * 1e6
        return Load(rate, counted["p99_microseconds"] / 1000)


def measure(bench: Bench) -> Report:
    """Measure four workers alternately."""
    if shutil.which("wrk") is None:
        table = Table(("requests per second",), [(MISSING,)])
        return Report(tables={"served": table}, warnings=[MISSING])
    rates = _rates(bench)
    outcomes = [
        outcome(
            "first sight, compared with async-fastapi-jwt-auth",
            rates["first"],
            rates["reference"],
            at_least=FIRST_AT_LEAST,
        ),
        outcome(
            "seen before, compared with a bare route",
            rates["repeat"],
            rates["bare"],
            at_least=REPEAT_AT_LEAST,
        ),
    ]
    columns = {"own": "Tokenward, requests per second", "peer": "other, requests per second"}
    return Report(tables={"served": comparison(outcomes, what="one worker", **columns)})


def _rates(bench: Bench) -> dict[str, list[float]]:
    """Return the requests per second of each worker, one figure for each round."""
    quick = bench.effort.is_quick
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    pool, one = (bench.material.path("HS256", kind) for kind in ("usual", "one"))
    ours, theirs = (OWN, "fastapi_tokenward.py"), ("async-fastapi-jwt-auth", "fastapi_authjwt.py")
    with ExitStack() as stack:

        def serve(side: tuple[str, str], case: str, tokens: Path, *arguments: str) -> Server:
            wanted = ("HS256", *arguments, "--serve", case)
            return Server(stack.enter_context(bench.side(*side, *wanted)), tokens)

        servers = {
            "bare": serve(ours, "bare", one),
            "repeat": serve(ours, "main", one),
            "first": serve(ours, "main", pool),
            "reference": serve(theirs, "main", pool, *PACKAGE),
        }
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                rates[name].append(server.load(seconds).requests_per_second)
        _demand(servers["first"].side.last_output(), "hits", 0)
        # The check before serving has already put the token into the cache.
        _demand(servers["repeat"].side.last_output(), "misses", 0)
    return rates


def _demand(memory: dict[str, int], what: str, expected: int) -> None:
    if memory[what] != expected:
        msg = f"Expected {expected} {what} in the signature cache, got {memory[what]}."
        raise SideFailedError(msg)
