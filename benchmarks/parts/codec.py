"""Tokens without a framework: decode, issue and refuse, compared with PyJWT and joserfc."""

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.comparing import Bench, Timed
from benchmarks.environments import OWN
from benchmarks.minting import GARBAGE, RSA_BITS
from benchmarks.processes import Side
from benchmarks.ratios import Outcome
from benchmarks.sides.material import ALGORITHMS, SERVED, SIZES
from benchmarks.tables import Bar, Report, comparison

TABLES = ("decode", "repeat", "decode peers", "issue", "issue from PEM", "refuse")
DECODE_AT_MOST = {"HS256": 0.18, "RS256": 0.43, "ES256": 0.66, "EdDSA": 0.80}
DECODE_213_AT_MOST = 0.55
REPEAT_AT_MOST = 0.08
ISSUE_AT_MOST = {"HS256": 0.36, "RS256": 1.05}
PEM_ISSUE_AT_MOST = 0.01
REFUSE_AT_MOST = 0.10
KEYS = f"The RSA key has {RSA_BITS:,} bits; ES256 and EdDSA have P-256 and Ed25519."
SIZE_WORDS = {"small": "registered claims only", "usual": "usual claims", "2KB": "2 KB of claims"}
# Each of these libraries parses the PEM of its configuration for every token.
PEM_PARSERS = {
    "authx": ("authx", ("fastapi_authx.py", "RS256")),
    "async-fastapi-jwt-auth": (
        "async-fastapi-jwt-auth",
        ("fastapi_authjwt.py", "RS256", "--package", "async_fastapi_jwt_auth"),
    ),
    "Litestar's JWTAuth": ("litestar", ("litestar_jwtauth.py", "RS256")),
}


def measure(bench: Bench) -> Report:
    """Measure decoding, issuing and refusing."""
    report = Report()
    with ExitStack() as stack:
        ours = stack.enter_context(bench.side(OWN, "codec_tokenward.py"))
        pyjwt = stack.enter_context(bench.side("pyjwt", "codec_pyjwt.py"))
        older = stack.enter_context(bench.side("pyjwt-2.13", "codec_pyjwt.py"))
        joserfc = stack.enter_context(bench.side("joserfc", "codec_joserfc.py"))
        first = _decode(bench, ours, pyjwt, "first")
        full = _decode_into_full(bench, ours, pyjwt)
        repeat = _decode(bench, ours, pyjwt, "repeat")
        peers = _decode_peers(bench, ours, older, joserfc)
        report.tables = {
            "decode": comparison(
                [*first, *full], what="first sight", peer="PyJWT µs", notes=[KEYS]
            ),
            "repeat": comparison(repeat, what="seen before", peer="PyJWT µs"),
            "decode peers": comparison(peers, what="first sight, usual claims", peer="peer µs"),
            "issue": comparison(_issue(bench, ours, pyjwt), what="issue", peer="PyJWT µs"),
            "issue from PEM": comparison(
                _issue_from_pem(bench, ours), what="RS256 issue, compared with", peer="peer µs"
            ),
            "refuse": comparison(
                _refuse(bench, ours, pyjwt), what="refuse, highest ratio first", peer="PyJWT µs"
            ),
        }
    report.bars = _bars(first, repeat, peers, pyjwt.versions["pyjwt"])
    return report


def _decode(bench: Bench, ours: Side, pyjwt: Side, sight: str) -> list[Outcome]:
    return [
        bench.compare(
            f"{algorithm}, {SIZE_WORDS[size]}",
            Timed(ours, f"decode/{algorithm}/{size}/{sight}"),
            Timed(pyjwt, f"decode/{algorithm}/{size}/{sight}"),
            at_most=DECODE_AT_MOST[algorithm] if sight == "first" else REPEAT_AT_MOST,
        )
        for algorithm in ALGORITHMS
        for size in SIZES
    ]


def _decode_into_full(bench: Bench, ours: Side, pyjwt: Side) -> list[Outcome]:
    """Decode with a full signature cache, which removes a token for each one that it adds."""
    return [
        bench.compare(
            f"{algorithm}, usual claims, full signature cache",
            Timed(ours, f"decode/{algorithm}/usual/full"),
            Timed(pyjwt, f"decode/{algorithm}/usual/first"),
            at_most=DECODE_AT_MOST[algorithm],
        )
        for algorithm in SERVED
    ]


def _decode_peers(bench: Bench, ours: Side, older: Side, joserfc: Side) -> list[Outcome]:
    case = "decode/{}/usual/first"
    over_older = bench.compare(
        f"HS256, compared with PyJWT {older.versions['pyjwt']}",
        Timed(ours, case.format("HS256")),
        Timed(older, case.format("HS256")),
        at_most=DECODE_213_AT_MOST,
    )
    over_joserfc = [
        bench.compare(
            f"{algorithm}, compared with joserfc",
            Timed(ours, case.format(algorithm)),
            Timed(joserfc, case.format(algorithm)),
        )
        for algorithm in ALGORITHMS
    ]
    return [over_older, *over_joserfc]


def _issue(bench: Bench, ours: Side, pyjwt: Side) -> list[Outcome]:
    outcomes = []
    for algorithm in ALGORITHMS:
        own = Timed(ours, f"issue/{algorithm}")
        outcomes += [
            bench.compare(
                f"{algorithm}, compared with `jwt.encode` of unchanged claims",
                own,
                Timed(pyjwt, f"encode/{algorithm}"),
                at_most=ISSUE_AT_MOST.get(algorithm),
            ),
            bench.compare(
                f"{algorithm}, compared with `jwt.encode` and a new `jti`, `iat` and `exp`",
                own,
                Timed(pyjwt, f"issue/{algorithm}"),
            ),
        ]
    return outcomes


def _issue_from_pem(bench: Bench, ours: Side) -> list[Outcome]:
    outcomes = []
    for label, (environment, (script, *arguments)) in PEM_PARSERS.items():
        with bench.side(environment, script, *arguments) as peer:
            own = Timed(ours, "issue/RS256")
            outcomes.append(
                bench.compare(label, own, Timed(peer, "issue"), at_most=PEM_ISSUE_AT_MOST)
            )
    return outcomes


def _refuse(bench: Bench, ours: Side, pyjwt: Side) -> list[Outcome]:
    outcomes = [
        bench.compare(
            label,
            Timed(ours, f"refuse/{number}"),
            Timed(pyjwt, f"refuse/{number}"),
            at_most=REFUSE_AT_MOST,
        )
        for number, label in enumerate(GARBAGE)
    ]
    return sorted(outcomes, key=lambda each: each.ratio, reverse=True)


def _bars(
    first: Sequence[Outcome], repeat: Sequence[Outcome], peers: Sequence[Outcome], release: str
) -> list[Bar]:
    row = [*ALGORITHMS].index("HS256") * len(SIZES) + [*SIZES].index("usual")
    group = "Decode a token, no framework"
    return [
        Bar(group, "Tokenward, seen before", repeat[row].ours, is_own=True),
        Bar(group, "Tokenward, first sight", first[row].ours, is_own=True),
        Bar(
            group,
            peers[0].label.removeprefix("HS256, compared with "),
            peers[0].theirs,
            is_own=False,
        ),
        Bar(group, "joserfc", peers[1].theirs, is_own=False),
        Bar(group, f"PyJWT {release}", first[row].theirs, is_own=False),
    ]
