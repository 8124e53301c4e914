"""The contract of the adapters: its tables, and how an adapter's author uses it."""

import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from inspect import signature
from typing import Any

import pytest

from tokenward import testing
from tokenward.testing import AdapterContract
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.browser_requests import BROWSER_CASES
from tokenward.testing.adapters.dpop_requests import DPOP_CASES
from tokenward.testing.adapters.route_requests import CASES
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket


@pytest.mark.parametrize(
    "cases", [CASES, BROWSER_CASES, DPOP_CASES], ids=["cases", "browser", "dpop"]
)
def test_requests_have_names(cases: list[Case]) -> None:
    """There are many requests, and each has a different name."""
    assert len({case.name for case in cases}) == len(cases) > 60


@pytest.mark.parametrize(
    "method", ["build", "build_dpop", "build_mtls", "build_streams", "build_resource"]
)
def test_the_service_must_be_built(method: str) -> None:
    """A subclass without one of these methods is told to implement it."""
    contract = AdapterContract()
    arguments = signature(getattr(contract, method)).parameters
    with pytest.raises(NotImplementedError, match=rf"Implement {method}\("):
        getattr(contract, method)(**dict.fromkeys(arguments))


def test_an_unknown_feature_cannot_be_lacking() -> None:
    """A misspelt feature stops the collection, and lists the features."""
    with pytest.raises(
        TypeError, match="cookies, dpop, forms, groups, mtls, resource, streams, websockets"
    ):
        type("TestMine", (AdapterContract,), {"lacks": {"sockets": "there are none"}})


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_lacking_feature_has_a_reason(reason: str | None) -> None:
    """Nothing is skipped without a reason."""
    with pytest.raises(TypeError, match=r"lacks must say why: lacks = \{'forms'"):
        type("TestMine", (AdapterContract,), {"lacks": {"forms": reason}})


@pytest.mark.parametrize("part", AdapterContract.__bases__, ids=lambda part: part.__name__)
def test_a_failing_part_shows_what_it_compared(part: type) -> None:
    """Pytest rewrites the assertions of each part of the contract."""
    assert "@pytest_ar" in vars(sys.modules[part.__module__])


def test_the_kit_needs_neither_pytest_nor_httpx() -> None:
    """They are imported with the first use of `AdapterContract`."""
    program = (
        "import sys, tokenward.testing.adapters; "
        "print(sorted({'httpx', 'pytest'} & set(sys.modules))); "
        "tokenward.testing.AdapterContract; "
        "print(sorted({'httpx', 'pytest'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own

    assert told.stdout.splitlines() == ["[]", "['httpx', 'pytest']"]


def test_the_module_has_no_other_names() -> None:
    """A misspelt name of `tokenward.testing` is an AttributeError, as in every module."""
    with pytest.raises(AttributeError, match="has no attribute 'AdapterContracts'"):
        testing.AdapterContracts  # noqa: B018 - the access raises


ACCEPT, CLOSE = {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1000}
START = {"type": "websocket.http.response.start", "status": 401, "headers": []}


@pytest.mark.parametrize(
    ("sent", "extensions", "message"),
    [
        ([ACCEPT, ACCEPT], DENIAL_RESPONSE, "does not expect websocket.accept"),
        ([CLOSE, CLOSE], DENIAL_RESPONSE, "does not expect websocket.close"),
        ([ACCEPT, START], DENIAL_RESPONSE, "does not expect websocket.http.response.start"),
        ([START, CLOSE], DENIAL_RESPONSE, "does not expect websocket.close"),
        ([START], {}, "The server has no denial response"),
    ],
    ids=["two accepts", "two closes", "response after accept", "close after response", "extension"],
)
async def test_a_server_refuses_what_asgi_does_not_allow(
    sent: list[MutableMapping[str, Any]], extensions: Mapping[str, object], message: str
) -> None:
    """An app that sends a message out of turn fails, as with a real server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for each in sent:
            await send(each)

    with pytest.raises(RuntimeError, match=message):
        await open_websocket(app, "/ws", extensions=extensions)


async def test_nothing_is_sent_to_a_client_that_has_left() -> None:
    """An app that sends a message after the client has disconnected fails, as with a real server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        await send(CLOSE)

    with pytest.raises(ConnectionResetError):
        await open_websocket(app, "/ws")
