"""The denylist of the drop-in: callbacks of every kind, for both types of tokens."""

from typing import Any

import pytest
from fastapi import HTTPException

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import Service, configure, old_token
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_fastapi.authjwt import AuthJWT

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

REVOKED = (401, "Token has been revoked")


def plain(raw: dict[str, Any]) -> object:
    """Deny with a plain function."""
    return raw["sub"] == "mallory"


async def coroutine(raw: dict[str, Any]) -> object:
    """Deny with a coroutine function."""
    return raw["sub"] == "mallory"


class CallableObject:
    """Denies with an asynchronous ``__call__``."""

    async def __call__(self, raw: dict[str, Any]) -> object:
        return raw["sub"] == "mallory"


def truthy(raw: dict[str, Any]) -> object:
    """Deny with a true value that is not True."""
    return "x" if raw["sub"] == "mallory" else None


@pytest.mark.parametrize("callback", [plain, coroutine, CallableObject(), truthy])
async def test_callbacks(service: Service, callback: Any) -> None:
    """A callback of any kind denies one token and accepts another."""
    configure(service.auth, denylist_enabled=True)

    assert service.auth.token_in_denylist_loader(callback) is callback
    assert service.auth._token_in_denylist_callback is callback
    assert (await service.send("/required", old_token()))[0] == 200
    for path, kind in {"required": "access", "optional": "access", "refresh": "refresh"}.items():
        assert await service.send(f"/{path}", old_token(sub="mallory", type=kind)) == REVOKED


@pytest.mark.parametrize(
    ("checks", "statuses"), [({"access"}, (401, 200)), (["refresh"], (200, 401))]
)
async def test_token_checks(service: Service, checks: Any, statuses: tuple[int, int]) -> None:
    """The callback is called only for the types of tokens that the settings name."""
    configure(service.auth, denylist_enabled=True, denylist_token_checks=checks)
    service.auth.token_in_denylist_loader(lambda raw: True)
    access = await service.send("/required", old_token())
    refresh = await service.send("/refresh", old_token(type="refresh"))

    assert (access[0], refresh[0]) == statuses


async def test_disabled(service: Service) -> None:
    """With the denylist disabled, the callback is not called."""
    service.auth.token_in_denylist_loader(lambda raw: True)

    assert (await service.send("/required", old_token()))[0] == 200


async def test_the_callback_has_the_claims(service: Service) -> None:
    """The callback gets a copy of the verified claims, and only for verified tokens."""
    seen: list[dict[str, Any]] = []
    configure(service.auth, denylist_enabled=True)

    @service.auth.token_in_denylist_loader
    def note(raw: dict[str, Any]) -> bool:
        seen.append(dict(raw))
        raw["sub"] = "changed"
        return False

    _, body = await service.send("/required", old_token(sub=7, foo="bar"))
    await service.send("/required", old_token() + "x")

    assert (body["sub"], seen) == (7, [body["raw"]])


async def test_no_callback(auth: type[AuthJWT]) -> None:
    """An enabled denylist without a callback raises a RuntimeError with the reference's message."""
    configure(auth, denylist_enabled=True)
    with pytest.raises(RuntimeError, match="A token_in_denylist_callback must be provided via"):
        await auth().jwt_required("websocket", token=old_token())
    with pytest.raises(TypeError, match="callback must be callable"):
        auth.token_in_denylist_loader(None)  # type: ignore[type-var]


async def test_a_callback_that_fails(service: Service) -> None:
    """If the callback fails, requests and WebSockets are refused."""
    configure(service.auth, denylist_enabled=True)

    @service.auth.token_in_denylist_loader
    def fail(raw: dict[str, Any]) -> bool:
        raise ConnectionError(raw["jti"])

    status, message = await service.send("/required", old_token())
    outcome = await open_websocket(
        service.app, "/ws/required", query=f"token={old_token()}".encode()
    )

    assert (status, message) == (503, "The revocation check is temporarily unavailable.")
    assert (outcome.accepted, outcome.close_code) == (False, 1013)


async def test_a_callback_that_answers_itself(service: Service) -> None:
    """An HTTPException that the callback raises is the response."""
    configure(service.auth, denylist_enabled=True)

    @service.auth.token_in_denylist_loader
    def refuse(raw: dict[str, Any]) -> bool:
        raise HTTPException(403, "blocked")

    assert await service.send("/required", old_token()) == (403, "blocked")


async def test_a_subclass_has_a_callback_of_its_own(auth: type[AuthJWT]) -> None:
    """A subclass with its parent's settings may have another callback."""
    configure(auth, denylist_enabled=True)

    class Child(auth):
        pass

    auth.token_in_denylist_loader(lambda raw: False)
    Child.token_in_denylist_loader(lambda raw: True)

    assert await auth().get_jti(old_token())
    with pytest.raises(HTTPException, match="Token has been revoked"):
        await Child().get_jti(old_token())
