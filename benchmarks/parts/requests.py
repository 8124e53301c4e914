"""The time that authentication adds to a request in each framework: a protected route minus a bare one."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.comparing import Bench, Timed, check_same_releases
from benchmarks.environments import OWN
from benchmarks.processes import Side
from benchmarks.ratios import Outcome
from benchmarks.sides.material import SERVED
from benchmarks.tables import Bar, Report, Table, comparison, number

TABLES = ("FastAPI", "Litestar", "Quart", "drop-in")
REFERENCE = "async_fastapi_jwt_auth"
DROP_IN = "tokenward_fastapi.authjwt"
DROP_IN_AT_MOST = {"required": 0.14, "main": 0.125, "claims": 0.125}
DROP_IN_ROUTES = {
    "required": "`jwt_required`",
    "main": "and `get_jwt_subject`",
    "claims": "and `get_raw_jwt`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library that Tokenward is compared with in one framework, and the targets of the ratios."""

    name: str
    environment: str
    script: str
    arguments: tuple[str, ...] = ()
    first: dict[str, float] = field(default_factory=dict)
    repeat: float | None = None


PEERS = {
    "FastAPI": (
        Peer(
            name="a hand-written dependency",
            environment="fastapi-by-hand",
            script="fastapi_by_hand.py",
            first={"HS256": 0.40, "RS256": 0.48},
            repeat=0.22,
        ),
        Peer(
            name="authx",
            environment="authx",
            script="fastapi_authx.py",
            first={"HS256": 0.12, "RS256": 0.20},
        ),
        Peer(
            name="async-fastapi-jwt-auth",
            environment="async-fastapi-jwt-auth",
            script="fastapi_authjwt.py",
            arguments=("--package", REFERENCE),
            first={"HS256": 0.10, "RS256": 0.12},
        ),
    ),
    "Litestar": (
        Peer(
            name="Litestar's JWTAuth",
            environment="litestar",
            script="litestar_jwtauth.py",
            first={"HS256": 0.32, "RS256": 0.40},
            repeat=0.20,
        ),
    ),
    "Quart": (
        Peer(
            name="a hand-written decorator",
            environment="quart-by-hand",
            script="quart_by_hand.py",
            first={"HS256": 0.40, "RS256": 0.50},
            repeat=0.15,
        ),
    ),
}


def measure(bench: Bench) -> Report:
    """Measure every framework and the drop-in."""
    report = Report()
    for framework, peers in PEERS.items():
        outcomes: list[Outcome] = []
        parts: list[str] = []
        for algorithm in SERVED:
            with ExitStack() as stack:
                script = f"{framework.lower()}_tokenward.py"
                ours = stack.enter_context(bench.side(OWN, script, algorithm))
                for peer in peers:
                    outcomes += _beside(bench, ours, peer, algorithm)
                parts = parts or _parts(bench, ours)
        report.tables[framework] = comparison(
            outcomes,
            what="compared with",
            own="Tokenward µs more",
            peer="peer µs more",
            notes=[" ".join(parts)],
        )
        report.bars += _bars(framework, peers, outcomes)
    report.tables["drop-in"] = _drop_in(bench)
    return report


def _beside(bench: Bench, ours: Side, peer: Peer, algorithm: str) -> list[Outcome]:
    """Compare with one peer, for tokens at first sight and seen before."""
    script, arguments = peer.script, (algorithm, *peer.arguments)
    with bench.side(peer.environment, script, *arguments) as theirs:
        check_same_releases({"ours": ours, "theirs": theirs})
        bounds = {"first": peer.first.get(algorithm), "repeat": peer.repeat}
        words = {"first": "first sight", "repeat": "seen before"}
        return [
            bench.compare(
                f"{peer.name}, {algorithm}, {words[sight]}",
                Timed(ours, f"main/{sight}", "bare"),
                Timed(theirs, f"main/{sight}", "bare"),
                at_most=bound,
            )
            for sight, bound in bounds.items()
        ]


def _parts(bench: Bench, side: Side) -> list[str]:
    """Return sentences about the time of a bare request and of an empty dependency."""
    bare, empty = Timed(side, "bare"), Timed(side, "empty", "bare")
    calls = bare.calls(bench.effort.block_seconds)
    blocks = range(bench.effort.blocks)
    words = [
        f"A bare request takes {number(median(bare.microseconds_of_block(calls) for _ in blocks))} µs."
    ]
    if "empty" in side.cases:
        cost = number(median(empty.microseconds_of_block(calls) for _ in blocks))
        words.append(
            f"A dependency that does nothing takes {cost} µs more, which each figure includes."
        )
    return words


def _drop_in(bench: Bench) -> Table:
    """Compare the drop-in with the library that it replaces, on three routes."""
    script, arguments = "fastapi_authjwt.py", ("HS256", "--package")
    with (
        bench.side(OWN, script, *arguments, DROP_IN) as ours,
        bench.side("async-fastapi-jwt-auth", script, *arguments, REFERENCE) as theirs,
    ):
        check_same_releases({"ours": ours, "theirs": theirs})
        outcomes = [
            bench.compare(
                f"{label}, {words}",
                Timed(ours, f"{route}/{sight}", "bare"),
                Timed(theirs, f"{route}/{sight}", "bare"),
                at_most=DROP_IN_AT_MOST[route],
            )
            for sight, words in (("first", "first sight"), ("repeat", "seen before"))
            for route, label in DROP_IN_ROUTES.items()
        ]
    return comparison(
        outcomes,
        what="a protected route",
        own="drop-in µs more",
        peer="async-fastapi-jwt-auth µs more",
    )


def _bars(framework: str, peers: tuple[Peer, ...], outcomes: list[Outcome]) -> list[Bar]:
    """Return the bars of a framework: HS256, each peer with tokens at first sight."""
    first, repeat = outcomes[:2]
    group = f"Authenticate a request, {framework}"
    return [
        Bar(group, "Tokenward, seen before", repeat.ours, is_own=True),
        Bar(group, "Tokenward, first sight", first.ours, is_own=True),
        *(
            Bar(group, peer.name, outcomes[2 * number].theirs, is_own=False)
            for number, peer in enumerate(peers)
        ),
    ]
