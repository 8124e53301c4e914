"""A service with one framework and one library: checked, then timed in its process or served.

``SIDE.py MATERIAL ALGORITHM [--package NAME] [--store STORE] [--serve CASE]``. Each application has one route, because a
framework takes longer to find a later one of several routes.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from answering import Case, answer, expect_equal, steady, versions
from asgi import PLAIN, Application, Headers, bearer_headers, exchange
from material import REVOKED, SUBJECT, Material

OK, REFUSED = 200, 4
SERVED_BY = ("uvicorn", "uvloop", "httptools")
# The tokens of a case: another one for each request, or always the same.
FIRST, REPEAT = "first", "repeat"
CaseOf = Callable[[Callable[[Headers], Awaitable[None]], Iterator[Headers]], Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The applications of one side.

    The `open` applications need no token: ``bare`` and, for most frameworks, ``empty``. Of the `guarded`
    applications, ``main`` is compared with those of other sides. `further` cases are not requests.
    """

    open: dict[str, Application]
    guarded: dict[str, Application]
    runs_on: tuple[str, ...]
    further: dict[str, Case] = field(default_factory=dict)
    first: CaseOf = steady
    repeat: CaseOf = steady
    memory: Callable[[], Any] | None = None
    """Returns the counters of the signature cache; None if the side has no such cache."""
    checks_revocation: bool = True
    report: Callable[[], dict[str, object]] | None = None
    """Returns what a side that was served adds to its last output."""


def request_call(app: Application) -> Callable[[Headers], Awaitable[None]]:
    """Return a call that sends one request and requires a successful response."""

    async def ask(headers: Headers) -> None:
        status, _ = await exchange(app, headers)
        if status != OK:
            sys.exit(f"A request was answered with {status}.")

    return ask


async def check(service: Service, material: Material, algorithm: str) -> None:
    """End the side unless it accepts valid tokens and refuses all others."""
    good = bearer_headers(material.tokens(algorithm, "usual")[0])
    for name, app in {**service.open, **service.guarded}.items():
        status, body = await exchange(app, good)
        expect_equal((status, json.loads(body).get("user")), (OK, SUBJECT), f"{name}, {body!r}")
    refused = {name: bearer_headers(token) for name, token in material.refused(algorithm).items()}
    if not service.checks_revocation:
        del refused[REVOKED]
    refused |= {"absent": PLAIN, "garbage": bearer_headers("garbage")}
    for name, app in service.guarded.items():
        for fault, headers in refused.items():
            status, _ = await exchange(app, headers)
            expect_equal(status // 100, REFUSED, f"{name}, {fault} token, hundreds of the status")


def cases_of(service: Service, material: Material, algorithm: str) -> dict[str, Case]:
    """Return a case for each open application, and two for each guarded one: new tokens, one token."""
    headers = [bearer_headers(token) for token in material.tokens(algorithm, "usual")]
    # One pool for all applications of the process, because they may share a signature cache.
    pool = cycle(headers[1:])
    cases = {
        name: steady(request_call(app), cycle(headers[:1])) for name, app in service.open.items()
    }
    for name, app in service.guarded.items():
        cases[f"{name}/{FIRST}"] = service.first(request_call(app), pool)
        cases[f"{name}/{REPEAT}"] = service.repeat(request_call(app), cycle(headers[:1]))
    return cases | service.further


async def serve(app: Application, service: Service) -> None:
    """Serve an application with one uvicorn worker until the runner closes the pipe.

    Prints the port at the start and, if there is a signature cache, its hits and misses at the end, with the service's report.
    """
    import uvicorn

    class Server(uvicorn.Server):
        # uvicorn opens the socket itself: on a socket passed to it, it leaves Nagle's algorithm on, which costs 40 ms.
        async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own
            await super().startup(sockets)
            (port,) = (each.getsockname()[1] for own in self.servers for each in own.sockets)
            greeting = {"versions": versions((*service.runs_on, *SERVED_BY)), "port": port}
            print(json.dumps(greeting), flush=True)
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self.stop)

        def stop(self) -> None:
            self.should_exit = True

    before = service.memory() if service.memory is not None else None
    await Server(uvicorn.Config(app, port=0, log_level="error", access_log=False)).serve()
    output: dict[str, object] = {} if service.report is None else service.report()
    if before is not None:
        after = service.memory()
        output |= {"hits": after.hits - before.hits, "misses": after.misses - before.misses}
    if output:
        print(json.dumps(output))


def run(build: Callable[..., Awaitable[Service]]) -> None:
    """Build the service of a side from its command line, check it, then time or serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("material", type=Path)
    parser.add_argument("algorithm")
    parser.add_argument("--package", help="the library, if two have the same names")
    parser.add_argument("--store", help="the revocation store, if the side lets one choose")
    parser.add_argument("--serve", help="serve this application instead of timing all of them")
    wanted = parser.parse_args()
    if wanted.serve:
        import uvloop

        # As uvicorn itself does if it is installed as `uvicorn[standard]`.
        uvloop.run(_run(build, wanted))
    else:
        asyncio.run(_run(build, wanted))


async def _run(build: Callable[..., Awaitable[Service]], wanted: argparse.Namespace) -> None:
    material = Material(wanted.material)
    further = [each for each in (wanted.package, wanted.store) if each is not None]
    service = await build(material, wanted.algorithm, *further)
    await check(service, material, wanted.algorithm)
    if wanted.serve:
        await serve({**service.open, **service.guarded}[wanted.serve], service)
    else:
        await answer(cases_of(service, material, wanted.algorithm), service.runs_on)
