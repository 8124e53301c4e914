"""Incorrect use of a dependency is an error in the line that contains it, or when the app starts."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from pydantic import BaseModel

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import Service
from tests.adapters.test_fastapi_startup_checks import STARTED, refused, start
from tests.support import SECRET, FrozenClock, ShopClaims
from tokenward import Claims, ConfigurationError, Issuers, KeyRing, TokenEngine, TokenPolicy
from tokenward.testing.adapters.service import contract_engine
from tokenward_fastapi import TokenAuth

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


class StaffClaims(Claims):
    """A model that the engine of the tests does not return."""


AUTH: TokenAuth[Any] = TokenAuth(TokenEngine(KeyRing.from_secret(SECRET), claims_model=ShopClaims))
REQUIRED: Any = AUTH.required()
OPTIONAL: Any = AUTH.optional()


def _annotated(claims: Annotated[ShopClaims, REQUIRED]) -> None: ...
def _annotated_optional(claims: Annotated[ShopClaims | None, OPTIONAL]) -> None: ...
def _default(claims: ShopClaims = REQUIRED) -> None: ...
def _default_optional(claims: ShopClaims | None = OPTIONAL) -> None: ...
def _without_a_type(claims=REQUIRED) -> None: ...  # type: ignore[no-untyped-def]
def _as_the_type(claims: REQUIRED) -> None: ...
def _of_a_socket(websocket: WebSocket, claims: ShopClaims = REQUIRED) -> None: ...
def _not_called(claims: Annotated[ShopClaims, Depends(AUTH.required)]) -> None: ...
def _security(claims: Annotated[ShopClaims, Security(AUTH.required, scopes=["a"])]) -> None: ...
def _not_called_optional(claims: ShopClaims = Depends(AUTH.optional)) -> None: ...  # noqa: B008
def _right() -> None: ...


def _get(handler: Callable[..., Any]) -> Callable[[], object]:
    return lambda: FastAPI().get("/")(handler)


def _grouped(*dependencies: Any) -> list[Callable[[], object]]:
    wrong = list(dependencies)
    return [
        lambda: FastAPI().get("/", dependencies=wrong)(_right),
        lambda: FastAPI().websocket("/", dependencies=wrong)(_right),
        lambda: FastAPI(dependencies=wrong).get("/")(_right),
        lambda: APIRouter(dependencies=wrong).get("/")(_right),
    ]


WITHOUT_DEPENDS = [
    *map(_get, (_annotated, _annotated_optional, _default, _default_optional)),
    *map(_get, (_without_a_type, _as_the_type)),
    lambda: FastAPI().websocket("/")(_of_a_socket),
    *_grouped(REQUIRED),
    *_grouped(Depends(_right), OPTIONAL),
]
NOT_CALLED = [
    *map(_get, (_not_called, _not_called_optional, _security)),
    *_grouped(Depends(AUTH.required)),
]
AS_A_DECORATOR = [
    lambda: REQUIRED(_right),
    lambda: OPTIONAL(_right),
    lambda: REQUIRED(ShopClaims),
    lambda: FastAPI().get("/")(REQUIRED(_right)),
    lambda: REQUIRED(FastAPI().get("/")(_right)),
]


@pytest.mark.parametrize("write", WITHOUT_DEPENDS, ids=range(len(WITHOUT_DEPENDS)))
def test_a_dependency_without_depends(write: Callable[[], object]) -> None:
    """A dependency without ``Depends`` would guard nothing: it is an error at once, without `init_app`."""
    with pytest.raises(
        ConfigurationError, match=r"\(\) needs Depends: write claims: Annotated\[\.\.\., Depends\("
    ):
        write()


@pytest.mark.parametrize("write", NOT_CALLED, ids=range(len(NOT_CALLED)))
def test_a_dependency_that_was_not_called(write: Callable[[], object]) -> None:
    """Passing the method instead of its result is an error."""
    with pytest.raises(
        ConfigurationError,
        match=r"must be called: write auth\.required\(\) instead of auth\.required, as in Depends",
    ):
        write()


@pytest.mark.parametrize("write", AS_A_DECORATOR, ids=range(len(AS_A_DECORATOR)))
def test_a_dependency_as_a_decorator(write: Callable[[], object]) -> None:
    """Using the dependency as a decorator is an error."""
    with pytest.raises(ConfigurationError, match="is a dependency, not a decorator: declare a"):
        write()


def test_a_dependency_on_the_field_of_a_model() -> None:
    """Such a model is refused, because its field would be filled from the request."""
    with pytest.raises(ConfigurationError, match="needs Depends"):

        class Basket(BaseModel):
            claims: Annotated[ShopClaims, REQUIRED]


def test_a_dependency_is_not_called_in_a_thread() -> None:
    """A call in a thread raises: nothing would await it, and no token would be verified."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        REQUIRED(connection=None, security_scopes=None)


