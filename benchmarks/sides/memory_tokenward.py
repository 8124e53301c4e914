"""How much memory a remembered token takes, and a revoked one. ``memory_tokenward.py MATERIAL REVOKED``."""

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from pathlib import Path

from answering import same, versions
from material import Material
from tokenward_engine import engine_with, ring_of

from tokenward import MemoryStore, Revocation

KEPT_SECONDS = 86_400


def traced_bytes() -> int:
    """Give what Python's own objects take now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def remembered(material: Material) -> dict[str, float]:
    """Let an engine see more tokens than it remembers; each text is alive as long as it remembers it."""
    engine = engine_with(ring_of(material, "HS256"))
    with material.path("HS256", "usual").open() as lines:
        await engine.decode(next(lines).rstrip())
        before = traced_bytes()
        for line in lines:
            await engine.decode(line.rstrip())
    used, memory = traced_bytes() - before, engine.signature_cache
    same(memory.hits, 0, "hits")
    same(memory.misses > memory.entries > 1, True, "a full memory")  # noqa: FBT003 - what is expected
    return {
        "entries": memory.entries,
        "bytes": used / (memory.entries - 1),
        "claimed": memory.bytes / memory.entries,
        "letters": len(line.rstrip()),
    }


async def revoked(entries: int) -> float:
    """Revoke tokens in a MemoryStore; give the bytes of each, its identity of 32 letters included."""
    store, now = MemoryStore(), time.time()
    before = traced_bytes()
    for number in range(entries):
        await store.revoke(Revocation("token", f"{number:032x}", now + KEPT_SECONDS), now=now)
    return (traced_bytes() - before) / entries


async def main(material: Material, entries: int) -> None:
    """Say both, and end."""
    tracemalloc.start()
    found = {"remembered": await remembered(material), "revoked": await revoked(entries)}
    print(json.dumps({"versions": versions(["pydantic", "pyjwt"]), **found}))


if __name__ == "__main__":
    asyncio.run(main(Material(Path(sys.argv[1])), int(sys.argv[2])))
