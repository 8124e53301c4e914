"""Each hook: when it is called, what it may do, and what its errors mean."""

import functools

import jwt
import pytest

from tests.support import NOW, OTHER_SECRET, SECRET, engine_with, payload_of, signed
from tokenward import (
    ConfigurationError,
    Key,
    KeyRing,
    RefreshTokenReusedError,
    StoreUnavailableError,
    TokenEngine,
    TokenExpiredError,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import InvalidSignatureError

HOOKS = ["before_issue", "after_decode", "is_revoked", "on_revoke", "on_reuse"]


class Recorder:
    """A callable object with an async __call__."""

    def __init__(self, calls, answer=None):
        self.calls, self.answer = calls, answer

    async def __call__(self, argument):
        self.calls.append(argument)
        return self.answer


def shapes(calls, answer):
    """Return every kind of callable that a user may register."""

    def plain(argument):
        calls.append(argument)
        return answer

    async def coroutine(argument):
        calls.append(argument)
        return answer

    return [plain, coroutine, Recorder(calls, answer), functools.partial(coroutine)]


@pytest.mark.parametrize("name", HOOKS)
async def test_a_hook_may_be_plain_async_an_object_or_partial(engine, clock, name):
    """Every kind is called, in the order of registration, and awaited if it is awaitable."""
    calls = []
    for shape in shapes(calls, False if name == "is_revoked" else None):
        assert getattr(engine, name)(shape) is shape
    pair = await engine.issue_pair("alice")
    if name == "before_issue":
        assert len(calls) == 2 * 4
        return
    await engine.decode(pair.access_token)
    await engine.refresh(pair.refresh_token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)
    assert len(calls) >= 4
    assert len(calls) % 4 == 0


async def test_hooks_run_in_the_order_in_which_they_were_registered(engine):
    """The second hook sees the changes of the first."""

    @engine.before_issue
    def first(draft):
        draft.claims["seen"] = ["first"]

    @engine.before_issue
    async def second(draft):
        draft.claims["seen"].append("second")

    assert (await engine.decode(await engine.issue("alice"))).extra["seen"] == ["first", "second"]


async def test_before_issue_sees_the_draft(engine):
    """The draft has type, subject, session, scope, freshness and the caller's claims."""
    drafts = []
    engine.before_issue(drafts.append)
    await engine.issue_pair("alice", claims={"foo": 1}, scopes=["a", "b"], fresh=True)
    access, refresh = drafts
    assert (access.type, refresh.type) == ("access", "refresh")
    assert (access.subject, access.scope, access.fresh) == ("alice", "a b", True)
    assert access.session == refresh.session
    assert access.claims == {"foo": 1}


async def test_before_issue_runs_again_at_a_refresh(engine):
    """It sees the lasting claims, and what it sets is in both new tokens; if it refuses, none is issued."""
    roles = ["editor"]

    @engine.before_issue
    async def renew_roles(draft):
        if not roles:
            raise TokenRejectedError
        draft.claims["roles"] = [*roles, *draft.claims["teams"]]

    pair = await engine.issue_pair("alice", claims={"teams": ["sales"]})
    roles.clear()
    with pytest.raises(TokenRejectedError):
        await engine.refresh(pair.refresh_token)
    roles.append("reader")
    renewed = await engine.refresh(pair.refresh_token)
    for token in (renewed.access_token, renewed.refresh_token):
        claims = await engine.decode(token, type=None)
        assert claims.extra == {"teams": ["sales"], "roles": ["reader", "sales"]}


@pytest.mark.parametrize("name", ["sub", "exp", "type", "sid"])
async def test_before_issue_cannot_set_registered_claims(engine, name):
    """A registered claim is refused by name, as in the caller's claims."""

    @engine.before_issue
    def meddle(draft):
        draft.claims[name] = "mallory"

    with pytest.raises(ConfigurationError, match=name):
        await engine.issue("alice")


async def test_before_issue_can_change_only_the_claims(engine):
    """The draft is frozen, except for its claims."""

    @engine.before_issue
    def meddle(draft):
        draft.subject = "mallory"

    with pytest.raises(AttributeError):
        await engine.issue("alice")


async def test_an_error_of_before_issue_reaches_the_caller(engine):
    """No token is issued."""

    @engine.before_issue
    def stop(draft):
        raise LookupError

    with pytest.raises(LookupError):
        await engine.issue("alice")


async def test_before_issue_may_add_claims_that_the_model_requires(engine):
    """Claims are checked after the hooks have run."""
    engine.before_issue(lambda draft: draft.claims.update(foo="bar"))
    assert jwt.decode(await engine.issue("a"), options={"verify_signature": False})["foo"] == "bar"


async def test_after_decode_may_refuse(engine):
    """A TokenRejectedError of an `after_decode` hook reaches the caller."""

    @engine.after_decode
    def refuse(claims):
        raise TokenRejectedError

    with pytest.raises(TokenRejectedError):
        await engine.decode(await engine.issue("alice"))


@pytest.mark.parametrize("answer", [False, True, 0, "no"])
async def test_a_result_of_after_decode_is_a_mistake(engine, answer):
    """`return False` would not refuse the token, so it is an error."""
    engine.after_decode(lambda claims: answer)
    with pytest.raises(TypeError, match="TokenRejectedError"):
        await engine.decode(await engine.issue("alice"))


async def test_after_decode_sees_valid_tokens_only(engine, clock):
    """Forged, expired and revoked tokens do not reach it."""
    seen = []
    engine.after_decode(seen.append)
    forged = signed(payload_of(), key=Key.from_secret(OTHER_SECRET))
    expired = signed(payload_of(exp=NOW - 1))
    revoked = await engine.issue("alice")
    await engine.revoke(revoked)
    for token, error in (
        (forged, InvalidSignatureError),
        (expired, TokenExpiredError),
        (revoked, TokenRevokedError),
    ):
        with pytest.raises(error):
            await engine.decode(token)
    assert seen == []


async def test_is_revoked_is_asked_after_verification_and_by_claims(engine):
    """A forged token does not reach the user's deny list; a valid one does, as claims."""
    asked = []

    @engine.is_revoked
    async def deny(claims):
        asked.append(claims.jti)
        return claims.sub == "mallory"

    with pytest.raises(InvalidSignatureError):
        await engine.decode(signed(payload_of(), key=Key.from_secret(OTHER_SECRET)))
    assert asked == []
    assert (await engine.decode(signed(payload_of()))).jti == asked[0]
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of(sub="mallory")))


