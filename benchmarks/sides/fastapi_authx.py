"""authx in FastAPI: its dependency and block list, as its documentation shows them, and issuing."""

from typing import Annotated

from answering import steady
from asgi import PATH
from authx import AuthX, AuthXConfig, TokenPayload
from fastapi import Depends, FastAPI
from fastapi_bare import RUNS_ON, open_apps
from material import AUDIENCE, EXTRA, ISSUER, SUBJECT, Material
from requesting import Service, run


def configured(material: Material, algorithm: str) -> AuthX:
    """Configure authx with the key that signed the tokens."""
    private = material.key(algorithm, "private")
    keys = (
        {"JWT_SECRET_KEY": private}
        if algorithm.startswith("HS")
        else {"JWT_PRIVATE_KEY": private, "JWT_PUBLIC_KEY": material.key(algorithm, "public")}
    )
    config = AuthXConfig(
        JWT_ALGORITHM=algorithm,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_ISSUER=ISSUER,
        **keys,
    )
    return AuthX(config=config)


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    app, auth = FastAPI(), configured(material, algorithm)
    auth.handle_errors(app)
    blocked = {material.refused(algorithm)["revoked"]}

    @auth.set_callback_token_blocklist
    def is_token_revoked(token: str) -> bool:
        return token in blocked

    @app.get(PATH)
    async def user(
        payload: Annotated[TokenPayload, Depends(auth.access_token_required)],
    ) -> dict[str, str]:
        return {"user": payload.sub}

    def issue(_: object) -> str:
        return auth.create_access_token(SUBJECT, fresh=True, data=EXTRA)

    return Service(
        open=open_apps(),
        guarded={"main": app},
        further={"issue": steady(issue)},
        runs_on=(*RUNS_ON, "authx"),
    )


if __name__ == "__main__":
    run(build)
