"""ryjwt: decode into a Pydantic model, with keys that are loaded once. ``codec_ryjwt.py MATERIAL``."""

import asyncio
import sys
from pathlib import Path

import ryjwt
from answering import Call, answer
from decoding import cases_of
from material import AUDIENCE, ISSUER, Material
from typed_claims import TypedClaims


def decoding(material: Material, algorithm: str) -> Call:
    """Return a call that checks the signature, the times, the issuer and the audience."""
    kind = ryjwt.SecretKey if algorithm.startswith("HS") else ryjwt.PublicKey
    text = material.key(algorithm, "public")
    key = kind(text, algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER)

    def decode(token: str) -> TypedClaims:
        return key.decode(token, into=TypedClaims)

    return decode


if __name__ == "__main__":
    cases = cases_of(Material(Path(sys.argv[1])), decoding, ryjwt.InvalidTokenError)
    asyncio.run(answer(cases, ("ryjwt", "pydantic")))
