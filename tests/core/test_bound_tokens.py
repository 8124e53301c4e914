"""An issuer binds tokens to the key of a client, and so do all refreshes (RFC 9449 §5 and §6)."""

import json
from urllib.parse import urlencode

import pytest

from tests.core.http_requests import form, view
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import ConfigurationError, Issuers, MemoryStore, TokenPolicy
from tokenward.errors import (
    DpopNonceRequiredError,
    DpopProofError,
    KeyBindingError,
    RefreshTokenReusedError,
)
from tokenward.http import AuthenticatedUser, Authenticator, Requirement, TokenEndpoint, is_bound
from tokenward.http.dpop import DpopNonces, DpopVerifier
from tokenward.testing import DpopClient
from tokenward.testing.adapters.dpop_requests import PUBLIC_URL
from tokenward.tokens import ProvenKey

KEY, OTHER = ProvenKey("a thumbprint"), ProvenKey("another thumbprint")


async def jkt_of(engine, token, type="access"):
    """Return the thumbprint in a token."""
    cnf = (await engine.decode(token, type=type)).cnf
    return cnf and cnf.jkt


async def test_section_6_1_a_token_names_the_key(clock):
    """`bound_to` writes the thumbprint into ``cnf``; without it a token has none."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", bound_to=KEY)
    bearer = await engine.issue_pair("alice")

    assert await jkt_of(engine, await engine.issue("alice", bound_to=KEY)) == KEY.jkt
    assert await jkt_of(engine, pair.access_token) == KEY.jkt
    assert await jkt_of(engine, pair.refresh_token, "refresh") == KEY.jkt
    assert (pair.token_type, pair.json_body()["token_type"]) == ("DPoP", "DPoP")
    assert (bearer.token_type, await jkt_of(engine, bearer.access_token)) == ("Bearer", None)


async def test_section_5_a_bound_refresh_token_needs_its_key(clock):
    """Without the key, or with another, the token is refused and stays usable."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    pair = await engine.issue_pair("alice", bound_to=KEY)
    for verifier in (engine, Issuers(engine)):
        for key in (None, OTHER):
            with pytest.raises(KeyBindingError):
                await verifier.refresh(pair.refresh_token, bound_to=key)

    pair = await Issuers(engine).refresh(pair.refresh_token, bound_to=KEY)
    assert pair.token_type == "DPoP"
    assert await jkt_of(engine, pair.access_token) == KEY.jkt
    assert await jkt_of(engine, pair.refresh_token, "refresh") == KEY.jkt


async def test_a_second_use_needs_the_key_as_well(clock):
    """A thief without the key gets no pair within the grace, and cannot end the session."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", bound_to=KEY)
    next_pair = await engine.refresh(pair.refresh_token, bound_to=KEY)
    for seconds in (0, 60):
        clock.advance(seconds)
        with pytest.raises(KeyBindingError):
            await engine.refresh(pair.refresh_token, bound_to=OTHER)

    assert await engine.decode(next_pair.access_token)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token, bound_to=KEY)


async def test_the_same_pair_within_the_grace(clock):
    """The pair that a second use gets is the bound pair of the first use."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", bound_to=KEY)
    first = await engine.refresh(pair.refresh_token, bound_to=KEY)

    assert await engine.refresh(pair.refresh_token, bound_to=KEY) == first


