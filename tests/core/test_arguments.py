"""Wrong arguments are refused where they are passed, with a message that names the fix."""

import asyncio
import inspect
from datetime import timedelta

import pytest

from tests.support import SECRET, ShopClaims, engine_with, payload_of, signed
from tokenward import (
    BearerHeader,
    Claims,
    ConfigurationError,
    CookieCarrier,
    CsrfCheck,
    Issuers,
    Key,
    KeyPublisher,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    TokenEngine,
    TokenPair,
    TokenPolicy,
)
from tokenward.errors import MalformedTokenError, WrongTokenTypeError
from tokenward.http import (
    Authenticator,
    QueryCarrier,
    RequestView,
    Requirement,
    WebSocketProtocolCarrier,
)

RING = KeyRing.from_secret(SECRET)
ENGINE = TokenEngine(RING, store=MemoryStore())
PAIR = TokenPair("secret-a", "secret-r", 1)
OTHERS = Issuers(TokenEngine(RING, policy=TokenPolicy(issuer="https://a.example")))


class NoPurge:
    """A store that lacks a method."""

    timeout_seconds = None
    is_revoked = revoke = consume = aclose = raise_retention = ping = needs_purge = None


class NoRetention:
    """A store that would fail only when it is asked how long records are kept."""

    timeout_seconds = None
    is_revoked = revoke = consume = aclose = purge = ping = needs_purge = None


