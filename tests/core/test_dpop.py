"""DPoP (RFC 9449) without a framework; the contract of the adapters has each hostile proof."""

import asyncio
import json
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.core.http_requests import socket, view
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import ConfigurationError, MemoryStore
from tokenward.claims import Confirmation
from tokenward.errors import (
    DpopNonceRequiredError,
    DpopProofError,
    InvalidClaimError,
    InvalidRequestError,
    KeyBindingError,
    StoreUnavailableError,
    TokenError,
)
from tokenward.http import (
    Authenticator,
    BearerHeader,
    DocumentedGuard,
    DpopHeader,
    Refusal,
    Requirement,
    SecuritySchemes,
    TokenMiddleware,
    header_parameters,
    security_of,
)
from tokenward.http.dpop import DpopNonces, DpopVerifier
from tokenward.http.dpop.proofs import Expected, ProofChecker
from tokenward.http.dpop.targets import PublicUrls
from tokenward.testing import DpopClient
from tokenward.testing.adapters.dpop_requests import (
    ALGORITHMS,
    DPOP_CASES,
    PUBLIC_URL,
    bound_token,
    dpop_headers,
)
from tokenward.testing.adapters.service import contract_engine

# RFC 9449 figures 2 and 13, whose key has the thumbprint of §6.1.
PROOF_HEAD = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ"
    "OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs"
    "ImNydiI6IlAtMjU2In19"
)
TOKEN_REQUEST = (
    f"{PROOF_HEAD}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1w"
    "bGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX"
    "0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RESOURCE_REQUEST = (
    f"{PROOF_HEAD}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFt"
    "cGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG"
    "9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSY"
    "oMxhAJpLjA"
)
RFC_TOKEN = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def verifier(**options):
    """Return a verifier with a new store."""
    options = {"store": MemoryStore(single_process=True), **options}
    return DpopVerifier(options.pop("public_url", PUBLIC_URL), **options)


async def verify(dpop, request, *, now=NOW, **expected):
    """Check a proof and record it, as an authenticator does; return the thumbprint of its key."""
    proof = dpop.check(request, now=now, **expected)
    await dpop.consume(proof, now)
    return proof.thumbprint


def request_with(proof, **scope):
    """Return a request with a proof."""
    return view((b"dpop", proof.encode()), **{"raw_path": b"/bound", **scope})


async def test_section_4_1_the_example_of_a_token_request():
    """The proof of figure 2 is valid for its request, and names the key of §6.1."""
    request = request_with(TOKEN_REQUEST, method="POST", raw_path=b"/token")
    dpop = verifier(public_url="https://server.example.com")

    assert await verify(dpop, request, now=1562262616.0) == RFC_THUMBPRINT


async def test_section_7_1_the_example_of_a_resource_request():
    """The proof of figure 13 is valid for its request and its token."""
    request = request_with(RESOURCE_REQUEST, raw_path=b"/protectedresource")
    dpop = verifier(public_url="https://resource.example.org")
    thumbprint = await verify(
        dpop, request, now=1562262618.0, token=RFC_TOKEN, thumbprint=RFC_THUMBPRINT
    )

    assert thumbprint == RFC_THUMBPRINT
    with pytest.raises(DpopProofError) as refused:
        await verify(dpop, request, now=1562262618.0, token=b"another")
    assert refused.value.check == "ath"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-521"), "ES512"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
        (RSAKey.generate_key(2048), "PS256"),
        (RSAKey.generate_key(2048), "RS256"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_proofs_of_another_library_are_accepted(key, algorithm):
    """A proof that joserfc signed is valid, and joserfc finds the same thumbprint."""
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.as_dict(private=False)}
    payload = {"jti": "x", "htm": "GET", "htu": f"{PUBLIC_URL}/bound", "iat": NOW}
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.strict_check_header = False
    proof = jws.serialize_compact(header, json.dumps(payload), key, registry=registry)

    assert await verify(verifier(), request_with(proof), now=NOW) == key.thumbprint()


async def test_a_proof_is_used_once_for_each_key():
    """§11.1: two clients may choose the same jti."""
    dpop, statuses = verifier(), []
    clients = [DpopClient(PUBLIC_URL, clock=lambda: NOW) for _ in range(2)]
    for client in (*clients, *clients):
        proof = client.proof("GET", "/bound", changes={"jti": "same"})
        try:
            statuses.append(await verify(dpop, request_with(proof), now=NOW))
        except DpopProofError as error:
            statuses.append(error.check)

    assert statuses == [*(client.thumbprint for client in clients), "jti", "jti"]