async def test_a_session_becomes_bound(clock):
    """A refresh with a key binds a session that was not bound, and never the other way round."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", fresh=True)
    pair = await engine.refresh(pair.refresh_token, bound_to=KEY)

    assert await jkt_of(engine, pair.access_token) == KEY.jkt
    with pytest.raises(KeyBindingError):
        await engine.refresh(pair.refresh_token)


@pytest.mark.parametrize("cnf", [{"x5t#S256": "x"}, {"jkt": "a thumbprint", "x5t#S256": "x"}])
async def test_a_binding_that_cannot_be_checked(clock, cnf):
    """A refresh token that is bound to a certificate as well is refused."""
    token = signed(payload_of(type="refresh", cnf=cnf))

    with pytest.raises(KeyBindingError):
        await engine_with(clock).refresh(token, bound_to=KEY)


async def test_a_member_that_nobody_knows_is_carried_on(clock):
    """RFC 7800 §3.1: beside a key it has no effect, and stays in the session."""
    engine = engine_with(clock)
    token = signed(payload_of(type="refresh", cnf={"jkt": KEY.jkt, "kid": "x"}))
    pair = await engine.refresh(token, bound_to=KEY)

    assert (await engine.decode(pair.access_token)).cnf.__pydantic_extra__ == {"kid": "x"}
    assert pair.token_type == "DPoP"


@pytest.mark.parametrize("cnf", [{"kid": "x"}, {}, {"jwk": {"kty": "EC"}}, {"x5t": "x"}], ids=repr)
async def test_rfc7800_section_3_a_key_that_nobody_can_check(clock, cnf):
    """A token whose issuer bound it to a key is refused if the key cannot be checked."""
    engine = engine_with(clock)
    refresh = signed(payload_of(type="refresh", cnf=cnf))
    for key in (None, KEY):
        with pytest.raises(KeyBindingError, match=r"must bind it by jkt \(DPoP\) or x5t#S256"):
            await engine.refresh(refresh, bound_to=key)

    token = signed(payload_of(cnf=cnf))
    authenticator = Authenticator(engine)
    request = view((b"authorization", b"Bearer " + token.encode()))
    with pytest.raises(KeyBindingError, match="by a method that is not supported"):
        await authenticator.authenticate(request, Requirement())
    with pytest.raises(KeyBindingError):
        await authenticator.verify(token, Requirement())

    claims = await engine.decode(token)
    assert (is_bound(claims), claims.cnf.can_be_checked) == (True, False)


async def test_only_the_engine_writes_the_binding(clock):
    """``cnf`` is no claim of yours, and text is no proven key."""
    engine = engine_with(clock)
    with pytest.raises(ConfigurationError, match="Only the engine sets cnf"):
        await engine.issue("alice", claims={"cnf": {"jkt": "x"}})
    with pytest.raises(TypeError, match="bound_to must be a ProvenKey"):
        await engine.issue_pair("alice", bound_to="a thumbprint")


async def test_a_login_needs_a_verifier(clock):
    """`proven_key` on an authenticator without `dpop` is a mistake, even without a proof."""
    with pytest.raises(ConfigurationError, match="needs a verifier"):
        await Authenticator(engine_with(clock)).proven_key(view())


async def test_the_key_of_a_login(clock):
    """`proven_key` returns the key of a valid proof, None without one, and refuses all others."""
    dpop = DpopVerifier(
        PUBLIC_URL, store=MemoryStore(single_process=True), nonces=DpopNonces("a" * 32)
    )
    authenticator = Authenticator(engine_with(clock), dpop=dpop)
    client, nonce = DpopClient(PUBLIC_URL, clock=clock), DpopNonces("a" * 32).current(NOW)
    seen: list[str] = []
    authenticator.engine.on_refuse(lambda error: seen.append(error.code))

    async def ask(nonce):
        proof = client.proof("POST", "/login", changes={"nonce": nonce})
        request = view((b"dpop", proof.encode()), method="POST", raw_path=b"/login")
        return await authenticator.proven_key(request)

    assert await authenticator.proven_key(view()) is None
    assert await ask(nonce) == ProvenKey(client.thumbprint)
    for wrong in (7, None):
        with pytest.raises((DpopProofError, DpopNonceRequiredError)):
            await ask(wrong)
    assert seen == ["dpop_proof_invalid", "dpop_nonce_required"]


async def test_a_refused_refresh_leaves_no_record(clock):
    """§11.1: a proof is recorded after all other checks, so strangers cannot fill the store."""
    store = MemoryStore(single_process=True)
    dpop = DpopVerifier(PUBLIC_URL, store=store)
    engine, client = engine_with(clock), DpopClient(PUBLIC_URL, clock=clock)
    authenticator = Authenticator(engine, dpop=dpop)
    pair = await engine.issue_pair("alice", bound_to=ProvenKey(client.thumbprint))

    def ask(token, **options):
        headers = {b"authorization": b"Bearer " + token.encode()}
        headers[b"dpop"] = client.proof("POST", "/refresh").encode()
        request = view(*headers.items(), method="POST", raw_path=b"/refresh")
        return authenticator.refresh(request, **options)

    with pytest.raises(Exception, match="malformed"):
        await ask("x.y.z")
    with pytest.raises(Exception, match="does not allow"):
        await ask(pair.refresh_token, check=lambda claims: False)
    assert len(store) == 0
    assert await ask(pair.refresh_token, check=lambda claims: True)
    assert len(store) == 1


USER = {"grant_type": "password", "username": "alice", "password": "s3cret"}


async def authenticate(username, password):
    """Know every user."""
    return AuthenticatedUser(username)


async def post(endpoint, members, proof=None):
    """Send a form with a proof; return status, members and headers."""
    headers = [] if proof is None else [(b"dpop", proof.encode())]
    request = form(urlencode(members).encode(), *headers)
    request._scope["raw_path"] = b"/token"
    answer = await endpoint.respond(request)
    return answer.status, json.loads(answer.body), answer.headers


async def test_section_5_a_token_endpoint(clock):
    """A client that sends a proof gets bound tokens, and refreshes them with its key alone."""
    engine, client = engine_with(clock), DpopClient(PUBLIC_URL, clock=clock)
    dpop = DpopVerifier(PUBLIC_URL, store=MemoryStore(single_process=True))
    endpoint = TokenEndpoint(engine, authenticate, dpop=dpop)
    proof = client.proof("POST", "/token")
    status, pair, _ = await post(endpoint, USER, proof)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    replayed = await post(endpoint, USER, proof)
    bare = await post(endpoint, refresh)
    wrong = await post(endpoint, refresh, client.proof("GET", "/token"))
    right = await post(endpoint, refresh, client.proof("POST", "/token"))
    bearer = await post(endpoint, USER)

    assert (status, pair["token_type"]) == (200, "DPoP")
    assert await jkt_of(engine, pair["access_token"]) == client.thumbprint
    assert (right[0], right[1]["token_type"], bearer[1]["token_type"]) == (200, "DPoP", "Bearer")
    errors = [(each[0], each[1]["error"]) for each in (replayed, bare, wrong)]
    proof_error, grant_error = (400, "invalid_dpop_proof"), (400, "invalid_grant")
    assert errors == [proof_error, grant_error, proof_error]
    assert "DPoP-Nonce" not in replayed[2]


async def test_section_8_a_nonce_of_the_token_endpoint(clock):
    """The response contains the nonce that the next proof needs, and no challenge."""
    client, nonces = DpopClient(PUBLIC_URL, clock=clock), DpopNonces("a" * 32)
    dpop = DpopVerifier(PUBLIC_URL, store=MemoryStore(single_process=True), nonces=nonces)
    endpoint = TokenEndpoint(engine_with(clock), authenticate, dpop=dpop)
    status, members, headers = await post(endpoint, USER, client.proof("POST", "/token"))
    nonce = headers["DPoP-Nonce"]
    accepted = await post(endpoint, USER, client.proof("POST", "/token", nonce=nonce))

    assert (status, members["error"], nonce) == (400, "use_dpop_nonce", nonces.current(NOW))
    assert "WWW-Authenticate" not in headers
    assert accepted[0] == 200


async def test_section_8_2_new_tokens_come_with_the_next_nonce(clock):
    """A login and a refresh return the current nonce; without a proof or nonces there is none."""
    client, nonces = DpopClient(PUBLIC_URL, clock=clock), DpopNonces("a" * 32)
    store, engine = MemoryStore(single_process=True), engine_with(clock)
    dpop = DpopVerifier(PUBLIC_URL, store=store, nonces=nonces)
    endpoint = TokenEndpoint(engine, authenticate, dpop=dpop)
    nonce = nonces.current(NOW)
    clock.advance(300)
    _, pair, login = await post(endpoint, USER, client.proof("POST", "/token", nonce=nonce))
    assert login["DPoP-Nonce"] == nonces.current(NOW + 300) != nonce
    assert login["Cache-Control"] == "no-store"

    clock.advance(300)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    proof = client.proof("POST", "/token", nonce=login["DPoP-Nonce"])
    status, _, headers = await post(endpoint, refresh, proof)
    assert (status, headers["DPoP-Nonce"]) == (200, nonces.current(NOW + 600))

    assert "DPoP-Nonce" not in (await post(endpoint, USER))[2]
    for other in (DpopVerifier(PUBLIC_URL, store=store), None):
        endpoint = TokenEndpoint(engine, authenticate, dpop=other)
        status, _, headers = await post(endpoint, USER, client.proof("POST", "/token"))
        assert (status, "DPoP-Nonce" in headers) == (200, False)


def test_a_token_endpoint_needs_a_verifier_or_none(clock):
    """Another object is refused when the endpoint is built."""
    with pytest.raises(ConfigurationError, match="dpop cannot be"):
        TokenEndpoint(engine_with(clock), authenticate, dpop=7)
    assert DpopProofError().check == "form"
