"""One side of `authjwt.py`: a small service on one of the two libraries, which times itself.

``authjwt_side.py PACKAGE`` says what it runs on, and then answers each line ``ROUTE CALLS`` with the
microseconds that a request took. It knows nothing but FastAPI and the names that both have.
"""

import asyncio
import importlib
import sys
import time
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

SECRET = "a-secret-of-thirty-two-bytes-xxx"  # noqa: S105 - for this measurement alone
PATHS = ("/bare", "/empty", "/required", "/subject", "/claims")
RUNS_ON = ("fastapi", "starlette", "pyjwt", "pydantic")


async def answer_refusal(_request: Request, error: Any) -> JSONResponse:  # noqa: ANN401
    """Do what the documentation of the reference tells its users to."""
    return JSONResponse({"detail": error.message}, error.status_code)


def services_on(package: str) -> tuple[dict[str, FastAPI], Any]:
    """Build the same services on either, one a route; give them, and their `AuthJWT`."""
    AuthJWT = importlib.import_module(package).AuthJWT  # noqa: N806 - a class
    refused = importlib.import_module(f"{package}.exceptions").AuthJWTException
    bearer = importlib.import_module(f"{package}.auth_jwt").AuthJWTBearer()
    # One route each: with several in one app, a later one would cost more to find.
    apps = {path: FastAPI() for path in PATHS}
    for app in apps.values():
        app.add_exception_handler(refused, answer_refusal)

    @AuthJWT.load_config
    def settings() -> list[tuple[str, str]]:
        return [("authjwt_secret_key", SECRET)]

    @apps["/bare"].get("/bare")
    async def bare() -> dict[str, object]:
        return {"user": "alice"}

    async def nothing() -> None:
        pass

    @apps["/empty"].get("/empty")
    async def empty(_nothing: Annotated[None, Depends(nothing)]) -> dict[str, object]:
        return {"user": "alice"}

    @apps["/required"].get("/required")
    async def required(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        return {"user": "alice"}

    @apps["/subject"].get("/subject")
    async def subject(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        return {"user": await auth.get_jwt_subject()}

    @apps["/claims"].get("/claims")
    async def claims(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        return {"user": await auth.get_jwt_subject(), "foo": (await auth.get_raw_jwt())["foo"]}

    return apps, AuthJWT


async def request(app: FastAPI, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """Call the service as a server does; give the status."""
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
    }
    await app(scope, receive, send)
    return statuses[0]


async def main(package: str) -> None:
    """Answer until the other end closes."""
    apps, auth_jwt = services_on(package)
    token = await auth_jwt().create_access_token("alice", user_claims={"foo": ["fiz", "baz"]})
    plain = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"user-agent", b"bench")]
    bearer = (b"authorization", f"Bearer {token}".encode())
    told = [*plain, bearer]
    answers = [await request(app, path, told) for path, app in apps.items()]
    answers.append(await request(apps["/claims"], "/claims", plain))
    if answers != [200] * len(apps) + [401]:
        sys.exit(f"{package} answers with {answers}: there is nothing to compare.")
    print(", ".join(f"{name} {version(name)}" for name in RUNS_ON), flush=True)
    for line in sys.stdin:
        path, calls = line.split()
        start = time.perf_counter()
        for _ in range(int(calls)):
            await request(apps[path], path, told)
        print((time.perf_counter() - start) / int(calls) * 1e6, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
