"""Walks the program of async-fastapi-jwt-auth's documentation, served on Tokenward."""

import warnings

import httpx

from serving import app_of, served
from steps import USER, Walk, forged
from tokenward.keys import WeakSecretWarning

__all__ = ["walk_authjwt"]

_SAID = "  which says"


def walk_authjwt() -> int:
    """Serve the program and go through it; give the number of unexpected answers.

    Its secret is "secret", which Tokenward warns of: that is a part of the walk.
    """
    print("\nauthjwt\n-------")
    with (
        warnings.catch_warnings(record=True, category=WeakSecretWarning, action="always") as caught,
        served(app_of("authjwt")) as site,
        httpx.Client(base_url=site.origin, verify=site.tls, timeout=10) as client,
    ):
        steps = Walk(client)
        _walk(steps)
    warned = sorted({each.category.__name__ for each in caught})
    steps.expect("a secret that is too short is warned of", warned, [WeakSecretWarning.__name__])
    return steps.failures


def _walk(steps: Walk) -> None:
    """Log in, use the token, use none, and use a forged one; all answers are the reference's."""
    wrong = {**USER, "password": "wrong"}
    answer = steps.step("a wrong password", "POST", "/login", (401, ""), json=wrong)
    steps.expect(_SAID, answer.json(), {"detail": "Bad username or password"})
    token = steps.step("log in", "POST", "/login", (200, ""), json=USER).json()["access_token"]

    read = steps.step("the additional claims", "GET", "/claims", (200, ""), token=token)
    steps.expect("  which are", read.json(), {"foo": ["fiz", "baz"]})

    answer = steps.step("no token", "GET", "/claims", (401, ""))
    steps.expect(_SAID, answer.json(), {"detail": "Missing Authorization Header"})
    answer = steps.step("a forged token", "GET", "/claims", (422, ""), token=forged(token))
    steps.expect(_SAID, answer.json(), {"detail": "Signature verification failed"})
