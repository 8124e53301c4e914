"""async-fastapi-jwt-auth or Tokenward's drop-in in FastAPI: the same program with another ``--package``.

Both are configured as a class, so each process uses one algorithm.
"""

import importlib
from typing import Annotated, Any

from answering import steady
from asgi import PATH
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_bare import RUNS_ON, open_apps
from material import AUDIENCE, EXTRA, ISSUER, REVOKED, SUBJECT, Material
from requesting import Service, run

REFERENCE = "async_fastapi_jwt_auth"


async def answer_refusal(_request: Request, error: Any) -> JSONResponse:  # noqa: ANN401
    """Answer as the documentation of async-fastapi-jwt-auth shows."""
    return JSONResponse({"detail": error.message}, error.status_code)


def configure(auth_jwt: Any, material: Material, algorithm: str) -> None:  # noqa: ANN401
    """Load the settings and the denylist."""
    private = material.key(algorithm, "private")
    keys = (
        [("authjwt_secret_key", private)]
        if algorithm.startswith("HS")
        else [
            ("authjwt_private_key", private),
            ("authjwt_public_key", material.key(algorithm, "public")),
        ]
    )

    @auth_jwt.load_config
    def settings() -> list[tuple[str, object]]:
        return [
            ("authjwt_algorithm", algorithm),
            ("authjwt_decode_issuer", ISSUER),
            ("authjwt_encode_issuer", ISSUER),
            ("authjwt_decode_audience", AUDIENCE),
            ("authjwt_denylist_enabled", True),
            *keys,
        ]

    @auth_jwt.token_in_denylist_loader
    async def is_revoked(claims: dict[str, Any]) -> bool:
        return claims["jti"] == REVOKED


def guarded_apps(AuthJWT: Any, refused: type[Exception], bearer: Any) -> dict[str, FastAPI]:  # noqa: ANN401, N803
    """Build the routes that require a token and return nothing of it, its subject, or its claims."""
    apps = {name: FastAPI() for name in ("required", "main", "claims")}
    for app in apps.values():
        app.add_exception_handler(refused, answer_refusal)

    @apps["required"].get(PATH)
    async def required(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        return {"user": SUBJECT}

    @apps["main"].get(PATH)
    async def subject(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        return {"user": await auth.get_jwt_subject()}

    @apps["claims"].get(PATH)
    async def claims(auth: Annotated[AuthJWT, Depends(bearer)]) -> dict[str, object]:
        await auth.jwt_required()
        found = await auth.get_raw_jwt()
        return {"user": await auth.get_jwt_subject(), "tenant": found["tenant"]}

    return apps


async def build(material: Material, algorithm: str, package: str) -> Service:
    """Build the service."""
    auth_jwt = importlib.import_module(package).AuthJWT
    refused = importlib.import_module(f"{package}.exceptions").AuthJWTException
    bearer = importlib.import_module(f"{package}.auth_jwt").AuthJWTBearer()
    configure(auth_jwt, material, algorithm)

    async def issue(_: object) -> str:
        return await auth_jwt().create_access_token(
            SUBJECT, fresh=True, audience=AUDIENCE, user_claims=EXTRA
        )

    service = {
        "open": open_apps(),
        "guarded": guarded_apps(auth_jwt, refused, bearer),
        "further": {"issue": steady(issue)},
    }
    if package == REFERENCE:
        return Service(**service, runs_on=(*RUNS_ON, "async-fastapi-jwt-auth"))
    from tokenward_engine import cache_checks

    watching = await cache_checks(auth_jwt.engine(), material, algorithm)
    return Service(**service, **watching, runs_on=RUNS_ON)


if __name__ == "__main__":
    run(build)
