"""Back-channel logout without a framework: what is checked when it is built, and the login of a session."""

import re
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pydantic import ConfigDict

from tests.core.http_requests import form
from tests.support import NOW, SECRET, engine_with, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    Issuers,
    Key,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    Revocation,
    StoreUnavailableError,
    TokenEngine,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.http.logout import LogoutEndpoint, LogoutRules
from tokenward.policy import LONGEST_LEEWAY
from tokenward.tokens import ProviderLogin
from tokenward.tokens.provider_login import denials_of, names_in, session_begun_by

PROVIDER = "https://login.example/"
KEYS = KeyRing(Key.from_jwk(Key.generate("ES256", kid="p").public_jwk()))
LOGIN = ProviderLogin(issuer=PROVIDER, subject="248289761001", session="08a5019c")
USER = ProviderLogin(issuer=PROVIDER, subject="248289761001")
OWN = {"keys": KEYS, "issuer": PROVIDER, "client_id": "shop-web"}


class CountingStore(MemoryStore):
    """A store that remembers what it was asked, and can fail at some of the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str | None, str]] = []
        self.fails_at: set[int] = set()

    async def is_revoked(self, *, jti: str, sid: str | None, sub: str, **more: Any) -> bool:
        self.asked.append((jti, sid, sub))
        if len(self.asked) in self.fails_at:
            raise ConnectionError
        return await super().is_revoked(jti=jti, sid=sid, sub=sub, **more)


class LateStore(MemoryStore):
    """A mirror that has not heard of any revocation yet."""

    async def is_revoked(self, **_: Any) -> bool:
        return False

    async def is_revoked_at_source(self, **identity: Any) -> bool:
        return await super().is_revoked(**identity)


class HidingClaims(Claims):
    """Claims that keep nothing but what the model has."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")


# What is checked when the endpoint is built.


def verifying(**policy: Any) -> TokenEngine[Claims]:
    """Return an engine that verifies the tokens of the provider."""
    whole = {"issuer": PROVIDER, "audience": "shop-api", **policy}
    return TokenEngine(KEYS, policy=TokenPolicy(**whole), store=MemoryStore())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": []}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"keys": None}, "keys of the provider, not None"),
        ({"keys": "https://login.example/jwks"}, "keys of the provider"),
        ({"keys": KeyRing}, "keys of the provider"),
        ({"issuer": None}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": [PROVIDER]}, "issuer"),
        ({"rules": None}, "LogoutRules"),
        ({"rules": {"typ": "required"}}, "LogoutRules"),
        ({"ends": "all"}, "ends"),
        ({"ends": True}, "ends"),
        ({"on_logout": True}, "on_logout"),
        ({"on_logout": lambda: None}, "on_logout"),
    ],
)
def test_a_wrong_argument_is_refused(clock, changes, said):
    """When the endpoint is built, and the message names the argument."""
    engine = engine_with(clock)
    assert LogoutEndpoint(engine, **OWN)
    with pytest.raises(ConfigurationError, match=said):
        LogoutEndpoint(engine, **{**OWN, **changes})


def test_the_engine_must_be_able_to_end_sessions(clock):
    """It is one engine, with a store."""
    own = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    with pytest.raises(ConfigurationError, match="TokenEngine"):
        LogoutEndpoint(Issuers(own), **OWN)
    with pytest.raises(ConfigurationError, match="store"):
        LogoutEndpoint(TokenEngine(KeyRing.generate()), **OWN)
    with pytest.raises(ConfigurationError, match="not those of the engine"):
        LogoutEndpoint(own, **{**OWN, "keys": own.keys})


def test_the_client_id_has_no_default(clock):
    """Without it, the logout tokens of other clients would count."""
    with pytest.raises(TypeError):
        LogoutEndpoint(engine_with(clock), keys=KEYS, issuer=PROVIDER)


def test_an_engine_that_only_verifies_knows_its_provider():
    """Keys and issuer are given once."""
    assert LogoutEndpoint(verifying(), client_id="shop-web", ends="session")
    for more in ({"keys": KEYS}, {"issuer": PROVIDER}):
        with pytest.raises(ConfigurationError, match="Leave out"):
            LogoutEndpoint(verifying(), client_id="shop-web", **more)
    with pytest.raises(ConfigurationError, match="issuer"):
        LogoutEndpoint(verifying(issuer=None), client_id="shop-web")


@pytest.mark.parametrize(
    "rules",
    [
        {"typ": "logout+jwt"},
        {"typ": True},
        {"exp": False},
        {"max_age": timedelta(0)},
        {"max_age": timedelta(days=2)},
        {"max_age": 600},
        {"leeway": timedelta(seconds=-1)},
        {"leeway": timedelta(minutes=6)},
        {"leeway": 10},
    ],
    ids=repr,
)
def test_wrong_rules_are_refused(rules):
    """Each has a few values, or a limit."""
    with pytest.raises(ConfigurationError, match=next(iter(rules))):
        LogoutRules(**rules)


