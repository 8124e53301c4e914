"""Tokens that are bound to a certificate (RFC 8705), without a framework.

The contract of the adapters has each hostile request.
"""

import json
import sys
from contextlib import suppress
from subprocess import run
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.http_requests import form, socket, view
from tests.support import engine_with, payload_of, signed
from tokenward import ConfigurationError, MemoryStore
from tokenward.errors import KeyBindingError
from tokenward.http import (
    AuthenticatedUser,
    Authenticator,
    Requirement,
    TokenEndpoint,
    TokenMiddleware,
    is_bound,
)
from tokenward.http.dpop import DpopVerifier
from tokenward.http.mtls import ForwardedCertificate, TlsCertificate, certificate_thumbprint
from tokenward.testing import DpopClient
from tokenward.testing.adapters.dpop_requests import PUBLIC_URL
from tokenward.testing.adapters.mtls_requests import (
    CERTIFICATE,
    CLIENT_HEADERS,
    OTHER_CERTIFICATE,
    THUMBPRINT,
    certified,
    pem_of,
    tls_of,
)
from tokenward.tokens import ProvenKey

KEY = ProvenKey(x5t_s256=THUMBPRINT)
OTHER = ProvenKey(x5t_s256=certificate_thumbprint(pem_of(OTHER_CERTIFICATE)))
PROXY = ("10.0.0.7", 443)
OWN = certified("rfc9440")


def rfc9440(**options):
    """Return the certificates of a proxy that sends ``Client-Cert``."""
    return ForwardedCertificate("rfc9440", proxies=["10.0.0.7"], **options)


def request_with(token, *headers, client=PROXY, **scope):
    """Return a request with a token that arrives from the proxy."""
    return view((b"authorization", b"Bearer " + token.encode()), *headers, client=client, **scope)


async def cnf_of(engine, token, type="access"):
    """Return the members of the binding of a token."""
    cnf = (await engine.decode(token, type=type)).cnf
    return cnf and cnf.model_dump(by_alias=True, exclude_none=True)


def test_appendix_a_the_example():
    """The thumbprint of the certificate is that of the RFC."""
    pem = pem_of(CERTIFICATE)
    assert certificate_thumbprint(pem) == certificate_thumbprint(pem.encode()) == THUMBPRINT
    assert certificate_thumbprint(pem + pem_of(OTHER_CERTIFICATE)) == THUMBPRINT


@pytest.mark.parametrize("text", ["", CERTIFICATE, "-----BEGIN CERTIFICATE-----", pem_of("x")])
def test_a_text_that_is_no_certificate_has_no_thumbprint(text):
    """The error contains nothing of it."""
    with pytest.raises(ConfigurationError, match="pem must be a certificate in PEM") as caught:
        certificate_thumbprint(text)
    assert "MII" not in str(caught.value)


def test_section_3_every_format_gives_the_same_thumbprint():
    """As the TLS extension does."""
    request = view(extensions={"tls": tls_of(CERTIFICATE)})
    assert TlsCertificate().thumbprint(request) == THUMBPRINT
    for kind, header in CLIENT_HEADERS.items():
        source = ForwardedCertificate(kind, proxies=["10.0.0.0/8"], header=header.decode())
        assert source.thumbprint(view(certified(kind), client=PROXY)) == THUMBPRINT
        assert source.thumbprint(socket(certified(kind), client=PROXY)) == THUMBPRINT


def test_a_client_without_a_certificate_has_no_thumbprint():
    """That is not an error: a route may accept bearer tokens."""
    assert rfc9440().thumbprint(view(client=PROXY)) is None
    for extensions in (None, {}, {"tls": None}, {"tls": {}}, {"tls": tls_of()}):
        assert TlsCertificate().thumbprint(view(extensions=extensions)) is None
    assert TlsCertificate().thumbprint(view()) is None


def test_a_chain_may_be_read_once():
    """ASGI allows any iterable of texts."""
    tls = {"client_cert_chain": iter([pem_of(CERTIFICATE)])}
    assert TlsCertificate().thumbprint(view(extensions={"tls": tls})) == THUMBPRINT