def test_a_dependency_has_a_short_repr() -> None:
    """The repr names the class and shows nothing of the engine."""
    assert "ClaimsDependency" in repr(REQUIRED)


async def _other(claims: Annotated[StaffClaims, Depends(REQUIRED)]) -> None: ...
async def _other_default(claims: StaffClaims = Depends(REQUIRED)) -> None: ...  # noqa: B008
async def _maybe_other(claims: Annotated[StaffClaims | None, Depends(OPTIONAL)]) -> None: ...
async def _current(claims: Annotated[StaffClaims, Depends(REQUIRED)]) -> str:
    return claims.sub


async def _by_dependency(sub: Annotated[str, Depends(_current)]) -> None: ...
async def _never_none(claims: Annotated[ShopClaims, Depends(OPTIONAL)]) -> None: ...


@pytest.mark.parametrize("handler", [_other, _other_default, _maybe_other, _by_dependency])
async def test_an_annotation_names_the_model_of_the_engine(
    service: Service, handler: Callable[..., Any]
) -> None:
    """An annotation with another model than the engine's, or a base of it, is refused."""
    service.app.get("/wrong")(handler)

    assert "'claims' of _" in await refused(service.app)
    assert "() receives ShopClaims: annotate it with that model, or pass" in await refused(
        service.app
    )


async def test_an_annotation_of_optional_claims_says_so(service: Service) -> None:
    """An annotation without None is refused: a request without a token would be a server error."""
    service.app.get("/wrong")(_never_none)

    assert "_never_none() is None if no token was sent" in await refused(service.app)
    assert "annotate it as ShopClaims | None, or use auth.req" in await refused(service.app)


async def test_an_annotation_fits_the_models_of_all_issuers() -> None:
    """With several engines the annotation is a union or a common base."""
    keys = KeyRing.from_secret(SECRET)
    shop = TokenEngine(keys, policy=TokenPolicy(issuer="https://a"), claims_model=ShopClaims)
    staff = TokenEngine(keys, policy=TokenPolicy(issuer="https://b"), claims_model=StaffClaims)
    auth: TokenAuth[Any] = TokenAuth(Issuers(shop, staff))
    found: Any = Depends(auth.required())

    async def both(claims: Annotated[ShopClaims | StaffClaims, found]) -> None: ...
    async def base(claims: Annotated[Claims, found]) -> None: ...
    async def one(claims: Annotated[ShopClaims, found]) -> None: ...

    app = FastAPI()
    auth.init_app(app)
    app.get("/both")(both)
    app.get("/base")(base)
    assert [each["type"] for each in await start(app)] == STARTED
    app.get("/one")(one)
    assert "receives StaffClaims" in await refused(app)


@pytest.mark.parametrize("app", [APIRouter(), None, "app", FastAPI])
def test_init_app_takes_the_app(app: object) -> None:
    """`init_app` refuses anything that is not a FastAPI app."""
    with pytest.raises(ConfigurationError, match=r"needs the FastAPI app, .*: call auth\.init_app"):
        AUTH.init_app(app)  # type: ignore[arg-type]


async def test_init_app_after_the_start_is_refused(bare: Service) -> None:
    """`init_app` after the start would have no effect."""
    await bare.get("/")
    with pytest.raises(
        ConfigurationError, match=r"already started: call auth\.init_app\(app\) when you create"
    ):
        bare.auth.init_app(bare.app)


def test_an_app_is_checked_once(clock: FrozenClock) -> None:
    """An app with several authenticators is checked once."""
    app = FastAPI()
    for _ in range(3):
        TokenAuth(contract_engine(clock)).init_app(app)

    assert len(app.user_middleware) == 1
