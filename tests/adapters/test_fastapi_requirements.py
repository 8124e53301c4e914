"""The requirements of FastAPI's dependencies: carriers, `optional`, and invalid requirements."""

from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import EXPIRED, GOOD, ORDERS, Service, challenge_of
from tests.support import NOW, FrozenClock, ShopClaims
from tokenward import BearerHeader, ConfigurationError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import check, check_async, contract_engine, shop_token
from tokenward_fastapi import TokenAuth

service = fastapi_service.service  # a fixture

OWN_HEADER = [BearerHeader(name="X-Token", scheme="Token")]


@pytest.mark.parametrize("at", ["auth", "route"])
async def test_own_header(clock: FrozenClock, at: str) -> None:
    """Another header with another scheme is read instead of the default."""
    service = Service(clock, **({"carriers": OWN_HEADER} if at == "auth" else {}))
    of_route = OWN_HEADER if at == "route" else None

    @service.app.get("/", dependencies=[Depends(service.auth.required(carriers=of_route))])
    async def root() -> None: ...

    async with service.client:
        usual = await service.get("/")
        own = await service.client.get("/", headers={"X-Token": f"token {GOOD}"})

    assert (usual.status_code, own.status_code) == (401, 200)
    assert challenge_of(usual) == f'{"Token" if at == "auth" else "Bearer"} realm="api"'


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, answers.MISSING),
        ({"Authorization": f"Bearer {GOOD}"}, None),
        ({"X-Token": f"Token {GOOD}"}, None),
        ({"Authorization": f"Bearer {GOOD}", "X-Token": f"Token {GOOD}"}, None),
        ({"Authorization": "Basic eDp5", "X-Token": f"Token {GOOD}"}, None),
        (
            {"Authorization": f"Bearer {GOOD}", "X-Token": f"Token {ORDERS}"},
            answers.TWO_CREDENTIALS,
        ),
        ({"Authorization": f"Bearer {GOOD}", "X-Token": "Token"}, answers.TWO_CREDENTIALS),
        ({"Authorization": "Bearer", "X-Token": f"Token {GOOD}"}, answers.TWO_CREDENTIALS),
    ],
    ids=[
        "none",
        "first",
        "second",
        "agree",
        "other scheme",
        "disagree",
        "one empty",
        "first empty",
    ],
)
async def test_two_carriers(
    clock: FrozenClock, headers: dict[str, str], answer: answers.Answer | None
) -> None:
    """Either of two carriers may have the token; different tokens in both are refused."""
    service = Service(clock, carriers=[BearerHeader(), *OWN_HEADER])

    @service.app.get("/", dependencies=[Depends(service.auth.required())])
    async def root() -> None: ...

    async with service.client:
        response = await service.client.get("/", headers=headers)

    assert response.status_code == (200 if answer is None else answer.status)
    assert challenge_of(response) == (None if answer is None else answer.challenge)


async def test_two_tokens_of_one_request_are_two(service: Service) -> None:
    """Requirements with different carriers get the claims of different tokens."""
    own = service.auth.required(carriers=OWN_HEADER)

    @service.app.get("/")
    async def root(
        one: Annotated[ShopClaims, Depends(service.auth.required())],
        two: Annotated[ShopClaims, Depends(own)],
    ) -> list[str]:
        return [one.sub, two.sub]

    headers = {"Authorization": f"Bearer {GOOD}", "X-Token": f"Token {shop_token(sub='bob')}"}
    both = await service.client.get("/", headers=headers)
    expired = await service.client.get("/", headers={**headers, "X-Token": f"Token {EXPIRED}"})

    assert both.json() == ["alice", "bob"]
    assert expired.json() == answers.EXPIRED.body


@pytest.mark.parametrize(
    ("arguments", "good", "bad", "answer"),
    [
        ({}, {}, {"exp": NOW}, answers.EXPIRED),
        ({"type": "refresh"}, {"type": "refresh"}, {}, answers.WRONG_TYPE),
        ({"fresh": True}, {"fresh": True}, {}, answers.NOT_FRESH),
        ({"max_age": timedelta(minutes=1)}, {"auth_time": NOW}, {}, answers.too_old(60)),
        ({"scopes": ["a"]}, {"scope": "a"}, {}, answers.too_little("a")),
        ({"check": check}, {}, {"tenant": "says-false"}, answers.DENIED),
        ({"check": check_async}, {}, {"tenant": "says-none"}, answers.DENIED),
    ],
    ids=["nothing", "type", "fresh", "recent", "scopes", "check", "async check"],
)
async def test_optional_asks_for_the_same(
    service: Service,
    arguments: dict[str, Any],
    good: dict[str, object],
    bad: dict[str, object],
    answer: answers.Answer,
) -> None:
    """The requirements of `optional` apply to every token that is sent."""

    @service.app.get("/", dependencies=[Depends(service.auth.optional(**arguments))])
    async def root() -> None: ...

    refused = await service.get("/", shop_token(**bad))

    assert (await service.get("/", None)).status_code == 200
    assert (await service.get("/", shop_token(**good))).status_code == 200
    assert (refused.status_code, challenge_of(refused)) == (answer.status, answer.challenge)


@pytest.mark.parametrize("kind", ["required", "optional"])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"type": "id"}, ConfigurationError),
        ({"type": None}, ConfigurationError),
        ({"max_age": timedelta(0)}, ConfigurationError),
        ({"max_age": timedelta(seconds=-1)}, ConfigurationError),
        ({"fresh": 600}, ConfigurationError),
        ({"fresh": "yes"}, ConfigurationError),
        ({"scopes": "orders:read"}, TypeError),
        ({"scopes": b"orders:read"}, TypeError),
        ({"scopes": ["orders:read stock:read"]}, ConfigurationError),
        ({"scopes": [""]}, ConfigurationError),
        ({"scopes": ['a"b']}, ConfigurationError),
        ({"carriers": []}, ConfigurationError),
    ],
    ids=str,
)
def test_requirements_that_cannot_be_meant(
    service: Service, kind: str, arguments: dict[str, Any], error: type[Exception]
) -> None:
    """An invalid requirement is refused when it is declared, not at a request."""
    with pytest.raises(error):
        getattr(service.auth, kind)(**arguments)


def test_no_carriers(clock: FrozenClock) -> None:
    """An adapter without carriers cannot be created."""
    with pytest.raises(ConfigurationError):
        TokenAuth(contract_engine(clock), carriers=[])


@pytest.mark.parametrize("setting", ["name", "scheme"])
@pytest.mark.parametrize("text", ["", "two words", "tab\t", "\u00fc", "line\n"])
def test_header_names_that_cannot_be_meant(setting: str, text: str) -> None:
    """A header or a scheme whose name is not one ASCII word cannot be created."""
    with pytest.raises(ConfigurationError):
        BearerHeader(**{setting: text})
