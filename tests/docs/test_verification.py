"""The picture of the page about verification shows each error of a token, in the right order."""

import re

from tests.docs.pages import ROOT
from tokenward import errors

PICTURE = (ROOT / "docs" / "verification.svg").read_text(encoding="utf-8")
# These are raised before a token is looked at, or by a refresh, or are base classes.
ELSEWHERE = {"token_missing", "invalid_request", "refresh_token_reused", "refresh_token_superseded"}
ELSEWHERE |= {"csrf_missing", "csrf_mismatch", "origin_not_allowed"}
# On the page about DPoP.
ELSEWHERE |= {"dpop_nonce_required", "dpop_proof_invalid", "token_binding_invalid"}
BASES = {"token_error", "token_invalid", "csrf_failed"}


def codes():
    """Return the code of each class that refuses a request."""
    found, classes = set(), [errors.TokenError]
    while classes:
        each = classes.pop()
        found.add(each.code)
        classes += each.__subclasses__()
    return found


def test_the_picture_shows_every_error_of_a_token():
    """And no code that does not exist."""
    shown = set(
        re.findall(
            r"\b[a-z]+(?:_[a-z]+)+\b", " ".join(re.findall(r'class="code"[^>]*>([^<]*)', PICTURE))
        )
    )
    own = {code for code in codes() if "." not in code}
    assert shown == own - ELSEWHERE - BASES
