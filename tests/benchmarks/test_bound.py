"""The bound makes every check that it claims to make."""

import json
import sys
import time
from importlib import import_module
from pathlib import Path

import jwt
import pytest

import benchmarks
from benchmarks.minting import claims_of, key_texts, refused_tokens
from benchmarks.sides.asgi import bearer_headers
from benchmarks.sides.material import REFUSED, SUBJECT, Material

NOW = int(time.time())
WRONG = {
    "a future time": {"iat": NOW + 3_600},
    "another type": {"type": "refresh"},
    "no subject": {"sub": None},
    "a list in a text": {"tenant": ["acme"]},
}


@pytest.fixture(scope="module")
def side(tmp_path_factory):
    """Return the module, a key of HS256 and a bound for it."""
    folder = tmp_path_factory.mktemp("material")
    secret, _ = key_texts("HS256")
    (folder / "HS256-public.key").write_text(secret)
    token = jwt.encode(claims_of("usual", NOW), secret, algorithm="HS256")
    (folder / "HS256-usual.tokens").write_text(token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(benchmarks.__file__).parent / "sides"), *sys.path])
        module = import_module("bound")
    return module, secret, module.Bound(Material(folder), "HS256")


def test_a_token_is_verified_once(side) -> None:
    """At first sight its signature is verified, later only its claims are checked."""
    _, secret, bound = side
    token = jwt.encode(claims_of("usual", NOW), secret, algorithm="HS256")
    before = bound.verified
    assert [bound.claims_of(bearer_headers(token)).sub for _ in range(2)] == [SUBJECT, SUBJECT]
    assert bound.verified == before + 1


@pytest.mark.parametrize("fault", REFUSED)
def test_the_refused_tokens_are_refused(side, fault: str) -> None:
    """Also when a token is sent again."""
    module, secret, bound = side
    key = jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    token = dict(zip(REFUSED, refused_tokens("HS256", key, NOW), strict=True))[fault]
    for _ in range(2):
        with pytest.raises(module.RefusedError):
            bound.claims_of(bearer_headers(token))


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_claims_are_refused(side, change: dict[str, object]) -> None:
    """A valid signature is not enough."""
    module, secret, bound = side
    token = jwt.encode(claims_of("usual", NOW), secret, algorithm="HS256")
    members = jwt.decode(token, options={"verify_signature": False}) | change
    key = jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    forged = jwt.api_jws.encode(json.dumps(members).encode(), key, algorithm="HS256")
    with pytest.raises(module.RefusedError):
        bound.claims_of(bearer_headers(forged))


@pytest.mark.parametrize("value", [b"", b"Bearer ", b"Basic x", b"Bearer a.b", b"Bearer \xff.a.b"])
def test_what_is_no_token_is_refused(side, value: bytes) -> None:
    """Neither an absent token nor garbage is an error of the server."""
    module, _, bound = side
    with pytest.raises(module.RefusedError):
        bound.claims_of([(b"authorization", value)])


def test_an_absent_and_a_repeated_header_are_refused(side) -> None:
    """Exactly one header carries a token."""
    module, _, bound = side
    for headers in ([], [(b"authorization", b"Bearer a.b.c")] * 2):
        with pytest.raises(module.RefusedError):
            bound.claims_of(headers)