async def test_a_cached_header_belongs_to_its_key():
    """A second proof with the same header is verified with the same key, and can be forged as little."""
    client, dpop = DpopClient(PUBLIC_URL, clock=lambda: NOW), verifier()
    options = {"now": NOW, "thumbprint": client.thumbprint}
    first, second = (client.proof("GET", "/bound") for _ in range(2))
    await verify(dpop, request_with(first), **options)
    forged = ".".join([*second.split(".")[:2], first.split(".")[2]])

    with pytest.raises(DpopProofError) as refused:
        await verify(dpop, request_with(forged), **options)
    with pytest.raises(KeyBindingError):
        await verify(dpop, request_with(second), now=NOW, thumbprint="another")
    assert refused.value.check == "signature"
    assert await verify(dpop, request_with(second), **options) == client.thumbprint


def test_more_headers_than_the_cache_has_places():
    """The cache of headers is bounded; a client whose header was removed is verified again."""
    checker = ProofChecker(
        PublicUrls(PUBLIC_URL), ["ES256"], max_age_seconds=9, leeway_seconds=9, max_cached_headers=2
    )
    clients = [DpopClient(PUBLIC_URL, clock=lambda: NOW) for _ in range(3)]
    for client in (*clients, *clients):
        expected = Expected("GET", "/bound", None, client.thumbprint)
        proof = client.proof("GET", "/bound").encode()
        assert checker.check([proof], expected, NOW).thumbprint == client.thumbprint


class Slow(MemoryStore):
    """A store that does not answer in time, or that must not be used."""

    timeout_seconds = 0.001

    def __init__(self, error=None):
        """Take the error that a call raises; None: it hangs."""
        super().__init__(single_process=True)
        self.error = error

    async def consume(self, consumption, *, now):
        """Hang, or fail."""
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()


async def test_a_store_that_does_not_answer_is_an_outage():
    """The timeout of the store applies; a mistake in the configuration is reported as one."""
    client = DpopClient(PUBLIC_URL, clock=lambda: NOW)
    for error, expected in (
        (None, StoreUnavailableError),
        (ConnectionError(), StoreUnavailableError),
        (ConfigurationError("forked"), ConfigurationError),
    ):
        with pytest.raises(expected):
            await verify(
                verifier(store=Slow(error)), request_with(client.proof("GET", "/bound")), now=NOW
            )
    accepting = verifier(store=Slow(ConnectionError()), replay_outage="accept")
    for _ in range(2):
        assert await verify(accepting, request_with(client.proof("GET", "/bound")))
    answering = MemoryStore(single_process=True)
    answering.timeout_seconds = 1.0
    assert await verify(
        verifier(store=answering), request_with(client.proof("GET", "/bound")), now=NOW
    )


@pytest.mark.parametrize(
    ("public_url", "path", "htu"),
    [
        ("https://api.example/v1", b"/orders", "https://api.example/v1/orders"),
        ("https://api.example/v1/", b"/orders", "https://api.example/v1/orders"),
        ("https://api.example:8443", b"/", "https://API.example:08443"),
        ("http://localhost:8000", b"/a%2fb", "http://localhost:8000/a%2Fb"),
        ("http://[::1]:80", b"/%7Ea", "http://[::1]/~a"),
        ("https://api.example", b"/ol\xc3\xa9", "https://api.example/ol%c3%a9"),
        ("https://api.example", b"/a?b=c", "https://api.example/a"),
        (["https://a.example", "https://b.example"], b"/x", "https://b.example/x"),
    ],
)
async def test_section_4_3_the_public_url(public_url, path, htu):
    """The ``htu`` is compared with the public URL and the path, both normalized (RFC 3986 §6.2)."""
    proof = DpopClient(PUBLIC_URL, clock=lambda: NOW).proof("GET", "", changes={"htu": htu})

    assert await verify(
        verifier(public_url=public_url), request_with(proof, raw_path=path), now=NOW
    )


async def test_a_path_that_looks_like_a_fragment():
    """A path with a number sign is not the path of a URL with a fragment."""
    proof = DpopClient(PUBLIC_URL, clock=lambda: NOW).proof("GET", "/a#b")

    with pytest.raises(DpopProofError):
        await verify(verifier(), request_with(proof, raw_path=b"/a#b"), now=NOW)


async def test_a_server_without_raw_path():
    """A decoded path is encoded again."""
    proof = DpopClient(PUBLIC_URL, clock=lambda: NOW).proof("GET", "/ol%C3%A9%25")
    request = view((b"dpop", proof.encode()), path="/olé%")

    assert await verify(verifier(), request, now=NOW)
    assert socket(path="/ws").raw_path == "/ws"