BUILDING = {
    "a ring for an engine": (lambda: Authenticator(RING), "TokenEngine or Issuers, not"),
    "a secret for an engine": (lambda: Authenticator(SECRET), "pass TokenEngine"),
    "an engine's class": (lambda: Authenticator(TokenEngine), "the class TokenEngine"),
    "a realm that is no text": (lambda: Authenticator(ENGINE, realm=5), "realm='api'"),
    "a key for a ring": (lambda: TokenEngine(Key.from_secret(SECRET)), "keys must be a KeyRing"),
    "a ring's class": (lambda: TokenEngine(KeyRing), "keys must be a KeyRing"),
    "a dict for a policy": (lambda: TokenEngine(RING, policy={}), "policy=TokenPolicy"),
    "a policy's class": (lambda: TokenEngine(RING, policy=TokenPolicy), "the class TokenPolicy"),
    "no policy": (lambda: TokenEngine(RING, policy=None), "not None"),
    "an address for a store": (lambda: TokenEngine(RING, store="redis://u:pw@h"), "has no aclose"),
    "a store's class": (lambda: TokenEngine(RING, store=MemoryStore), "store=MemoryStore()"),
    "a store without a method": (lambda: TokenEngine(RING, store=NoPurge()), "has no purge"),
    "a store without a retention": (
        lambda: TokenEngine(RING, store=NoRetention()),
        "has no raise_retention",
    ),
    "a model's object": (lambda: TokenEngine(RING, claims_model=Claims()), "not an object"),
    "a time for a clock": (lambda: TokenEngine(RING, clock=1.0), "clock=time.time"),
    "a clock with arguments": (lambda: TokenEngine(RING, clock=lambda zone: 1), "no arguments"),
    "an identity for its maker": (lambda: TokenEngine(RING, new_jti="a"), "new_jti=lambda"),
    "a string to be called": (lambda: ENGINE.after_decode("x"), "@engine.after_decode"),
    "a hook without argument": (lambda: ENGINE.is_revoked(lambda: True), "one positional"),
    "a class for a hook": (lambda: ENGINE.on_revoke(dict), "the class dict"),
    "nothing for a hook": (lambda: ENGINE.on_reuse(None), "not None"),
    "a number for a hook": (lambda: ENGINE.on_refuse(7), "@engine.on_refuse"),
    "a text for a hook": (lambda: ENGINE.before_issue("x"), "@engine.before_issue"),
    "a list of engines": (lambda: Issuers([ENGINE]), "Issuers(first, second)"),
    "an address for a shared store": (lambda: PrefixedStore("redis://h", "a"), "inner cannot be"),
    "an engine to publish": (lambda: KeyPublisher(ENGINE), "the KeyRing of the engine"),
    "a secret for a key": (lambda: KeyRing(SECRET), "KeyRing.from_secret"),
    "a key's class": (lambda: KeyRing(Key), "the class Key"),
    "one key for several": (
        lambda: KeyRing(Key.generate(), verifiers=Key.generate()),
        "a list of keys",
    ),
    "texts for keys": (lambda: KeyRing(Key.generate(), pending=["x"]), "pending=[Key"),
    "one audience that is no text": (
        lambda: TokenPolicy(audience=5),
        "audience must be non-empty text",
    ),
    "one claim for several": (lambda: TokenPolicy(required_claims="sub"), "{'sub'}"),
    "no required claims": (lambda: TokenPolicy(required_claims=None), "{'sub'}"),
    "claims that are no text": (lambda: TokenPolicy(required_claims={1, "type"}), "{'sub'}"),
    "nothing to write": (lambda: TokenPolicy(extra_registered_claims=None), "{'nbf'}"),
    "a list for a source": (lambda: TokenPolicy(type_source=["typ"]), "type_source must be"),
    "a list for an outage": (lambda: TokenPolicy(store_outage=["accept"]), "store_outage must"),
    "one carrier for several": (lambda: Authenticator(ENGINE, carriers=BearerHeader()), "a list"),
    "a carrier's class alone": (lambda: Authenticator(ENGINE, carriers=BearerHeader), "a list"),
    "a carrier's class": (lambda: Authenticator(ENGINE, carriers=[BearerHeader]), "the class Bear"),
    "a location's name": (lambda: Authenticator(ENGINE, carriers=["headers"]), "[BearerHeader()]"),
    "one location's name": (lambda: Authenticator(ENGINE, carriers="headers"), "a list"),
    "no carrier": (lambda: Authenticator(ENGINE, carriers=[]), "at least one"),
    "a route's one carrier": (lambda: Requirement(carriers=BearerHeader()), "a list"),
    "a route's carrier class": (lambda: Requirement(carriers=[BearerHeader]), "the class Bearer"),
    "a route's location": (lambda: Requirement(carriers=["cookies"]), "[BearerHeader()]"),
    "a role for a check": (lambda: Requirement(check="admin"), "check=lambda claims"),
    "a result for a check": (lambda: Requirement(check=True), "check=lambda claims"),
    "a check without argument": (lambda: Requirement(check=lambda: True), "one positional"),
    "a class for a check": (lambda: Requirement(check=bool), "the class bool"),
    "a list for a type": (lambda: Requirement(type=["access"]), "'access' or 'refresh'"),
    "a text for a flag": (lambda: Requirement(optional="no"), "True or False"),
    "no check of cookies": (lambda: CookieCarrier(csrf=False), "csrf=CsrfCheck()"),
    "the class of a check": (lambda: CookieCarrier(csrf=CsrfCheck), "csrf=CsrfCheck()"),
    "a text for development": (lambda: CookieCarrier(development="no"), "True or False"),
    "a number for a cookie": (lambda: CookieCarrier(access_name=5), "must be strings"),
    "no path for a cookie": (lambda: CookieCarrier(refresh_path=None), "must be strings"),
    "a list for a domain": (lambda: CookieCarrier(domain=["a.example"]), "must be strings"),
    "a list for same_site": (lambda: CookieCarrier(same_site=["Lax"]), "'Strict'"),
    "no origins": (lambda: CsrfCheck(allowed_origins=None), "must be a list"),
    "an origin that is no text": (lambda: CsrfCheck(allowed_origins=[5]), "a scheme and a host"),
    "a number for a header": (lambda: BearerHeader(name=5), "one ASCII word"),
    "a header with its colon": (lambda: BearerHeader(name="X-Auth:"), "without a colon"),
    "no name in the query": (lambda: QueryCarrier(name=None), "one ASCII word"),
    "a number for a marker": (lambda: WebSocketProtocolCarrier(marker=5), "one ASCII word"),
    "a token for a pair": (lambda: CookieCarrier().set_cookies("t"), "issue_pair or refresh"),
}

