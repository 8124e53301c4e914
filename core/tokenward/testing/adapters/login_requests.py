"""Requests to routes that require a level or a recent login (RFC 9470)."""

from typing import Final

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Answer, Case
from tokenward.testing.adapters.service import bearer, shop_token
from tokenward.testing.adapters.tokens import NOW

__all__ = ["LOGINS"]

_ALICE: Final = a.ok(sub="alice")
_MFA: Final = a.too_weak("mfa")
_BOTH: Final = a.too_weak("phr mfa", 600)


def _login(name: str, path: str, answer: Answer, **claims: object) -> Case:
    return Case(name, path, bearer(shop_token(**claims)), answer)


# The policy orders the levels: pwd, otp, mfa, phr. The first route requires mfa.
LOGINS: Final = [
    Case("level, no token", "/level", (), a.MISSING),
    _login("level, absent", "/level", _MFA),
    _login("level, absent in a fresh token", "/level", _MFA, fresh=True, auth_time=NOW),
    _login("level, null", "/level", _MFA, acr=None),
    _login("level, empty", "/level", _MFA, acr=""),
    _login("level, the required one", "/level", _ALICE, acr="mfa"),
    _login("level, a stronger one", "/level", _ALICE, acr="phr"),
    _login("level, a weaker one", "/level", _MFA, acr="otp"),
    _login("level, the weakest", "/level", _MFA, acr="pwd"),
    _login("level, an unknown one", "/level", _MFA, acr="urn:example:gold"),
    _login("level, in capitals", "/level", _MFA, acr="MFA"),
    _login("level, a longer text", "/level", _MFA, acr="mfa2"),
    _login("level, two in one text", "/level", _MFA, acr="pwd mfa"),
    _login("level, with a space", "/level", _MFA, acr="mfa "),
    _login("level, a list", "/level", a.bad("acr"), acr=["mfa"]),
    _login("level, a number", "/level", a.bad("acr"), acr=2),
    _login("level, true", "/level", a.bad("acr"), acr=True),
    _login("level, an object", "/level", a.bad("acr"), acr={"mfa": True}),
    _login("level, in another claim", "/level", _MFA, amr=["mfa"], acrs=["mfa"]),
    _login("level, expired", "/level", a.EXPIRED, acr="mfa", exp=NOW),
    _login("level and age, both", "/level-and-age", _ALICE, acr="mfa", auth_time=NOW - 600),
    _login("level and age, the other level", "/level-and-age", _ALICE, acr="phr", auth_time=NOW),
    _login("level and age, too late", "/level-and-age", _BOTH, acr="phr", auth_time=NOW - 601),
    _login("level and age, too weak", "/level-and-age", _BOTH, acr="otp", auth_time=NOW),
    _login("level and age, neither", "/level-and-age", _BOTH),
    _login("level and age, no time", "/level-and-age", _BOTH, acr="phr"),
    _login("level and age, no level", "/level-and-age", _BOTH, auth_time=NOW),
    _login("level and age, null time", "/level-and-age", _BOTH, acr="phr", auth_time=None),
    _login("level and age, time as text", "/level-and-age", a.bad("auth_time"), auth_time=str(NOW)),
    _login("level, too weak and no scope", "/level-and-scope", _MFA, acr="pwd"),
    _login("level, no scope", "/level-and-scope", a.too_little("orders:read"), acr="mfa"),
]