async def test_a_hook_with_an_error_of_its_own_is_a_mistake_of_the_service(clock):
    """Its error reaches the framework, and the logout can be repeated."""
    key = Key.generate("ES256", kid="p")
    calls = []

    def on_logout(logout):
        calls.append(logout)
        if len(calls) == 1:
            raise ZeroDivisionError

    endpoint = LogoutEndpoint(
        engine_with(clock), **{**OWN, "keys": KeyRing(key)}, on_logout=on_logout
    )
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    payload = payload_of(iss=PROVIDER, aud="shop-web", events=event, nbf=...)
    request = form(b"logout_token=" + signed(payload, key=key).encode())
    with pytest.raises(ZeroDivisionError):
        await endpoint.respond(request)
    assert [(await endpoint.respond(request)).status for _ in range(2)] == [200, 400]
    assert len(calls) == 2


# The login of a session.


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"issuer": ""}, ConfigurationError),
        ({"issuer": None, "subject": "a"}, TypeError),
        ({"issuer": PROVIDER}, ConfigurationError),
        ({"issuer": PROVIDER, "subject": ""}, ConfigurationError),
        ({"issuer": PROVIDER, "subject": "a", "session": ""}, ConfigurationError),
        ({"issuer": PROVIDER, "subject": 7}, TypeError),
        ({"issuer": PROVIDER, "subject": "a", "session": b"x"}, TypeError),
    ],
    ids=repr,
)
def test_a_login_has_an_issuer_and_a_subject_or_a_session(values, error):
    """An absent claim is None, never empty."""
    with pytest.raises(error):
        ProviderLogin(**values)


async def test_a_session_needs_the_subject_of_its_login(clock):
    """An ID token always has it; without it, a logout of the subject would not find the session."""
    engine = engine_with(clock)
    with pytest.raises(ConfigurationError, match="subject"):
        await engine.issue_pair("alice", provider_login=ProviderLogin(issuer=PROVIDER, session="x"))
    for wrong in ({"iss": PROVIDER}, "x", Claims(iss=PROVIDER, sub="a")):
        with pytest.raises(TypeError, match="ProviderLogin"):
            await engine.issue_pair("alice", provider_login=wrong)
        with pytest.raises(TypeError, match="ProviderLogin"):
            await engine.revoke_provider_login(wrong)


async def test_a_sid_shows_nothing_of_the_login(clock):
    """It has digests; two sessions of one login have different ones, and no other session has any."""
    engine = engine_with(clock)
    first, second = [
        await engine.decode((await engine.issue_pair("alice", provider_login=LOGIN)).access_token)
        for _ in range(2)
    ]
    assert re.fullmatch("[0-9a-f]{32}:login:[A-Za-z0-9_-]{22}:[A-Za-z0-9_-]{22}", first.sid)
    assert first.sid[:32] != second.sid[:32]
    assert first.sid[32:] == second.sid[32:]
    plain = await engine.decode((await engine.issue_pair("alice")).access_token)
    assert re.fullmatch("[0-9a-f]{32}", plain.sid)


def test_the_parts_of_a_login_are_kept_apart():
    """No two logins have the same names, however their texts are cut."""
    logins = [
        ProviderLogin(issuer="https://a", subject="bc", session="d"),
        ProviderLogin(issuer="https://ab", subject="c", session="d"),
        ProviderLogin(issuer="https://a", subject="d", session="bc"),
        ProviderLogin(issuer="https://a", subject="bc"),
        ProviderLogin(issuer="https://a", subject='b","c'),
        ProviderLogin(issuer="https://a", subject="\ud800"),
    ]
    found = [names_in(session_begun_by(each)) for each in logins]
    subjects = [each.subject for each in found]
    assert len(set(subjects)) == len(subjects)
    assert [each.session is None for each in found] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    "sid",
    [
        "a" * 32,
        "x:login::" + "A" * 22,
        "a" * 32 + ":login:" + "A" * 21 + ":" + "A" * 22,
        "a" * 32 + ":login::" + "A" * 22 + "\n",
        "a" * 32 + ":login:" + "A" * 22,
    ],
    ids=repr,
)
def test_other_sids_name_no_login(sid):
    """A sid of another form, also with colons, is asked about as before."""
    assert names_in(sid) is None


async def test_a_session_costs_one_question_and_one_with_a_login_two(clock):
    """What does not use the feature does not pay for it."""
    store = CountingStore()
    engine = engine_with(clock, store=store)
    plain = (await engine.issue_pair("alice")).access_token
    urn = signed(payload_of(sid="urn:session:7"))
    for token in (plain, urn):
        store.asked.clear()
        await engine.decode(token)
        assert len(store.asked) == 1
    store.asked.clear()
    await engine.decode((await engine.issue_pair("alice", provider_login=LOGIN)).access_token)
    (_, sid, _), (jti, session, subject) = store.asked
    assert (session, subject) == names_in(sid)
    assert jti == ""


