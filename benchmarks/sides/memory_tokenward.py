"""The memory of a token in the signature cache, and of a revoked token. ``memory_tokenward.py MATERIAL REVOKED``."""

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from pathlib import Path

from answering import expect_equal, versions
from material import Material
from tokenward_engine import engine_with, ring_of

from tokenward import MemoryStore, Revocation

KEPT_SECONDS = 86_400


def traced_bytes() -> int:
    """Return the bytes that Python objects use now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def remembered(material: Material) -> dict[str, float]:
    """Decode more tokens than the signature cache holds; only the cache keeps their text alive."""
    engine = engine_with(ring_of(material, "HS256"), MemoryStore())
    with material.path("HS256", "usual").open() as lines:
        await engine.decode(next(lines).rstrip())
        before = traced_bytes()
        for line in lines:
            await engine.decode(line.rstrip())
    used, cache = traced_bytes() - before, engine.signature_cache
    expect_equal(cache.hits, 0, "hits")
    expect_equal(cache.misses > cache.entries > 1, True, "a full cache")  # noqa: FBT003 - the expected value
    return {
        "entries": cache.entries,
        "bytes": used / (cache.entries - 1),
        "claimed": cache.bytes / cache.entries,
        "letters": len(line.rstrip()),
    }


async def revoked(entries: int) -> float:
    """Revoke tokens in a MemoryStore; return the bytes of each, including its identity."""
    store, now = MemoryStore(), time.time()
    before = traced_bytes()
    for number in range(entries):
        await store.revoke(Revocation("token", f"{number:032x}", now + KEPT_SECONDS), now=now)
    return (traced_bytes() - before) / entries


async def main(material: Material, entries: int) -> None:
    """Print both results."""
    tracemalloc.start()
    found = {"remembered": await remembered(material), "revoked": await revoked(entries)}
    print(json.dumps({"versions": versions(["pydantic", "pyjwt"]), **found}))


if __name__ == "__main__":
    asyncio.run(main(Material(Path(sys.argv[1])), int(sys.argv[2])))