@pytest.mark.parametrize(
    ("proxies", "client", "is_trusted"),
    [
        (["10.0.0.7"], PROXY, True),
        (["10.0.0.7"], ("10.0.0.70", 1), False),
        (["10.0.0.6", "10.0.0.7", "10.0.0.0/30", "fd00::1"], PROXY, True),
        (["10.0.0.6", "10.0.0.7"], ("10.0.0.5", 1), False),
        (["0.0.0.0/1"], PROXY, True),
        (["0.0.0.0/1", "8000::/1"], ("128.0.0.1", 1), False),
        (["10.0.0.0/24"], ("10.0.0.255", 1), True),
        (["10.0.0.0/24"], ("10.0.1.0", 1), False),
        (["fd00::7"], ("fd00:0:0::7", 1), True),
        (["fd00::/64"], ("fd00:0:0:1::1", 1), False),
        (["10.0.0.7"], ("::ffff:10.0.0.7", 1), True),
        (["::ffff:10.0.0.7"], ("::ffff:10.0.0.7", 1), True),
        (["::ffff:10.0.0.0/120"], PROXY, True),
        (["::ffff:10.0.0.7"], ("10.0.0.8", 1), False),
        (["10.0.0.7"], ["10.0.0.7", 1], True),
        (["unix"], None, True),
        (["unix", "10.0.0.7"], PROXY, True),
        (["unix"], PROXY, False),
        (["10.0.0.7"], None, False),
        (["10.0.0.7"], ("", 0), False),
        (["10.0.0.7"], ("10.0.0.7x", 1), False),
        (["127.0.0.1"], ("localhost", 1), False),
    ],
)
def test_section_6_5_only_a_named_proxy_forwards_a_certificate(proxies, client, is_trusted):
    """Whoever else sends the header is refused, also if the address only looks similar."""
    source, request = ForwardedCertificate("rfc9440", proxies=proxies), view(OWN, client=client)
    if is_trusted:
        assert source.thumbprint(request) == THUMBPRINT
    else:
        with pytest.raises(KeyBindingError):
            source.thumbprint(request)


@pytest.mark.parametrize(
    ("host", "name", "value", "is_invented"),
    [
        ("10.0.0.7", b"x-forwarded-for", b"10.0.0.7", True),
        ("10.0.0.7", b"x-forwarded-for", b"203.0.113.9,10.0.0.7", True),
        ("10.0.0.7", b"x-forwarded-for", b"10.0.0.7:443, 203.0.113.9", True),
        ("10.0.0.7", b"forwarded", b'for="10.0.0.7:443";proto=https', True),
        ("10.0.0.7", b"x-real-ip", b" 10.0.0.7 ", True),
        ("10.0.0.7", b"x-forwarded-for", b"::ffff:10.0.0.7", True),
        ("10.0.0.7", b"x-forwarded-for", b"10.0.0.70, 110.0.0.7, 10.0.0.7.1", False),
        ("10.0.0.7", b"host", b"10.0.0.7", False),
        ("fd00::7", b"forwarded", b'for="[fd00::7]:443"', True),
        ("fd00::7", b"x-forwarded-for", b"fd00::7, x", True),
        ("fd00::7", b"x-forwarded-for", b"fd00::7:1, afd00::7, fd00::70", False),
    ],
)
def test_an_address_that_the_client_wrote_is_no_address_of_a_proxy(host, name, value, is_invented):
    """A server that trusts everybody reports what the headers say (``--forwarded-allow-ips '*'``)."""
    source = ForwardedCertificate("rfc9440", proxies=[host])
    request = view(OWN, (name, value), client=(host, 443))
    if is_invented:
        with pytest.raises(KeyBindingError):
            source.thumbprint(request)
    else:
        assert source.thumbprint(request) == THUMBPRINT


