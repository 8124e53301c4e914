"""Equal requirements are equal dependencies, which tests of applications can name and override."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Security

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import Service
from tests.support import ShopClaims
from tokenward.http import BearerHeader
from tokenward.testing.adapters.service import shop_token
from tokenward_fastapi import TokenAuth

service = fastapi_service.service  # a fixture


class Unhashable:
    """A check that has no hash, as a mutable dataclass has none."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)

    def __call__(self, claims: ShopClaims) -> bool:
        return True


def fake_claims() -> ShopClaims:
    """Return the claims of an override."""
    return ShopClaims(sub="tester", tenant="t")


def is_acme(claims: ShopClaims) -> bool:
    """Check the tenant."""
    return claims.tenant == "acme"


BEARER = BearerHeader()
SAME: dict[str, dict[str, Any]] = {
    "nothing": {},
    "scopes": {"scopes": ["orders:read"]},
    "any_scope": {"any_scope": ["orders:read", "admin"]},
    "check": {"check": is_acme},
    "a check without a hash": {"check": Unhashable()},
    "carriers": {"carriers": [BEARER]},
}


@pytest.mark.parametrize("wanted", SAME.values(), ids=SAME)
@pytest.mark.parametrize("verb", ["required", "optional"])
def test_equal_requirements_are_equal_dependencies(
    service: Service, verb: str, wanted: dict[str, Any]
) -> None:
    """The same requirement of the same `TokenAuth` is one key of a dictionary."""
    one, two = (getattr(service.auth, verb)(**wanted) for _ in range(2))

    assert one == two
    assert {one: "found"}[two] == "found"


def test_other_requirements_are_other_dependencies(service: Service) -> None:
    """Each argument, the verb and the `TokenAuth` make a difference."""
    auth, other = service.auth, TokenAuth(service.engine)
    several = [
        auth.required(),
        other.required(),
        auth.optional(),
        auth.required(fresh=True),
        auth.required(type="refresh"),
        auth.required(scopes=["a"]),
        auth.required(any_scope=["a"]),
        auth.required(check=is_acme),
        auth.required(check=lambda claims: True),
        auth.required(check=lambda claims: True),
        auth.required(carriers=[BearerHeader()]),
        auth.required(carriers=[BearerHeader()]),
    ]

    assert len(set(several)) == len(several)
    assert auth.required() != "auth.required()"


async def test_an_override_names_the_requirement(service: Service) -> None:
    """An override replaces the dependency with this requirement, and no other."""

    @service.app.get("/")
    async def root(claims: Annotated[ShopClaims, Depends(service.auth.required())]) -> str:
        return claims.sub

    @service.app.get("/orders")
    async def orders(
        claims: Annotated[ShopClaims, Depends(service.auth.required(scopes=["orders:read"]))],
    ) -> str:
        return claims.sub

    service.app.dependency_overrides[service.auth.required()] = fake_claims
    assert (await service.get("/", None)).json() == "tester"
    assert (await service.get("/orders", None)).status_code == 401

    service.app.dependency_overrides[service.auth.required(scopes=["orders:read"])] = fake_claims
    assert (await service.get("/orders", None)).json() == "tester"


def by_security(service: Service, scope: str) -> Any:
    """Require a scope through ``Security``: the dependencies themselves are equal."""
    return Security(service.auth.required(), scopes=[scope])


def by_argument(service: Service, scope: str) -> Any:
    """Require a scope through an argument of `required`."""
    return Depends(service.auth.required(scopes=[scope]))


@pytest.mark.parametrize("requires", [by_security, by_argument])
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize(
    ("scope", "status"), [("a b", 200), ("a", 403), ("b", 403), ("", 403), (None, 401)]
)
async def test_equal_dependencies_never_replace_each_others_scopes(
    service: Service,
    requires: Callable[[Service, str], Any],
    order: tuple[str, str],
    scope: str | None,
    status: int,
) -> None:
    """Dependencies of one route with different scopes are all checked, in any order."""
    router = APIRouter(dependencies=[Depends(service.auth.required())])

    @router.get("/", dependencies=[requires(service, order[0])])
    async def root(claims: Annotated[ShopClaims, requires(service, order[1])]) -> str:
        return claims.sub

    service.app.include_router(router)
    token = None if scope is None else shop_token(scope=scope)

    assert (await service.get("/", token)).status_code == status