async def test_the_sid_is_that_of_all_successors(clock):
    """A refresh does not lose the login, and a second use ends the session as always."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    for _ in range(3):
        clock.advance(60)
        pair = await engine.refresh(pair.refresh_token)
    await engine.revoke_provider_login(LOGIN)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token)


async def test_no_claims_model_hides_the_login(clock):
    """It is in a registered claim."""
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=HidingClaims, store=MemoryStore(), clock=clock
    )
    token = (await engine.issue_pair("alice", provider_login=LOGIN)).access_token
    await engine.revoke_provider_login(LOGIN)
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)


async def test_every_engine_that_shares_the_store_refuses_the_tokens(clock):
    """Also one that only verifies them, with no endpoint, and through a prefix."""
    shared = MemoryStore()
    ring = KeyRing.generate()
    store = PrefixedStore(shared, "https://shop.example")
    issuing = engine_with(clock, keys=ring, store=store)
    public = KeyRing(*[Key.from_jwk(each) for each in ring.public_jwks()["keys"]])
    other = engine_with(clock, keys=public, store=PrefixedStore(shared, "https://shop.example"))
    elsewhere = engine_with(
        clock, keys=public, store=PrefixedStore(shared, "https://other.example")
    )
    token = (await issuing.issue_pair("alice", provider_login=LOGIN)).access_token
    await issuing.revoke_provider_login(LOGIN)
    with pytest.raises(TokenRevokedError):
        await other.decode(token)
    assert await elsewhere.decode(token)


async def test_a_refresh_asks_the_source_of_a_mirror(clock):
    """A mirror may be a second late; a refresh must not be."""
    engine = engine_with(clock, store=LateStore())
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    await engine.revoke_provider_login(LOGIN)
    assert await engine.decode(pair.access_token)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token)


@pytest.mark.parametrize("kind", ["session", "subject"])
async def test_no_identity_of_an_engine_reaches_the_names_of_logins(clock, kind):
    """A user who is called like the name of a login ends no session of others."""
    engine = engine_with(clock)
    token = (await engine.issue_pair("alice", provider_login=LOGIN)).access_token
    names = [name for _, name in denials_of(LOGIN) + denials_of(USER)]
    for name in names:
        await getattr(engine, f"revoke_{kind}")(name)
    assert await engine.decode(token)


async def test_a_record_lasts_as_long_as_the_tokens(clock):
    """It has the retention of every other revocation of a session."""
    engine = engine_with(clock)
    revocations: list[Revocation] = []
    engine.on_revoke(revocations.append)
    await engine.revoke_provider_login(LOGIN)
    longest = timedelta(days=30) + 2 * LONGEST_LEEWAY
    assert [each.keep_until for each in revocations] == [NOW + longest.total_seconds()] * 2
    assert [(each.kind, each.issued_before) for each in revocations] == [
        ("session", None),
        ("subject", NOW + 0.001),
    ]


@pytest.mark.parametrize("outage", ["refuse", "accept"])
@pytest.mark.parametrize("fails_at", [{1}, {2}, {1, 2}])
@pytest.mark.parametrize("timeout_seconds", [None, 5.0])
async def test_one_failing_question_hides_no_denial(clock, outage, fails_at, timeout_seconds):
    """The other one is asked in any case, and one denial is enough; a store may have a network."""
    store = CountingStore()
    store.timeout_seconds = timeout_seconds
    engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage=outage))
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    ended = await engine.issue_pair(
        "alice", provider_login=ProviderLogin(issuer=PROVIDER, subject="b")
    )
    await engine.revoke_session(await engine.decode(ended.access_token))
    await engine.revoke_provider_login(ProviderLogin(issuer=PROVIDER, subject="b"))
    store.fails_at = fails_at

    async def result(token: str, **kind: Any) -> str:
        store.asked.clear()
        try:
            await engine.decode(token, **kind)
        except (TokenRevokedError, StoreUnavailableError) as error:
            return error.code
        return "accepted"

    is_refused = outage == "refuse"
    if len(fails_at) == 1:
        assert await result(ended.access_token) == "token_revoked"
    assert await result(pair.access_token) == ("store_unavailable" if is_refused else "accepted")
    assert await result(pair.refresh_token, type="refresh") == "store_unavailable"


async def test_a_login_after_the_logout_is_not_denied(clock):
    """A logout of the user ends the sessions that have begun, not those that will."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    await engine.revoke_provider_login(USER)
    with pytest.raises(TokenRevokedError):
        await engine.decode(pair.access_token)
    clock.advance(1)
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    assert (await engine.decode(pair.access_token)).sub == "alice"


async def test_both_questions_need_an_answer(clock):
    """A store that answers the one about the login with neither True nor False is a mistake."""

    class Vague(MemoryStore):
        async def is_revoked(self, *, jti: str, **_: Any) -> Any:
            return False if jti else None

    engine = engine_with(clock, store=Vague())
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    with pytest.raises(TypeError, match="True or False"):
        await engine.decode(pair.access_token)


async def test_revoking_a_login_needs_a_store(clock):
    """As every other revocation does."""
    with pytest.raises(ConfigurationError, match="store"):
        await TokenEngine(KeyRing.generate(), clock=clock).revoke_provider_login(LOGIN)