def test_section_8_nonces_are_shared_and_rotate():
    """Instances with one secret know the same nonces; those of a former secret stay valid."""
    first, second = DpopNonces("a" * 32), DpopNonces("b" * 32, "a" * 32)
    nonce = first.current(NOW)

    assert second.accepts(nonce, NOW + 300)
    assert not second.accepts(nonce, NOW + 600)
    assert not first.accepts(second.current(NOW), NOW)
    assert not first.accepts("\ud800", NOW)
    assert first.current(NOW + 299) == nonce != first.current(NOW + 300)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: verifier(public_url="api.example"), "public_url must be an https URL"),
        (lambda: verifier(public_url="http://api.example"), "public_url must be an https URL"),
        (lambda: verifier(public_url=[]), "public_url must be the URL"),
        (lambda: verifier(public_url=7), "public_url must be the URL"),
        (lambda: verifier(store=7), "store cannot be"),
        (lambda: verifier(algorithms=["HS256"]), "must be asymmetric"),
        (lambda: verifier(algorithms=["none"]), "algorithm is unknown"),
        (lambda: verifier(algorithms="ES256"), "must list at least one"),
        (lambda: verifier(algorithms=()), "must list at least one"),
        (lambda: verifier(max_age=timedelta(minutes=6)), "max_age must be"),
        (lambda: verifier(leeway=7), "leeway must be"),
        (lambda: verifier(nonces="x" * 32), "nonces must be a DpopNonces"),
        (lambda: verifier(replay_outage="ignore"), "replay_outage must be"),
        (lambda: DpopNonces("short"), "at least 32 bytes"),
        (lambda: DpopNonces("a" * 32, "short"), "at least 32 bytes"),
        (lambda: DpopNonces("a" * 32, interval=timedelta(0)), "interval must be"),
        (lambda: Requirement(dpop=True), "dpop must be 'allowed' or 'required'"),
        (lambda: Requirement(dpop="required", carriers=[BearerHeader()]), "omit carriers"),
    ],
    ids=range(18),
)
def test_a_mistake_is_reported_when_it_is_made(build, message):
    """Each argument is checked by the constructor."""
    with pytest.raises(ConfigurationError, match=message):
        build()


async def test_a_requirement_without_a_verifier(clock):
    """A route cannot require DPoP of an authenticator that cannot verify it."""
    engine, required = engine_with(clock), Requirement(dpop="required")
    bare = Authenticator(engine)

    with pytest.raises(ConfigurationError, match="needs a verifier"):
        bare.check_requirement(required)
    with pytest.raises(ConfigurationError, match="needs a verifier"):
        TokenMiddleware(lambda *_: None, bare, required)
    with pytest.raises(ConfigurationError, match="dpop cannot be"):
        Authenticator(engine, dpop=7)
    token = signed(payload_of())
    with pytest.raises(KeyBindingError):
        await bare.authenticate(view((b"authorization", f"DPoP {token}".encode())), required)


async def test_a_bound_token_without_a_request(clock):
    """`verify` knows no proof: it refuses a bound token, and a requirement of one."""
    authenticator = Authenticator(engine_with(clock), dpop=verifier())
    bound = signed(payload_of(cnf={"jkt": "x"}))

    with pytest.raises(KeyBindingError):
        await authenticator.verify(bound, Requirement())
    with pytest.raises(ConfigurationError, match="omit dpop"):
        await authenticator.verify(bound, Requirement(dpop="required"))


@pytest.mark.parametrize("cnf", [7, "x", [], {"jkt": None}, {"jkt": 7}, {"x5t#S256": None}])
async def test_a_binding_of_the_wrong_type(clock, cnf):
    """RFC 7800 §3.1: a binding that cannot be read is refused, not ignored."""
    with pytest.raises(InvalidClaimError):
        await engine_with(clock).decode(signed(payload_of(cnf=cnf)))


async def test_a_binding_in_a_claims_model(clock):
    """The binding is read by its name, and kept whole."""
    claims = await engine_with(clock).decode(
        signed(payload_of(cnf={"jkt": "aB", "x5t#S256": "cD", "kid": "x", "x5t_s256": "y"}))
    )

    assert (claims.cnf.jkt, claims.cnf.x5t_s256) == ("aB", "cD")
    assert claims.cnf.__pydantic_extra__["kid"] == "x"
    assert Confirmation() == Confirmation.model_validate({})