CALLING = {
    "decode nothing": (lambda: ENGINE.decode(None), "not None: check first whether"),
    "decode a pair": (lambda: ENGINE.decode(PAIR), "pass pair.access_token"),
    "decode a number": (lambda: ENGINE.decode(5), "the type int: pass what issue"),
    "decode a list": (lambda: ENGINE.decode(["a"]), "the type list"),
    "decode claims": (lambda: ENGINE.decode(ShopClaims(tenant="x")), "the type ShopClaims"),
    "refresh a pair": (lambda: ENGINE.refresh(PAIR), "pair.refresh_token to refresh"),
    "refresh nothing": (lambda: ENGINE.refresh(None), "not None"),
    "revoke a pair": (lambda: ENGINE.revoke(PAIR), "pass pair.access_token"),
    "revoke nothing": (lambda: ENGINE.revoke(None), "not None"),
    "revoke a pair's session": (lambda: ENGINE.revoke_session(PAIR), "pass a sid"),
    "revoke no session": (lambda: ENGINE.revoke_session(None), "pass a sid"),
    "revoke a pair's subject": (lambda: ENGINE.revoke_subject(PAIR), "pass claims.sub"),
    "revoke a number": (lambda: ENGINE.revoke_subject(7), "str(user.id)"),
    "recheck a text": (lambda: ENGINE.revalidate("t"), "an object that decode returned"),
    "issue to nobody": (lambda: ENGINE.issue(None), "subject must be text, not None"),
    "issue a list of claims": (lambda: ENGINE.issue("a", claims=["b"]), "claims={'name': ...}"),
    "issue a model": (lambda: ENGINE.issue("a", claims=Claims()), "claims={'name': ...}"),
    "issue a header as text": (lambda: ENGINE.issue("a", headers="b"), "headers={'name': ...}"),
    "issue more claims as a list": (
        lambda: ENGINE.issue_pair("a", access_claims=["b"]),
        "access_claims={'name': ...}",
    ),
    "issue one scope as a number": (lambda: ENGINE.issue("a", scopes=5), "collection of texts"),
    "issue scopes that are no text": (lambda: ENGINE.issue("a", scopes=[5]), "must be text"),
    "several issuers, nothing": (lambda: OTHERS.decode(None), "not None"),
    "several issuers, a pair": (lambda: OTHERS.refresh(PAIR), "pair.access_token"),
    "several issuers, a sid": (
        lambda: OTHERS.revoke_session("s"),
        "an object that decode returned",
    ),
    "several issuers, a text": (lambda: OTHERS.revalidate("t"), "an object that decode returned"),
}


@pytest.mark.parametrize(("build", "fix"), BUILDING.values(), ids=BUILDING.keys())
def test_a_wrong_argument_is_refused_when_the_object_is_built(build, fix):
    """The message names the type of the argument or the fix, and contains no secret."""
    with pytest.raises(ConfigurationError) as caught:
        build()
    message = str(caught.value)
    assert fix in message
    assert message.endswith(".")
    assert "\n" not in message
    assert SECRET not in message
    assert "pw" not in message


@pytest.mark.parametrize(("call", "fix"), CALLING.values(), ids=CALLING.keys())
async def test_an_argument_of_a_wrong_type_is_a_type_error(call, fix):
    """It is a programming mistake, never a refused token, and no part of the argument is in the message."""
    with pytest.raises(TypeError) as caught:
        await call()
    assert fix in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("check", ["admin", bool, lambda: True], ids=["text", "class", "no claims"])
async def test_a_check_of_a_refresh_must_take_the_claims(check):
    """It is refused as the check of a requirement is, also if the request has no token."""
    refresh = Authenticator(ENGINE).refresh
    with pytest.raises(ConfigurationError, match="check must be a function"):
        await ENGINE.refresh("t", check=check)
    with pytest.raises(ConfigurationError, match="check must be a function"):
        await refresh(RequestView({"type": "http", "headers": []}), check=check)


async def test_a_coroutine_is_refused_as_a_token():
    """If the await of issue was forgotten, the message says so."""
    coroutine = ENGINE.issue("alice")
    with pytest.raises(TypeError, match="await it first"):
        await ENGINE.decode(coroutine)
    coroutine.close()


