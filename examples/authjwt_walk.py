"""Walk through the program of async-fastapi-jwt-auth's documentation, served by Tokenward."""

import warnings

import httpx

from serving import app_of, served
from steps import USER, Walk, forged
from tokenward.keys import WeakSecretWarning

__all__ = ["walk_authjwt"]

_SAID = "  with the message"


def walk_authjwt() -> int:
    """Serve the program, send its requests, and return the number of unexpected responses.

    Its secret is "secret". The walk also expects Tokenward's warning about this short secret.
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
    steps.expect("a warning about the short secret", warned, [WeakSecretWarning.__name__])
    return steps.failures


def _walk(steps: Walk) -> None:
    """Log in, then send the token, no token and a forged one; expect the reference's answers."""
    wrong = {**USER, "password": "wrong"}
    answer = steps.step("a wrong password", "POST", "/login", (401, ""), json=wrong)
    steps.expect(_SAID, answer.json(), {"detail": "Bad username or password"})
    token = steps.step("log in", "POST", "/login", (200, ""), json=USER).json()["access_token"]

    read = steps.step("the additional claims", "GET", "/claims", (200, ""), token=token)
    steps.expect("  their values", read.json(), {"foo": ["fiz", "baz"]})

    answer = steps.step("no token", "GET", "/claims", (401, ""))
    steps.expect(_SAID, answer.json(), {"detail": "Missing Authorization Header"})
    answer = steps.step("a forged token", "GET", "/claims", (422, ""), token=forged(token))
    steps.expect(_SAID, answer.json(), {"detail": "Signature verification failed"})