@pytest.mark.parametrize("zone", [b"", b"%eth0", b"%25eth0", b"%", b"%\xe9", b"%\xff\x80", b"%a%b"])
@pytest.mark.parametrize("address", [b"10.0.0.7", b"::ffff:10.0.0.7", b"::FFFF:A00:7", b"fd00::7"])
def test_a_zone_hides_no_address_that_the_client_wrote(address, zone):
    """Servers decode the header as ISO 8859-1, as uvicorn does, or as UTF-8; a zone may have any letter."""
    source = ForwardedCertificate("rfc9440", proxies=["10.0.0.7", "fd00::7"])
    for header in (address + zone, b"203.0.113.9, [" + address + zone + b"]:443"):
        for host in ((address + zone).decode("latin-1"), (address + zone).decode(errors="replace")):
            request = view(OWN, (b"x-forwarded-for", header), client=(host, 0))
            with pytest.raises(KeyBindingError):
                source.thumbprint(request)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "nginx"}, "format must be"),
        ({"format": None}, "format must be"),
        ({"format": "escaped-pem"}, "header is required with 'escaped-pem'"),
        ({"header": "Client Cert"}, "name"),
        ({"header": ""}, "name"),
        ({"header": 7}, "name"),
        ({"proxies": []}, "proxies must name the addresses"),
        ({"proxies": "10.0.0.7"}, "proxies must name the addresses"),
        ({"proxies": None}, "proxies must name the addresses"),
        ({"proxies": [None]}, "proxies must name the addresses"),
        ({"proxies": ["*"]}, "proxies must name the addresses"),
        ({"proxies": ["proxy.example"]}, "a host name is none of these"),
        ({"proxies": ["10.0.0.7/24"]}, "proxies must name the addresses"),
        ({"proxies": ["10.0.0.7", "0.0.0.0/0"]}, "everybody could send the header"),
        ({"proxies": ["::/0"]}, "everybody could send the header"),
        ({"proxies": ["::ffff:0.0.0.0/96"]}, "everybody could send the header"),
        ({"proxies": ["0.0.0.0/1", "128.0.0.0/1"]}, "everybody could send the header"),
        ({"proxies": ["::/1", "10.0.0.7", "8000::/1"]}, "everybody could send the header"),
        ({"proxies": ["::ffff:0.0.0.0/97", "128.0.0.0/1"]}, "everybody could send the header"),
        ({"proxies": [f"{n}.0.0.0/8" for n in range(256)]}, "everybody could send the header"),
    ],
    ids=repr,
)
def test_a_mistake_is_reported_when_it_is_made(options, message):
    """Above all a proxy that is not named."""
    with pytest.raises(ConfigurationError, match=message):
        ForwardedCertificate(**{"format": "rfc9440", "proxies": ["10.0.0.7"], **options})


def test_the_proxies_must_be_named():
    """There is no default, which would trust somebody."""
    with pytest.raises(TypeError, match="proxies"):
        ForwardedCertificate("rfc9440")


async def test_a_requirement_without_a_source(clock):
    """It is refused when the route is declared, and so is a source that is none."""
    http = Authenticator(engine_with(clock))
    with pytest.raises(ConfigurationError, match="mtls='required' needs a source"):
        http.check_requirement(Requirement(mtls="required"))
    with pytest.raises(ConfigurationError, match="mtls must be 'allowed' or 'required'"):
        Requirement(mtls=True)
    for mtls in (7, TlsCertificate, "tls"):
        with pytest.raises(ConfigurationError, match="mtls"):
            Authenticator(engine_with(clock), mtls=mtls)
    with pytest.raises(ConfigurationError, match="omit dpop='required' and mtls='required'"):
        await http.verify(signed(payload_of()), Requirement(mtls="required"))
    assert len({Requirement(), Requirement(mtls="required"), Requirement(dpop="required")}) == 3


async def test_section_3_without_a_request_a_bound_token_is_refused(clock):
    """`verify` knows no certificate, whatever the authenticator is configured for."""
    engine = engine_with(clock)
    token = await engine.issue("alice", bound_to=KEY)
    assert is_bound(await engine.decode(token))
    for http in (Authenticator(engine), Authenticator(engine, mtls=TlsCertificate())):
        with pytest.raises(KeyBindingError):
            await http.verify(token, Requirement())


async def test_section_3_a_middleware(clock):
    """It accepts a bound token with its certificate, if its authenticator has a source."""
    engine, passed, statuses = engine_with(clock), [], []

    async def app(scope, receive, send):
        passed.append(scope["state"]["claims"].sub)

    async def send(message):
        statuses.append(message.get("status"))

    token = await engine.issue("alice", bound_to=KEY)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "client": PROXY}
    headers = [(b"authorization", b"Bearer " + token.encode()), OWN]
    for http in (Authenticator(engine), Authenticator(engine, mtls=rfc9440())):
        await TokenMiddleware(app, http)({**scope, "headers": headers}, None, send)
    assert (passed, statuses[0]) == (["alice"], 401)


