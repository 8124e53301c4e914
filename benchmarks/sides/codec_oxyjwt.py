"""oxyjwt: decode with keys that are loaded once. ``codec_oxyjwt.py MATERIAL``."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import oxyjwt
from answering import Call, answer
from decoding import cases_of
from material import AUDIENCE, ISSUER, Material

LOADERS = {
    "HS256": oxyjwt.DecodingKey.from_secret,
    "RS256": oxyjwt.DecodingKey.from_rsa_pem,
    "ES256": oxyjwt.DecodingKey.from_ec_pem,
    "EdDSA": oxyjwt.DecodingKey.from_ed_pem,
}


def decoding(material: Material, algorithm: str) -> Call:
    """Return a call that checks the signature, the times, the issuer and the audience."""
    key = LOADERS[algorithm](material.key(algorithm, "public").encode())
    algorithms = [algorithm]

    def decode(token: str) -> dict[str, Any]:
        return oxyjwt.decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)

    return decode


if __name__ == "__main__":
    cases = cases_of(Material(Path(sys.argv[1])), decoding, oxyjwt.InvalidTokenError)
    asyncio.run(answer(cases, ("oxyjwt",)))
