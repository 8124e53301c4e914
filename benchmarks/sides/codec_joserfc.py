"""joserfc: decode with imported keys and its claims registry. ``codec_joserfc.py MATERIAL``."""

import asyncio
import sys
import warnings
from itertools import cycle
from pathlib import Path
from typing import Any

from answering import Call, Case, answer, expect_equal, steady
from joserfc import jwk, jwt
from joserfc.errors import JoseError, SecurityWarning
from material import AUDIENCE, EXTRA, ISSUER, SCOPE, SUBJECT, Material

KEY_TYPES = {"HS256": "oct", "RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


def decoding(material: Material, algorithm: str) -> Call:
    """Return a call that checks the signature, the times, the issuer and the audience."""
    key = jwk.import_key(material.key(algorithm, "public"), KEY_TYPES[algorithm])
    algorithms = [algorithm]
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )

    def decode(token: str) -> dict[str, Any]:
        claims = jwt.decode(token, key, algorithms=algorithms).claims
        registry.validate(claims)
        return claims

    return decode


async def main(material: Material) -> None:
    """Prepare the cases and answer."""
    # joserfc warns about "EdDSA", which RFC 9864 replaces with "Ed25519". PyJWT does not know "Ed25519".
    warnings.simplefilter("ignore", SecurityWarning)
    cases: dict[str, Case] = {}
    for algorithm in KEY_TYPES:
        decode = decoding(material, algorithm)
        tokens = material.tokens(algorithm, "usual")
        claims = decode(tokens[0])
        found = claims["sub"], claims["tenant"], claims["roles"], claims["scope"]
        expect_equal(found, (SUBJECT, *EXTRA.values(), SCOPE), algorithm)
        forged, expired, misaddressed, misissued, _ = material.refused(algorithm).values()
        for token in (forged, expired, misaddressed, misissued):
            try:
                decode(token)
            except JoseError:
                continue
            sys.exit(f"joserfc accepts an invalid {algorithm} token.")
        cases[f"decode/{algorithm}/usual/first"] = steady(decode, cycle(tokens[1:]))
    await answer(cases, ("joserfc", "cryptography"))


if __name__ == "__main__":
    asyncio.run(main(Material(Path(sys.argv[1]))))