async def test_section_3_a_token_of_both_kinds_needs_both(clock):
    """The proof of its key does not replace the certificate, nor the other way round."""
    client = DpopClient(PUBLIC_URL, clock=clock)
    engine = engine_with(clock)
    dpop = DpopVerifier(PUBLIC_URL, store=MemoryStore(single_process=True))
    both = Authenticator(engine, dpop=dpop, mtls=rfc9440())
    key = ProvenKey(client.thumbprint, THUMBPRINT)
    token = await engine.issue("alice", bound_to=key)

    def proven():
        headers = client.headers("GET", "/", token).items()
        return [(name.lower().encode(), value.encode()) for name, value in headers]

    bare = (b"authorization", b"Bearer " + token.encode())
    accepted = view(*proven(), OWN, client=PROXY, raw_path=b"/")
    assert await both.authenticate(accepted, Requirement(mtls="required", dpop="required"))
    for http, headers in (
        (both, proven()),
        (both, [bare, OWN]),
        (both, [*proven(), certified("rfc9440", OTHER_CERTIFICATE)]),
        (Authenticator(engine, dpop=dpop), [*proven(), OWN]),
        (Authenticator(engine, mtls=rfc9440()), [bare, OWN]),
    ):
        with pytest.raises(KeyBindingError):
            await http.authenticate(view(*headers, client=PROXY, raw_path=b"/"), Requirement())


async def test_section_3_1_a_token_names_the_certificate(clock):
    """`bound_to` writes the thumbprint into ``cnf``; the tokens stay bearer tokens by their type."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", bound_to=KEY)
    expected = {"x5t#S256": THUMBPRINT}
    assert await cnf_of(engine, await engine.issue("alice", bound_to=KEY)) == expected
    assert await cnf_of(engine, pair.access_token) == expected
    assert await cnf_of(engine, pair.refresh_token, "refresh") == expected
    assert pair.token_type == "Bearer"
    both = await engine.issue_pair("alice", bound_to=ProvenKey("a key", THUMBPRINT))
    assert await cnf_of(engine, both.access_token) == {"jkt": "a key", **expected}
    assert both.token_type == "DPoP"


async def test_section_4_a_bound_refresh_token_needs_its_certificate(clock):
    """Without it, or with another, the token is refused and stays usable, also within the grace."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", bound_to=KEY)
    for key in (None, OTHER, ProvenKey("a key")):
        with pytest.raises(KeyBindingError):
            await engine.refresh(pair.refresh_token, bound_to=key)
    second = await engine.refresh(pair.refresh_token, bound_to=KEY)
    with pytest.raises(KeyBindingError):
        await engine.refresh(pair.refresh_token)
    assert await engine.refresh(pair.refresh_token, bound_to=KEY) == second
    assert await cnf_of(engine, second.refresh_token, "refresh") == {"x5t#S256": THUMBPRINT}
    with pytest.raises(KeyBindingError):
        await engine.refresh(second.refresh_token, bound_to=ProvenKey("a key"))


