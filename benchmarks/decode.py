"""How long `decode` and `issue` take, as ratios to PyJWT with a prepared key.

Run it with ``nox -s bench``. Both sides take turns in one process, in short blocks; what is printed
are medians over the blocks, and the median and the spread of the ratio block by block. The same
claims are signed by the same key; PyJWT checks signature, times, issuer and audience, Tokenward all
that `decode` promises, typed claims and a `MemoryStore` included.
"""

import argparse
import asyncio
import platform
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import jwt
import pydantic

from tokenward import Claims, Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy

ISSUER, AUDIENCE = "https://shop.example", "shop-api"
EXTRA = {"tenant": "acme", "roles": ["buyer", "admin"]}
SCOPE = ["orders:read", "orders:write"]
# What the project set itself as the most, by algorithm.
DECODE_AT_MOST = {"HS256": 0.25, "RS256": 0.52, "ES256": 0.78, "EdDSA": None}
ISSUE_AT_MOST = {"HS256": 0.45}


class ShopClaims(Claims):
    """Typed claims, as a user would have them."""

    tenant: str
    roles: tuple[str, ...] = ()


async def alternate(
    ours: Callable[[], Awaitable[object]],
    theirs: Callable[[], object],
    *,
    blocks: int,
    calls: int,
) -> tuple[float, float, list[float]]:
    """Time both in turn; give the median microseconds of each, and the ratio of every block."""
    own: list[float] = []
    other: list[float] = []
    for _ in range(blocks):
        start = time.perf_counter()
        for _ in range(calls):
            await ours()
        middle = time.perf_counter()
        for _ in range(calls):
            theirs()
        end = time.perf_counter()
        own.append((middle - start) / calls * 1e6)
        other.append((end - middle) / calls * 1e6)
    ratios = [a / b for a, b in zip(own, other, strict=True)]
    return statistics.median(own), statistics.median(other), ratios


def row(name: str, result: tuple[float, float, list[float]], at_most: float | None) -> str:
    """Say one comparison in a line of a Markdown table."""
    own, other, ratios = result
    ratios = sorted(ratios)
    tenth = len(ratios) // 10
    spread = f"{ratios[tenth]:.2f} to {ratios[-tenth - 1]:.2f}"
    target = "" if at_most is None else f"{at_most:.2f}"
    ratio = statistics.median(ratios)
    return f"| {name} | {own:.1f} | {other:.1f} | {ratio:.2f} | {spread} | {target} |"


async def measure(algorithm: str, *, blocks: int, calls: int) -> list[str]:
    """Compare `decode` and `issue` for one algorithm."""
    key = Key.generate(algorithm, kid="bench")
    engine = TokenEngine(
        KeyRing(key),
        policy=TokenPolicy(issuer=ISSUER, audience=AUDIENCE),
        claims_model=ShopClaims,
        store=MemoryStore(),
    )
    token = await engine.issue("alice", claims=EXTRA, scope=SCOPE, fresh=True)
    claims = await engine.decode(token)
    payload = claims.model_dump(mode="json", exclude_unset=True)
    signing, verifying = key._signing, key._verifying  # noqa: SLF001 - the same prepared key for both

    def pyjwt_decode() -> object:
        return jwt.decode(
            token, verifying, algorithms=[algorithm], issuer=ISSUER, audience=AUDIENCE
        )

    def pyjwt_encode() -> object:
        # What `issue` does for every token, the caller of PyJWT has to do: an identity and times.
        now = int(time.time())
        return jwt.encode(
            {**payload, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 900},
            signing,
            algorithm=algorithm,
            headers={"kid": "bench"},
        )

    def pyjwt_encode_bare() -> object:
        return jwt.encode(payload, signing, algorithm=algorithm, headers={"kid": "bench"})

    async def issue() -> object:
        return await engine.issue("alice", claims=EXTRA, scope=SCOPE, fresh=True)

    rows = []
    for name, ours, theirs, at_most in (
        ("decode", lambda: engine.decode(token), pyjwt_decode, DECODE_AT_MOST[algorithm]),
        ("issue", issue, pyjwt_encode_bare, ISSUE_AT_MOST.get(algorithm)),
        ("issue, PyJWT with jti and times", issue, pyjwt_encode, None),
    ):
        result = await alternate(ours, theirs, blocks=blocks, calls=calls)
        rows.append(row(f"{algorithm} {name}", result, at_most))
    return rows


async def main() -> None:
    """Measure every algorithm and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer blocks, for a first look")
    quick = parser.parse_args().quick
    print(
        f"Python {platform.python_version()}, PyJWT {jwt.__version__}, "
        f"Pydantic {pydantic.VERSION}, {platform.machine()}\n"
    )
    print("| what | Tokenward µs | PyJWT µs | ratio | 10 % to 90 % | at most |")
    print("|---|---|---|---|---|---|")
    for algorithm, calls in (("HS256", 400), ("RS256", 100), ("ES256", 100), ("EdDSA", 100)):
        for line in await measure(algorithm, blocks=20 if quick else 100, calls=calls):
            print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
