"""Requests with tokens that name an actor (RFC 8693 §4.1)."""

import json
from typing import Any, Final

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Answer, Case
from tokenward.testing.adapters.service import ISSUER, bearer, shop_payload, shop_token
from tokenward.testing.adapters.tokens import NOW, signed

__all__ = ["ACTORS"]

_ALICE: Final = a.ok(sub="alice")
_BAD: Final = a.bad("act")
_ORDERS: Final[dict[str, Any]] = {"sub": "orders-api"}


def _by(name: str, path: str, answer: Answer, act: object = ..., **claims: object) -> Case:
    return Case(name, path, bearer(shop_token(act=act, **claims)), answer)


def _nested(depth: int) -> dict[str, Any]:
    """Return an accepted actor after others that are not."""
    act: dict[str, Any] = {"sub": "x"}
    for _ in range(depth - 2):
        act = {"sub": "x", "act": act}
    return {**_ORDERS, "act": act}


def _written(act: str) -> str:
    """Return a token with a text as its ``act``, which need not be JSON."""
    return signed(
        json.dumps(shop_payload()).removesuffix("}").encode() + f', "act": {act}}}'.encode()
    )


_MALFORMED: Final[dict[str, object]] = {
    "text": "orders-api",
    "a list": [_ORDERS],
    "true": True,
    "a number": 1,
    "empty": {},
    "no name": {"iss": ISSUER},
    "only another actor": {"act": _ORDERS},
    "a null subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a number as subject": {"sub": 1},
    "a list as subject": {"sub": ["orders-api"]},
    "a null issuer": {**_ORDERS, "iss": None},
    "an empty issuer": {**_ORDERS, "iss": ""},
    "a list as issuer": {**_ORDERS, "iss": [ISSUER]},
    "text as prior actor": {**_ORDERS, "act": "x"},
    "a prior actor without a name": {**_ORDERS, "act": {}},
    "six actors": _nested(6),
    "a hundred actors": _nested(100),
}
_OTHERS: Final[dict[str, object]] = {
    "another": {"sub": "admin"},
    "in capitals": {"sub": "Orders-API"},
    "a longer name": {"sub": "orders-api2"},
    "of another issuer": {**_ORDERS, "iss": "https://evil.example"},
    "no subject": {"client_id": "orders-api"},
    "only a prior one": {"sub": "x", "act": _ORDERS},
}

# Malformed actors are refused on every route, also on one that requires none.
ACTORS: Final = [
    Case("actor, no token", "/delegated", (), a.MISSING),
    _by("actor, the first", "/delegated", _ALICE, _ORDERS),
    _by("actor, the second", "/delegated", _ALICE, {"sub": "billing-api"}),
    _by("actor, of the same issuer", "/delegated", _ALICE, {**_ORDERS, "iss": ISSUER}),
    _by("actor, with a prior one", "/delegated", _ALICE, {**_ORDERS, "act": {"sub": "x"}}),
    _by("actor, five", "/delegated", _ALICE, _nested(5)),
    _by("actor, members without effect", "/delegated", _ALICE, {**_ORDERS, "exp": 1, "aud": "x"}),
    _by("actor, expired", "/delegated", a.EXPIRED, _ORDERS, exp=NOW),
    _by("actor, none", "/delegated", a.DENIED),
    _by("actor, null", "/delegated", a.DENIED, None),
    _by("actor, the subject itself", "/delegated", a.DENIED, sub="orders-api"),
    _by("actor, in another claim", "/delegated", a.DENIED, may_act=_ORDERS, azp="orders-api"),
    *(_by(f"actor, {name}", "/delegated", a.DENIED, act) for name, act in _OTHERS.items()),
    *(
        _by(f"actor on {path}, {name}", path, _BAD, act)
        for path in ("/delegated", "/in-person", "/me")
        for name, act in _MALFORMED.items()
    ),
    Case("actor, NaN", "/delegated", bearer(_written('{"sub": "orders-api", "n": NaN}')), _BAD),
    Case("actor, infinity", "/me", bearer(_written('{"sub": "x", "n": [1e999]}')), _BAD),
    Case("actor, too deep for JSON", "/me", bearer(_written('{"act":' * 900 + "1" + "}" * 900)), a.MALFORMED),
    Case("actor, twice", "/in-person", bearer(_written('null, "act": {"sub": "x"}')), a.DENIED),
    _by("any actor, one", "/by-anyone", _ALICE, {"sub": "x"}),
    _by("any actor, without a subject", "/by-anyone", _ALICE, {"client_id": "x"}),
    _by("any actor, none", "/by-anyone", a.DENIED),
    _by("any actor, null", "/by-anyone", a.DENIED, None),
    _by("in person, none", "/in-person", _ALICE),
    _by("in person, null", "/in-person", _ALICE, None),
    _by("in person, one", "/in-person", a.DENIED, _ORDERS),
    _by("in person, without a subject", "/in-person", a.DENIED, {"client_id": "x"}),
    _by("actor and no scope", "/delegated-and-scope", a.too_little("orders:read"), _ORDERS),
    _by("neither actor nor scope", "/delegated-and-scope", a.DENIED),
]  # fmt: skip
