"""PyJWT: decode, encode and refuse with prepared keys. ``codec_pyjwt.py MATERIAL``."""

import asyncio
import sys
import time
import uuid
from itertools import cycle
from pathlib import Path
from typing import Any

import jwt
from answering import Call, Case, answer, expect_equal, steady
from material import ALGORITHMS, AUDIENCE, EXTRA, ISSUER, KEY_ID, SCOPE, SIZES, SUBJECT, Material

LIFETIME_SECONDS = 900


def decoding(material: Material, algorithm: str) -> Call:
    """Return a call that checks the signature, the times, the issuer and the audience."""
    key = jwt.get_algorithm_by_name(algorithm).prepare_key(material.key(algorithm, "public"))
    algorithms = [algorithm]

    def decode(token: str) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)

    return decode


def refusing(decode: Call) -> Call:
    """Return a call for tokens that must be refused."""

    def refuse(token: str) -> None:
        try:
            decode(token)
        except jwt.InvalidTokenError:
            return
        sys.exit("An invalid token was accepted.")

    return refuse


def encoding(material: Material, algorithm: str, claims: dict[str, Any]) -> dict[str, Case]:
    """Return two cases of encoding claims: unchanged, and with the ``jti`` and times of a new token."""
    key = jwt.get_algorithm_by_name(algorithm).prepare_key(material.key(algorithm, "private"))
    headers = {"kid": KEY_ID}

    def bare(_: object) -> str:
        return jwt.encode(claims, key, algorithm=algorithm, headers=headers)

    def whole(_: object) -> str:
        now = int(time.time())
        new = {"jti": str(uuid.uuid4()), "iat": now, "exp": now + LIFETIME_SECONDS}
        return jwt.encode(claims | new, key, algorithm=algorithm, headers=headers)

    return {f"encode/{algorithm}": steady(bare), f"issue/{algorithm}": steady(whole)}


async def main(material: Material) -> None:
    """Prepare the cases and answer."""
    cases: dict[str, Case] = {}
    for algorithm in ALGORITHMS:
        decode = decoding(material, algorithm)
        claims = decode(material.tokens(algorithm, "usual")[0])
        found = claims["sub"], claims["tenant"], claims["roles"], claims["scope"]
        expect_equal(found, (SUBJECT, *EXTRA.values(), SCOPE), algorithm)
        forged, expired, misaddressed, misissued, _ = material.refused(algorithm).values()
        for token in (forged, expired, misaddressed, misissued):
            refusing(decode)(token)
        for size in SIZES:
            tokens = material.tokens(algorithm, size)
            cases[f"decode/{algorithm}/{size}/first"] = steady(decode, cycle(tokens[1:]))
            cases[f"decode/{algorithm}/{size}/repeat"] = steady(decode, cycle(tokens[:1]))
        cases |= encoding(material, algorithm, claims)
    refuse = refusing(decoding(material, "HS256"))
    for number, token in enumerate(material.tokens("HS256", "garbage")):
        cases[f"refuse/{number}"] = steady(refuse, cycle([token]))
    await answer(cases, ("pyjwt", "cryptography"))


if __name__ == "__main__":
    asyncio.run(main(Material(Path(sys.argv[1]))))
