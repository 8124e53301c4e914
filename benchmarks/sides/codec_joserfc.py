"""joserfc: decode with imported keys and its claims registry. ``codec_joserfc.py MATERIAL``."""

import asyncio
import sys
import warnings
from pathlib import Path
from typing import Any

from answering import Call, answer
from decoding import cases_of
from joserfc import jwk, jwt
from joserfc.errors import JoseError, SecurityWarning
from material import AUDIENCE, ISSUER, Material

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


if __name__ == "__main__":
    # joserfc warns about "EdDSA", which RFC 9864 replaces with "Ed25519". PyJWT does not know "Ed25519".
    warnings.simplefilter("ignore", SecurityWarning)
    cases = cases_of(Material(Path(sys.argv[1])), decoding, JoseError)
    asyncio.run(answer(cases, ("joserfc", "cryptography")))
