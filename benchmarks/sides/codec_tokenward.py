"""Tokenward without a framework: decode, issue and refuse. ``codec_tokenward.py MATERIAL``."""

import asyncio
import sys
from itertools import cycle
from pathlib import Path

from answering import Call, Case, answer, expect_equal, steady
from material import ALGORITHMS, EXTRA, SCOPE, SERVED, SIZES, SUBJECT, Material
from remembering import CacheWatch, repeat
from tokenward_engine import (
    ShopClaims,
    cache_checks,
    engine_with,
    engine_with_revoked_token,
    ring_of,
)

from tokenward import KeyRing, MemoryStore, TokenEngine, TokenError


def fresh_each_block(ring: KeyRing, tokens: list[str]) -> Case:
    """Return a case of tokens that are new to the engine: each block gets a new engine."""
    warming, *rest = tokens
    watch = CacheWatch(engine_with(ring, MemoryStore()))

    async def ready() -> Call:
        engine = engine_with(ring, MemoryStore())
        await engine.decode(warming)
        watch.start(engine)
        return engine.decode

    # The runner requests at most as many calls as there are tokens (`MOST_CALLS`).
    return Case(inputs=cycle(rest), ready=ready, check=watch.first_sight)


def refusing(engine: TokenEngine[ShopClaims]) -> Call:
    """Return a call for tokens that must be refused."""

    async def refuse(token: str) -> None:
        try:
            await engine.decode(token)
        except TokenError:
            return
        sys.exit("An invalid token was accepted.")

    return refuse


async def check(material: Material, algorithm: str, engine: TokenEngine[ShopClaims]) -> None:
    """End the side unless it accepts the valid token and refuses the others."""
    claims = await engine.decode(material.tokens(algorithm, "usual")[0])
    found = claims.sub, claims.tenant, list(claims.roles), claims.scope
    expect_equal(found, (SUBJECT, *EXTRA.values(), SCOPE), algorithm)
    for token in material.refused(algorithm).values():
        await refusing(engine)(token)


async def decoding(material: Material, algorithm: str) -> dict[str, Case]:
    """Return the cases of decoding: first sight, seen before, and first sight with a full cache."""
    ring, engine = (
        ring_of(material, algorithm),
        await engine_with_revoked_token(material, algorithm),
    )
    await check(material, algorithm, engine)
    cases: dict[str, Case] = {}
    for size in SIZES:
        tokens = material.tokens(algorithm, size)
        again = repeat(engine, engine.decode, cycle(tokens[:1]))
        cases[f"decode/{algorithm}/{size}/first"] = fresh_each_block(ring, tokens)
        cases[f"decode/{algorithm}/{size}/repeat"] = again
    if algorithm in SERVED:
        watching = await cache_checks(engine, material, algorithm)
        others = cycle(material.tokens(algorithm, "usual")[1:])
        cases[f"decode/{algorithm}/usual/full"] = watching["first"](engine.decode, others)
    return cases


async def main(material: Material) -> None:
    """Prepare the cases and answer."""
    cases: dict[str, Case] = {}
    for algorithm in ALGORITHMS:
        cases |= await decoding(material, algorithm)
        engine = await engine_with_revoked_token(material, algorithm)

        async def issue(_: object, engine: TokenEngine[ShopClaims] = engine) -> str:
            return await engine.issue(SUBJECT, claims=EXTRA, scopes=SCOPE.split(), fresh=True)

        cases[f"issue/{algorithm}"] = steady(issue)
    refuse = refusing(await engine_with_revoked_token(material, "HS256"))
    for number, token in enumerate(material.tokens("HS256", "garbage")):
        cases[f"refuse/{number}"] = steady(refuse, cycle([token]))
    await answer(cases, ("pydantic", "pyjwt", "cryptography"))


if __name__ == "__main__":
    asyncio.run(main(Material(Path(sys.argv[1]))))
