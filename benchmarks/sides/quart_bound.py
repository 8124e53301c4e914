"""The least code that checks a token in full, as a decorator in Quart."""

from functools import wraps

from asgi import PATH
from bound import CHALLENGE, Bound, RefusedError, bound_checks
from material import Material
from quart import Quart, request
from quart_bare import RUNS_ON, View, open_apps
from requesting import Service, run
from typed_claims import TypedClaims

REFUSED = {"detail": "Not authenticated"}, 401, CHALLENGE


def guarded_by(bound: Bound, view: View) -> View:
    """Decorate a view, which gets the claims as its first argument."""

    @wraps(view)
    async def guarded(*args: object, **kwargs: object) -> object:
        try:
            claims = bound.claims_of(request.scope["headers"])
        except RefusedError:
            return REFUSED
        return await view(claims, *args, **kwargs)

    return guarded


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    app, bound = Quart(__name__), Bound(material, algorithm)

    async def user(claims: TypedClaims) -> dict[str, str]:
        return {"user": claims.sub}

    app.get(PATH)(guarded_by(bound, user))
    return Service(
        open=open_apps(),
        guarded={"main": app},
        runs_on=(*RUNS_ON, "pydantic"),
        **bound_checks(bound),
    )


if __name__ == "__main__":
    run(build)
