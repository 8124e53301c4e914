"""The examples of the RFCs in ``tests/vectors``: keys, and tokens that were signed with them."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["accepted_examples", "examples_of_keys", "public_part", "refused_examples"]

_FOLDER: Final = Path(__file__).resolve().parents[1] / "tests" / "vectors"
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi"})


@cache
def _examples(kind: str) -> list[dict[str, Any]]:
    files = sorted(_FOLDER.glob("*.json"))
    return [each for file in files for each in json.loads(file.read_text("utf-8"))[kind]]


def accepted_examples() -> list[dict[str, Any]]:
    """Return the examples with a valid signature: ``jwk``, ``algorithm``, ``payload``, ``compact``."""
    return _examples("accepted")


def examples_of_keys() -> list[dict[str, Any]]:
    """Return one example for each kind of key: a second RSA key costs time and reaches no new code."""
    kinds = {(each["jwk"]["kty"], each["jwk"].get("crv")): each for each in accepted_examples()}
    return list(kinds.values())


def refused_examples() -> list[dict[str, Any]]:
    """Return the examples that must be refused: ``compact``."""
    return _examples("refused")


def public_part(jwk: dict[str, Any]) -> dict[str, Any]:
    """Return a JWK without its private members; a secret stays as it is."""
    return {name: value for name, value in jwk.items() if name not in _PRIVATE}