def test_the_challenge_of_each_scheme():
    """§7.2: only the scheme that was used has the error; with both, both have it."""
    error, algorithms = InvalidRequestError(), ("ES256", "Ed25519")
    bare = 'realm="api"'
    said = (
        'realm="api", error="invalid_request", '
        'error_description="The request carries more than one credential."'
    )
    algs = 'algs="ES256 Ed25519"'
    for scheme, expected in (
        (None, f"Bearer {said}, DPoP {said}, {algs}"),
        ("Bearer", f"Bearer {said}, DPoP {bare}, {algs}"),
        ("DPoP", f"Bearer {bare}, DPoP {said}, {algs}"),
    ):
        error.scheme = scheme
        refusal = Refusal.from_error(error, dpop_algorithms=algorithms)
        assert refusal.headers["WWW-Authenticate"] == expected

    refusal = Refusal.from_error(error, scheme="DPoP", dpop_algorithms=algorithms)
    assert refusal.headers["WWW-Authenticate"] == f"DPoP {said}, {algs}"
    nonce = Refusal.from_error(DpopNonceRequiredError("abc"), dpop_algorithms=algorithms)
    assert nonce.headers["DPoP-Nonce"] == "abc"
    assert nonce.headers["WWW-Authenticate"].startswith(
        'Bearer realm="api", DPoP realm="api", error="use_'
    )


async def test_carriers_of_a_service_with_dpop(clock):
    """The header of bound tokens is added once, and its OpenAPI scheme is that of HTTP."""
    engine, header = engine_with(clock), DpopHeader()
    added = Authenticator(engine, dpop=verifier()).carriers
    assert [each.scheme for each in added] == ["Bearer", "DPoP"]
    assert header.security_scheme == {"type": "http", "scheme": "dpop"}
    assert [each.scheme for each in Authenticator(engine).carriers] == ["Bearer"]


async def test_the_client_signs_what_a_service_accepts():
    """`DpopClient.headers` are a token and its proof, with a nonce if there is one."""
    nonces = DpopNonces("a" * 32)
    client = DpopClient(f"{PUBLIC_URL}/", algorithm="Ed25519", clock=lambda: NOW)
    headers = client.headers("POST", "/bound", "a.b.c", nonce=nonces.current(NOW))
    request = request_with(headers["DPoP"], method="POST")

    assert headers["Authorization"] == "DPoP a.b.c"
    assert await verify(
        verifier(nonces=nonces), request, now=NOW, token=b"a.b.c", thumbprint=client.thumbprint
    )


async def test_a_plain_request_costs_no_proof(clock):
    """A bearer token on a service with DPoP needs no proof, and leaves no record."""
    store = MemoryStore(single_process=True)
    authenticator = Authenticator(engine_with(clock), dpop=verifier(store=store))
    token = signed(payload_of())

    assert await authenticator.authenticate(
        view((b"authorization", f"Bearer {token}".encode())), Requirement()
    )
    assert len(store) == 0
    assert bound_token() in dpop_headers()[0][1].decode()


ROUTES = {
    "/bound": Requirement(dpop="required"),
    "/bound-orders": Requirement(dpop="required", scopes=["orders:read"]),
    "/either": Requirement(),
    "/maybe-bound": Requirement(dpop="required", optional=True),
}


async def test_every_request_of_the_contract(clock):
    """Without a framework, each request gets the same response as in every framework."""
    dpop = verifier(algorithms=ALGORITHMS)
    authenticator = Authenticator(contract_engine(clock), dpop=dpop)
    for case in DPOP_CASES:
        path, _, query = case.path.partition("?")
        request = view(
            *case.headers, method=case.method, raw_path=path.encode(), query_string=query.encode()
        )
        try:
            claims = await authenticator.authenticate(request, ROUTES[path])
        except TokenError as error:
            refusal = authenticator.refusal(error, ROUTES[path])
            said = refusal.status, refusal.body, refusal.headers["WWW-Authenticate"]
        else:
            said = 200, {"sub": claims and claims.sub}, None
        assert said == (case.answer.status, case.answer.body, case.answer.challenge), case.name


async def test_a_proof_serves_several_guards_of_one_request(clock):
    """The proof is verified and used up once for each request."""
    authenticator = Authenticator(contract_engine(clock), dpop=verifier(algorithms=ALGORITHMS))
    headers = dpop_headers()
    request = view(*headers, raw_path=b"/bound")
    for _ in range(2):
        assert await authenticator.authenticate(request, ROUTES["/bound"])
    with pytest.raises(DpopProofError):
        await authenticator.authenticate(view(*headers, raw_path=b"/bound"), ROUTES["/bound"])


def test_the_document_names_the_header_of_the_proof(clock):
    """OpenAPI: a route with DPoP has its scheme and the header of the proof."""
    schemes = SecuritySchemes("Bearer", Authenticator(engine_with(clock), dpop=verifier()).carriers)
    either, bound = (DocumentedGuard(schemes, ROUTES[path]) for path in ("/either", "/bound"))

    assert [each["name"] for each in header_parameters([bound], "GET")] == ["DPoP"]
    assert security_of([either]) == [{"Bearer": []}, {"BearerDpop": []}]
    assert security_of([bound]) == [{"BearerDpop": []}]
    assert schemes.objects["BearerDpop"] == {"type": "http", "scheme": "dpop"}
