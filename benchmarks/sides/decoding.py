"""The cases of a library that only decodes: checked, then timed with new tokens and with one token."""

import sys
from collections.abc import Callable
from itertools import cycle

from answering import Call, Case, expect_equal, steady
from material import ALGORITHMS, EXTRA, SCOPE, SUBJECT, Material


def cases_of(
    material: Material, decoding: Callable[[Material, str], Call], refusal: type[Exception]
) -> dict[str, Case]:
    """Return two cases for each algorithm; end the side unless it refuses invalid tokens.

    Args:
        material: the keys and tokens.
        decoding: returns the call for one algorithm, which returns a dict or a model.
        refusal: the exception for an invalid token.
    """
    cases: dict[str, Case] = {}
    for algorithm in ALGORITHMS:
        decode = decoding(material, algorithm)
        tokens = material.tokens(algorithm, "usual")
        claims = decode(tokens[0])
        members = claims if isinstance(claims, dict) else vars(claims)
        found = members["sub"], members["tenant"], list(members["roles"]), members["scope"]
        expect_equal(found, (SUBJECT, *EXTRA.values(), SCOPE), algorithm)
        forged, expired, misaddressed, misissued, _ = material.refused(algorithm).values()
        for token in (forged, expired, misaddressed, misissued):
            try:
                decode(token)
            except refusal:
                continue
            sys.exit(f"{sys.argv[0]}: an invalid {algorithm} token is accepted.")
        cases[f"decode/{algorithm}/usual/first"] = steady(decode, cycle(tokens[1:]))
        cases[f"decode/{algorithm}/usual/repeat"] = steady(decode, cycle(tokens[:1]))
    return cases
