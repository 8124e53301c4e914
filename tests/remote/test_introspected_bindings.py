"""Tokens that are bound to a client, as an introspection endpoint describes them (RFC 9449 §6.2)."""

import pytest

from tests.remote.introspection import OPAQUE, Endpoint, active
from tests.remote.test_rfc9701 import SIGNED, signed_answer
from tokenward import MemoryStore
from tokenward.errors import (
    DpopProofError,
    InvalidClaimError,
    KeyBindingError,
    StoreUnavailableError,
)
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward.http.dpop import DpopVerifier
from tokenward.testing import DpopClient

URL = "https://api.example"
X5T = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
UNKNOWN_KEYS = {
    "no cnf": {"token_type": "DPoP"},
    "another case": {"token_type": "dpop"},
    "an empty cnf": {"token_type": "DPoP", "cnf": {}},
    "only a certificate": {"token_type": "DPoP", "cnf": {"x5t#S256": X5T}},
    "null": {"token_type": "DPoP", "cnf": None},
    "no object": {"token_type": "DPoP", "cnf": ["jkt"]},
}


@pytest.fixture
def endpoint():
    """Return an endpoint that knows one token."""
    return Endpoint()


@pytest.fixture
def key(clock):
    """Return a client with a key."""
    return DpopClient(URL, clock=clock)


def verifier():
    """Return a verifier of proofs."""
    return DpopVerifier(URL, store=MemoryStore(single_process=True))


async def send(authenticator, headers):
    """Send a GET request to ``/orders``, and return the subject of its token."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "raw_path": b"/orders", "headers": raw}
    return (await authenticator.authenticate(RequestView(scope), Requirement())).sub


BEARER = {"Authorization": f"Bearer {OPAQUE}"}


@pytest.mark.parametrize("token_type", [None, "DPoP", "Bearer"])
async def test_section_6_2_a_token_with_a_key_needs_its_proof(endpoint, clock, key, token_type):
    """The proof contains the hash of the opaque text; the type in the answer makes no difference."""
    endpoint.answers[OPAQUE] = active(cnf={"jkt": key.thumbprint}, token_type=token_type)
    authenticator = Authenticator(endpoint.engine(clock), dpop=verifier())
    headers = key.headers("GET", "/orders", OPAQUE)
    assert await send(authenticator, headers) == "alice"
    with pytest.raises(DpopProofError):
        await send(authenticator, headers)
    with pytest.raises(DpopProofError):
        await send(authenticator, key.headers("GET", "/orders", "other") | _dpop(OPAQUE))
    with pytest.raises(KeyBindingError):
        await send(authenticator, DpopClient(URL, clock=clock).headers("GET", "/orders", OPAQUE))
    with pytest.raises(KeyBindingError):
        await send(authenticator, BEARER)
    assert endpoint.asked == [OPAQUE]


def _dpop(token):
    return {"Authorization": f"DPoP {token}"}


@pytest.mark.parametrize(
    "cnf", [{"jkt": "A" * 43}, {"x5t#S256": X5T}, {"jkt": ""}, {"kid": "x"}], ids=repr
)
async def test_a_service_that_checks_no_binding_refuses_it(endpoint, clock, cnf):
    """RFC 9449 §7.2 and RFC 8705 §3: in a request, and without one; also in a signed answer."""
    answer = active(cnf=cnf)
    for given, options in ((answer, {}), (signed_answer(answer), {"signed": SIGNED})):
        endpoint.answers[OPAQUE] = given
        authenticator = Authenticator(endpoint.engine(clock, **options))
        with pytest.raises(KeyBindingError):
            await send(authenticator, BEARER)
        with pytest.raises(KeyBindingError):
            await authenticator.verify(OPAQUE, Requirement())


@pytest.mark.parametrize("cnf", ["jkt", ["jkt"], {"jkt": None}, {"x5t#S256": 7}], ids=repr)
async def test_a_malformed_binding_is_no_bearer_token(endpoint, clock, cnf):
    """A null as the key, or another type, does not unbind a token."""
    endpoint.answers[OPAQUE] = active(cnf=cnf)
    with pytest.raises(InvalidClaimError):
        await send(Authenticator(endpoint.engine(clock)), BEARER)


@pytest.mark.parametrize("changes", UNKNOWN_KEYS.values(), ids=UNKNOWN_KEYS)
async def test_section_6_2_a_bound_token_without_its_key_is_an_outage(
    endpoint, clock, changes, caplog
):
    """The endpoint says that the token is bound: nobody may use it as a bearer token."""
    answer = active(**changes)
    for given, options in ((answer, {}), (signed_answer(answer), {"signed": SIGNED})):
        endpoint.answers[OPAQUE] = given
        with pytest.raises(StoreUnavailableError):
            await send(Authenticator(endpoint.engine(clock, **options), dpop=verifier()), BEARER)
    assert "cnf.jkt is missing" in caplog.text
    assert X5T not in caplog.text


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "access_token", 7, None, ["DPoP"]])
async def test_other_types_of_tokens_are_not_bound(endpoint, clock, token_type):
    """Servers write several: only DPoP says that there is a key."""
    endpoint.answers[OPAQUE] = active(token_type=token_type)
    assert await send(Authenticator(endpoint.engine(clock)), BEARER) == "alice"


async def test_a_changed_binding_counts_from_the_next_answer(endpoint, clock, key):
    """As everything in an answer, the key is cached for `active_for`."""
    authenticator = Authenticator(endpoint.engine(clock), dpop=verifier())
    assert await send(authenticator, BEARER) == "alice"
    endpoint.answers[OPAQUE] = active(cnf={"jkt": key.thumbprint})
    clock.advance(29)
    assert await send(authenticator, BEARER) == "alice"
    clock.advance(1)
    with pytest.raises(KeyBindingError):
        await send(authenticator, BEARER)
    assert await send(authenticator, key.headers("GET", "/orders", OPAQUE)) == "alice"
