"""The time of each step of a protected request. ``profile_tokenward.py MATERIAL FRAMEWORK BLOCKS``.

One step at a time is measured, so that the cost of measuring is not part of another step. A step is
measured within a request, because the framework's work before it affects the CPU caches.
"""

import asyncio
import gc
import importlib
import inspect
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from answering import versions
from asgi import Application, Headers, bearer_headers, exchange
from material import Material

from tokenward import TokenEngine
from tokenward.http import Authenticator
from tokenward.jose.compact import CompactJws
from tokenward.jose.signature_cache import SignatureCache
from tokenward.sessions.revocation import RevocationChecker
from tokenward.tokens.validator import ClaimsValidator

CALLS = 100
STEPS: dict[str, tuple[type, str]] = {
    "authenticate": (Authenticator, "authenticate"),
    "decode": (TokenEngine, "decode"),
    "verify": (CompactJws, "verify_text"),
    "remember": (SignatureCache, "add"),
    "read": (ClaimsValidator, "read_claims"),
    "check": (ClaimsValidator, "check"),
    "revoked": (RevocationChecker, "refuse_revoked"),
}
"""The measured methods, by the names that the runner uses."""


@contextmanager
def watching(owner: type, name: str) -> Iterator[list[float]]:
    """Record the seconds that each call of a method takes."""
    method: Callable[..., Any] = getattr(owner, name)
    taken: list[float] = []
    now = time.perf_counter

    async def awaited(*args: object, **kwargs: object) -> object:
        start = now()
        result = await method(*args, **kwargs)
        taken.append(now() - start)
        return result

    def called(*args: object, **kwargs: object) -> object:
        start = now()
        result = method(*args, **kwargs)
        taken.append(now() - start)
        return result

    setattr(owner, name, awaited if inspect.iscoroutinefunction(method) else called)
    try:
        yield taken
    finally:
        setattr(owner, name, method)


async def seconds(app: Application, requests: list[Headers]) -> float:
    """Send some requests, one after the other, and return the time of one."""
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    for headers in requests:
        await exchange(app, headers)
    taken = (time.perf_counter() - start) / len(requests)
    gc.enable()
    return taken


async def blocks_of(
    apps: dict[str, Application], requests: Iterator[Headers], blocks: int
) -> AsyncIterator[dict[str, float]]:
    """Send a block of requests to each app in turn; yield the microseconds of one request."""
    for _ in range(blocks):
        sent = list(islice(requests, CALLS))
        yield {name: await seconds(app, sent) * 1e6 for name, app in apps.items()}


async def profile(
    apps: dict[str, Application], requests: Iterator[Headers], blocks: int
) -> dict[str, float]:
    """Return the medians of a bare request, of the time that a protected one adds, and of each step."""
    found = [each async for each in blocks_of(apps, requests, blocks)]
    bare = median(each["bare"] for each in found)
    medians = {"bare": bare, "empty": 0.0}
    if "empty" in apps:
        medians["empty"] = median(each["empty"] - each["bare"] for each in found)
    medians["more"] = median(each["main"] - each["bare"] for each in found)
    for name, (owner, method) in STEPS.items():
        with watching(owner, method) as taken:
            async for _ in blocks_of({"main": apps["main"]}, requests, max(1, blocks // 4)):
                pass
        medians[name] = median(taken) * 1e6 if taken else 0.0
    return medians


async def main(folder: Path, framework: str, blocks: int) -> None:
    """Profile requests with new tokens, and with one token seen before."""
    material = Material(folder)
    service = await importlib.import_module(f"{framework}_tokenward").build(material, "HS256")
    apps = {**service.open, **service.guarded}
    tokens = [bearer_headers(token) for token in material.tokens("HS256", "usual")]
    gc.freeze()
    found = {
        "repeat": await profile(apps, cycle(tokens[:1]), blocks),
        "first": await profile(apps, cycle(tokens[1:]), blocks),
    }
    print(json.dumps({"versions": versions(service.runs_on), **found}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