async def test_a_block_needs_claims_and_a_time(clock):
    """`while_valid` refuses None and a number of seconds at once."""
    authenticator = Authenticator(engine_with(clock))
    with pytest.raises(TypeError, match="claims must be the Claims of the request, not None"):
        authenticator.while_valid(None, asyncio.sleep)
    with pytest.raises(ConfigurationError, match="check_every must be a timedelta"):
        async with authenticator.while_valid(Claims(), asyncio.sleep, check_every=5):
            pass


@pytest.mark.parametrize("scheme", ["", "Bearer "])
@pytest.mark.parametrize("name", ["session", "subject"])
async def test_a_token_is_refused_as_a_session_or_subject(clock, name, scheme):
    """The text of a token is refused before the store is called."""

    class Watched(MemoryStore):
        async def revoke(self, revocation, *, now):
            raise AssertionError

    engine = engine_with(clock, store=Watched())
    token = await engine.issue("alice")
    revoke = engine.revoke_session if name == "session" else engine.revoke_subject
    with pytest.raises(ConfigurationError, match=f"{name} is a token") as caught:
        await revoke(scheme + token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("text", ["alice", "a.b.c", "a.b", " ", "eyJhIjoxfQ.e30.c", "W10.e30.c"])
async def test_other_text_names_a_session_or_a_subject(engine, text):
    """Even with dots and with segments that are JSON, unless one of them is a JOSE header."""
    await engine.revoke_session(text)
    await engine.revoke_subject(text)


@pytest.mark.parametrize("source", ["typ", "always-access"])
async def test_a_refresh_token_that_the_policy_cannot_recognize_is_not_issued(
    clock, policy_of_source, source
):
    """It would count as an access token, so neither a refresh token nor a pair is issued or refreshed."""
    engine = engine_with(clock, policy=policy_of_source(source))
    assert (await engine.decode(await engine.issue("alice"))).sub == "alice"
    for call in (
        engine.issue_pair("alice"),
        engine.issue("alice", type="refresh"),
        engine.refresh("any"),
    ):
        with pytest.raises(ConfigurationError, match=f"type_source='{source}'"):
            await call


async def test_keys_that_only_verify_refresh_no_token(clock, policy_of_source):
    """With the keys of another issuer, a refresh token is refused as a token of the wrong type."""
    keys = KeyRing(Key.from_jwk(Key.generate("EdDSA").public_jwk()))
    engine = engine_with(clock, keys=keys, policy=policy_of_source("always-access"))
    with pytest.raises(WrongTokenTypeError):
        await engine.refresh("any")


@pytest.fixture
def policy_of_source():
    """Return the arguments of a policy that finds the type of a token in another place."""
    return lambda source: TokenPolicy(
        type_source=source, required_claims={"exp", "iat", "sub", "jti"}
    )


async def test_client_input_never_raises_a_programming_error(engine):
    """For any text or bytes, decode and refresh raise a TokenError."""
    for token in ("", "Bearer x", "null", b"\xff", "a.b.c", signed(payload_of()) + "."):
        for call in (engine.decode(token), engine.refresh(token), engine.revoke(token)):
            with pytest.raises(MalformedTokenError):
                await call


async def test_a_before_issue_hook_that_returns_claims_is_told(engine):
    """The returned claims would be lost: a hook must change ``draft.claims``."""
    engine.before_issue(lambda draft: {**draft.claims, "tenant": "acme"})
    with pytest.raises(TypeError, match=r"change draft\.claims"):
        await engine.issue("alice")


def test_callables_of_every_kind_are_accepted(engine):
    """Methods, objects with ``__call__``, and functions without a signature are accepted."""

    class Check:
        def __call__(self, claims, *, strict=True):
            return strict

    requirements = [Requirement(check=check) for check in (Check(), Check().__call__, max)]
    assert all(requirement.check for requirement in requirements)
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    engine.after_decode(print)


def test_carriers_may_come_from_an_iterator():
    """The carriers are kept as a tuple, so that the second request finds them too."""
    assert len(Requirement(carriers=iter([BearerHeader()])).carriers) == 1
    assert len(Authenticator(ENGINE, carriers=iter([BearerHeader()])).carriers) == 1
    assert timedelta(minutes=5) == Requirement(max_age=timedelta(minutes=5)).max_age
