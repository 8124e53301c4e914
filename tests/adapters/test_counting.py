"""The counter recognises the work that it counts; otherwise counts of zero would prove nothing."""

import asyncio
import hmac
import inspect
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import jwt
import pydantic_core
import pytest
from anyio import to_thread
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from pydantic import BaseModel

from tests.adapters.counting import CountedApp, CountedClaims, Work
from tests.core.key_material import JWKS, RSA_KEY
from tests.support import SECRET, payload_of, signed
from tokenward import Key
from tokenward.jose.codec import loads_header

Deed = Callable[[], Any]

RSA = Key.from_jwk(JWKS["RSA"])
PEM = RSA.private_pem()
NUMBERS = RSA_KEY.public_key().public_numbers()
BYTES = SECRET.encode()
TOKEN = signed(payload_of(exp=4_000_000_000, iat=0, nbf=0))
KEYS = (
    RSA,
    Key.from_jwk(JWKS["RSA"], algorithm="PS256"),
    *(Key.generate(name) for name in ("HS256", "HS512", "ES256", "EdDSA")),
)


class Model(BaseModel):
    """A model without fields."""


def _check_of(key: Key) -> Deed:
    signature = key.sign(b"message")
    return lambda: key.verify(b"message", signature)


def _run_a_thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


SEEN_ONCE: list[tuple[str, str, Deed]] = [
    *(("signatures", key.algorithm.name, _check_of(key)) for key in KEYS),
    ("parses", "json", lambda: json.loads("{}")),
    ("parses", "a decoder", lambda: json.JSONDecoder().decode("{}")),
    ("parses", "pydantic_core", lambda: pydantic_core.from_json("{}")),
    ("parses", "a model", lambda: Model.model_validate_json("{}")),
    ("parses", "a header", lambda: loads_header(b"{}")),
    ("claims", "a dictionary", lambda: CountedClaims.model_validate({"tenant": "acme"})),
    ("claims", "by hand", lambda: CountedClaims(tenant="acme")),
]
SEEN: list[tuple[str, str, Deed]] = [
    ("keys", "a secret", lambda: Key.from_secret(SECRET)),
    ("keys", "a PEM", lambda: Key.from_pem(PEM)),
    ("keys", "a JWK", lambda: Key.from_jwk(JWKS["EC"])),
    ("keys", "numbers", NUMBERS.public_key),
    ("keys", "HMAC", lambda: HMAC(BYTES, hashes.SHA256()).update(b"message")),
    ("keys", "HMAC of hmac", lambda: hmac.new(BYTES, b"message", "sha256")),
    ("keys", "HMAC in one call", lambda: hmac.digest(BYTES, b"message", "sha256")),
    ("keys", "PyJWT, a secret", lambda: jwt.decode(TOKEN, SECRET, algorithms=["HS256"])),
    ("keys", "PyJWT, a PEM", lambda: jwt.get_algorithm_by_name("RS256").prepare_key(PEM)),
    ("hops", "asyncio", lambda: asyncio.to_thread(int)),
    ("hops", "executor", lambda: asyncio.get_running_loop().run_in_executor(None, int)),
    ("hops", "anyio", lambda: to_thread.run_sync(int)),
    ("hops", "a thread", _run_a_thread),
]


def _ids(deeds: list[tuple[str, str, Deed]]) -> list[str]:
    return [f"{field}: {name}" for field, name, _ in deeds]


async def cost_of(deed: Deed) -> dict[str, Any]:
    """Return the counted work of an app that does one thing."""

    async def app(*_: object) -> None:
        done = deed()
        if inspect.isawaitable(done):
            await done

    async def never() -> Any:
        raise NotImplementedError

    counted = CountedApp(app)
    await counted({}, never, lambda _: never())
    (work,) = counted.work
    return asdict(work)


@pytest.mark.parametrize(("field", "name", "deed"), SEEN_ONCE, ids=_ids(SEEN_ONCE))
async def test_counted_once(field: str, name: str, deed: Deed) -> None:
    """Work that is done once is counted once, whichever library does it, and as nothing else."""
    assert await cost_of(deed) == {**asdict(Work()), field: 1}


@pytest.mark.parametrize(("field", "name", "deed"), SEEN, ids=_ids(SEEN))
async def test_seen(field: str, name: str, deed: Deed) -> None:
    """Each prepared key and each use of a thread is counted."""
    for _ in range(2):
        assert (await cost_of(deed))[field]


async def test_work_in_a_thread_counts() -> None:
    """Work in a thread that the request started is counted."""
    assert (await cost_of(lambda: asyncio.to_thread(json.loads, "{}")))["parses"] == 1


async def test_nothing_is_counted_outside() -> None:
    """An app that does nothing has no work, and the counter leaves no trace."""
    assert await cost_of(lambda: None) == asdict(Work())
    assert (sys.getprofile(), threading.getprofile()) == (None, None)
