"""Tokenward accepts and refuses the vectors of Wycheproof as expected, or for a reason given here."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.wycheproof.vectors import FILES, groups_of
from tokenward import ConfigurationError, InvalidTokenError, KeyRing
from tokenward.jose.compact import CompactJws
from tokenward.keys.jwks_file import jwks_file_ring

PAGE = Path(__file__).parents[2] / "docs" / "fuzzing.md"
OTHER_ALGORITHM = "the `alg` of the key is another one than that of the token, or unknown"
STRICT_BASE64URL = "a segment contains a letter that is not base64url (RFC 7515 appendix C)"
SAME_TEXT = "the vector is the same text as the valid vector 357: its padding was lost"
MIXED = "each key has its own algorithm, so a set of secrets and public keys confuses nobody"
DEVIATIONS = {
    "json_web_signature_test.json": {
        346: OTHER_ALGORITHM,
        347: OTHER_ALGORITHM,
        350: OTHER_ALGORITHM,
        351: OTHER_ALGORITHM,
        367: SAME_TEXT,
        370: SAME_TEXT,
        372: STRICT_BASE64URL,
        373: STRICT_BASE64URL,
    },
    "json_web_key_test.json": {1: MIXED},
    "json_web_crypto_test.json": {47: MIXED},
}


def ring_of(document, folder):
    """Return the keys of a JWK or a JWK set, as a service loads them from its configuration."""
    if "keys" not in document:
        return KeyRing.from_jwk(document)
    path = folder / "keys.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return jwks_file_ring(path)


def is_accepted(document, jws, folder):
    """Whether the keys of a group can be used, and verify a JWS."""
    text = jws if isinstance(jws, str) else json.dumps(jws)
    try:
        CompactJws(ring_of(document, folder), max_bytes=16_384).verify(text)
    except (ConfigurationError, InvalidTokenError):
        return False
    return True


@pytest.mark.parametrize("name", FILES)
def test_vectors_are_accepted_and_refused_as_expected(name, tmp_path):
    """Every deviation is known and explained, and the page shows these numbers."""
    outcomes, deviations = Counter(), set()
    for group in groups_of(name):
        document = group.get("public", group["private"])
        for vector in group["tests"]:
            if "jws" not in vector:
                outcomes["encrypted"] += 1
                continue
            accepted = is_accepted(document, vector["jws"], tmp_path)
            if accepted == (vector["result"] == "valid"):
                outcomes[vector["result"]] += 1
            else:
                deviations.add(vector["tcId"])

    assert deviations == DEVIATIONS[name].keys()
    row = re.search(rf"^\| `{name}` \|(.+)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert row is not None
    assert [int(cell) for cell in row[1].split("|")] == [
        outcomes["valid"],
        outcomes["invalid"],
        len(deviations),
        outcomes["encrypted"],
    ]


@pytest.mark.parametrize(
    "reason", sorted({r for each in DEVIATIONS.values() for r in each.values()})
)
def test_the_page_explains_each_deviation(reason):
    """The page has the reason of each deviation."""
    assert reason in PAGE.read_text("utf-8")