async def test_section_4_a_session_becomes_bound(clock):
    """By a refresh with a certificate, beside a key to which it was bound before."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice")
    pair = await engine.refresh(pair.refresh_token, bound_to=KEY)
    assert await cnf_of(engine, pair.access_token) == {"x5t#S256": THUMBPRINT}
    pair = await engine.issue_pair("alice", bound_to=ProvenKey("a key"))
    pair = await engine.refresh(pair.refresh_token, bound_to=ProvenKey("a key", THUMBPRINT))
    assert await cnf_of(engine, pair.access_token) == {"jkt": "a key", "x5t#S256": THUMBPRINT}
    for part in (ProvenKey("a key"), KEY):
        with pytest.raises(KeyBindingError):
            await engine.refresh(pair.refresh_token, bound_to=part)


async def test_section_4_the_key_of_a_login(clock):
    """`proven_key` returns the certificate, None without one, and refuses an ambiguous one."""
    http = Authenticator(engine_with(clock), mtls=rfc9440())
    assert await http.proven_key(view(OWN, client=PROXY)) == KEY
    assert await http.proven_key(view(client=PROXY)) is None
    for request in (view(OWN, OWN, client=PROXY), view(OWN, client=("203.0.113.9", 1))):
        with pytest.raises(KeyBindingError):
            await http.proven_key(request)


async def test_the_key_of_a_login_with_a_proof_and_a_certificate(clock):
    """The tokens are bound to both."""
    client = DpopClient(PUBLIC_URL, clock=clock)
    dpop = DpopVerifier(PUBLIC_URL, store=MemoryStore(single_process=True))
    http = Authenticator(engine_with(clock), dpop=dpop, mtls=rfc9440())
    proof = (b"dpop", client.proof("POST", "/login").encode())
    request = view(OWN, proof, client=PROXY, method="POST", raw_path=b"/login")
    assert await http.proven_key(request) == ProvenKey(client.thumbprint, THUMBPRINT)


async def test_section_4_a_token_endpoint(clock):
    """A client with a certificate gets bound tokens, and refreshes them with it alone."""
    engine = engine_with(clock)

    def authenticate(name, password):
        return AuthenticatedUser(name)

    endpoint = TokenEndpoint(engine, authenticate, mtls=rfc9440())

    async def post(members, *headers):
        request = form(urlencode(members).encode(), *headers)
        request._scope["client"] = PROXY
        answer = await endpoint.respond(request)
        return answer.status, json.loads(answer.body)

    user = {"grant_type": "password", "username": "alice", "password": "x"}
    _, pair = await post(user, OWN)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    refused = [await post(refresh), await post(refresh, OWN, OWN), await post(user, OWN, OWN)]
    status, renewed = await post(refresh, OWN)

    assert await cnf_of(engine, pair["access_token"]) == {"x5t#S256": THUMBPRINT}
    assert [(each[0], each[1]["error"]) for each in refused] == [(400, "invalid_grant")] * 3
    assert (status, renewed["token_type"]) == (200, "Bearer")
    assert (await post(user))[1]["token_type"] == "Bearer"
    with pytest.raises(ConfigurationError, match="mtls"):
        TokenEndpoint(engine, authenticate, mtls=7)


@pytest.mark.parametrize(
    "x5t",
    ["", THUMBPRINT[:-1], f"{THUMBPRINT}=", "ab:cd", "0" * 64, 7, THUMBPRINT + "\n"],
    ids=repr,
)
def test_a_key_that_no_certificate_has_is_refused(x5t):
    """A fingerprint in hexadecimal would bind a token to nothing."""
    with pytest.raises(ConfigurationError, match="x5t_s256 must be the SHA-256"):
        ProvenKey(x5t_s256=x5t)
    with pytest.raises(ConfigurationError, match="needs a jkt or an x5t_s256"):
        ProvenKey()


@given(kind=st.sampled_from([*CLIENT_HEADERS]), value=st.binary(max_size=400))
def test_no_header_is_another_error(kind, value):
    """Any bytes are a thumbprint or a `KeyBindingError`."""
    header = CLIENT_HEADERS[kind]
    source = ForwardedCertificate(kind, proxies=["10.0.0.7"], header=header.decode())
    own = certified(kind)[1]
    for text in (value, own + value, value + own, own[: len(value)] + value):
        with suppress(KeyBindingError):
            assert len(source.thumbprint(view((header, text), client=PROXY))) == len(THUMBPRINT)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("envoy", b'Subject="' + b"\\" * 60_000),
        ("envoy", b"a=" + b";a=" * 16_000),
        ("envoy", b"a" * 65_000),
        ("escaped-pem", b"%2D" * 20_000),
        ("escaped-pem", quote("-----BEGIN CERTIFICATE-----" + " " * 20_000).encode()),
        ("rfc9440", b":" + b"A" * 65_000),
        ("rfc9440", b":" * 65_000),
    ],
    ids=["backslashes", "pairs", "a key", "escapes", "spaces", "base64", "colons"],
)
def test_a_long_header_is_refused(kind, value):
    """It is read in one pass: reading it in any other way would take minutes."""
    header = CLIENT_HEADERS[kind]
    source = ForwardedCertificate(kind, proxies=["10.0.0.7"], header=header.decode())
    with pytest.raises(KeyBindingError):
        source.thumbprint(view((header, value), client=PROXY))


async def test_a_plain_request_looks_for_no_certificate(clock):
    """A bearer token on a service with certificates reads no header of a proxy."""
    engine = engine_with(clock)

    class Unasked:
        def thumbprint(self, request):
            raise AssertionError

    http = Authenticator(engine, mtls=Unasked())
    token = await engine.issue("alice")
    assert await http.authenticate(request_with(token, OWN), Requirement())
    with pytest.raises(KeyBindingError):
        await http.authenticate(request_with(token, OWN), Requirement(mtls="required"))


def test_a_service_without_certificates_imports_nothing():
    """The room is imported where it is used."""
    program = "import sys, tokenward.http; print('tokenward.http.mtls' in sys.modules)"
    told = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert told.stdout.strip() == "False"