async def test_is_revoked_works_without_a_store(clock):
    """A deny list of the user is enough: what it does not deny is accepted."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), clock=clock)
    engine.is_revoked(lambda claims: claims.sub == "mallory")
    assert (await engine.decode(signed(payload_of()))).sub == "alice"
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of(sub="mallory")))


async def test_the_first_hook_that_denies_is_the_last_that_is_asked(engine):
    """Hooks after the first True are not called."""
    engine.is_revoked(lambda claims: True)
    later = []
    engine.is_revoked(lambda claims: later.append(claims) or False)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of()))
    assert later == []


@pytest.mark.parametrize("answer", [None, 0, 1, "no"])
async def test_is_revoked_must_return_true_or_false(engine, answer):
    """None, as of a forgotten return, and truthy values are errors."""
    engine.is_revoked(lambda claims: answer)
    with pytest.raises(TypeError, match="True or False"):
        await engine.decode(signed(payload_of()))


async def test_a_failing_is_revoked_is_an_outage(engine):
    """A deny list that fails refuses the token, as a failing store does."""

    @engine.is_revoked
    async def fail(claims):
        raise OSError

    with pytest.raises(StoreUnavailableError) as caught:
        await engine.decode(signed(payload_of()))
    assert isinstance(caught.value.__cause__, OSError)


async def test_is_revoked_may_raise_its_own_token_error(engine):
    """A TokenError reaches the caller unchanged."""

    @engine.is_revoked
    def refuse(claims):
        raise TokenRejectedError

    with pytest.raises(TokenRejectedError):
        await engine.decode(signed(payload_of()))


async def test_on_revoke_is_called_after_the_revocation_was_stored(engine):
    """Token, session and subject alike; when it runs, the token is already refused."""
    told = []
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)

    @engine.on_revoke
    async def tell(revocation):
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)
        told.append((revocation.kind, revocation.identity))

    await engine.revoke(pair.access_token)
    await engine.revoke_session(claims.sid)
    await engine.revoke_subject("alice")
    assert told == [("token", claims.jti), ("session", claims.sid), ("subject", "alice")]


async def test_a_revocation_stays_stored_if_on_revoke_raises(engine):
    """The caller gets the error, and the token is refused."""

    @engine.on_revoke
    def fail(revocation):
        raise LookupError

    token = await engine.issue("alice")
    with pytest.raises(LookupError):
        await engine.revoke(token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)


async def test_on_reuse_is_called_after_the_session_has_ended(engine, clock):
    """An `on_reuse` hook gets the claims of the reused token."""
    told = []
    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token)
    clock.advance(10)

    @engine.on_reuse
    async def tell(claims):
        with pytest.raises(TokenRevokedError):
            await engine.decode(successor.access_token)
        told.append(claims.sub)

    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)
    assert told == ["alice"]


async def test_the_session_stays_ended_if_on_reuse_raises(engine, clock):
    """The hook's error replaces the usual one, and no token is valid again."""

    @engine.on_reuse
    def fail(claims):
        raise LookupError

    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token)
    clock.advance(10)
    with pytest.raises(LookupError):
        await engine.refresh(pair.refresh_token)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(successor.refresh_token)


async def test_hooks_belong_to_one_engine(clock, engine):
    """Another engine in the same process does not call them."""
    engine.is_revoked(lambda claims: True)
    assert (await engine_with(clock).decode(signed(payload_of()))).sub == "alice"


async def test_changes_of_before_issue_reach_no_other_token(engine):
    """Nested claims are copied for each token, so neither the caller's claims nor other tokens change."""
    defaults = {"roles": ["reader"], "limits": {"daily": [10]}}

    @engine.before_issue
    def promote(draft):
        if draft.subject == "admin" and draft.type == "access":
            draft.claims["roles"].append("admin")
            draft.claims["limits"]["daily"][0] = 10_000

    pair = await engine.issue_pair("admin", claims=defaults)
    refresh = await engine.decode(pair.refresh_token, type="refresh")
    other = await engine.decode(await engine.issue("alice", claims=defaults))
    first = await engine.decode(pair.access_token)
    assert first.extra == {"roles": ["reader", "admin"], "limits": {"daily": [10_000]}}
    assert refresh.extra == other.extra == defaults
    assert defaults == {"roles": ["reader"], "limits": {"daily": [10]}}


async def test_with_hooks_a_claim_that_cannot_be_copied_is_refused(engine):
    """The error names the fix."""
    engine.before_issue(lambda draft: None)
    with pytest.raises(ConfigurationError, match="plain JSON values"):
        await engine.issue("alice", claims={"numbers": (number for number in (1, 2))})
