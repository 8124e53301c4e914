"""The authenticator turns a request into claims, without a framework."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support import NOW, engine_with, payload_of, signed
from tokenward import (
    BearerHeader,
    ConfigurationError,
    Issuers,
    PermissionDeniedError,
    TokenExpiredError,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import (
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
    InvalidRequestError,
    MalformedTokenError,
    MissingTokenError,
    WrongTokenTypeError,
)
from tokenward.http import Authenticator, RequestView, Requirement

MINUTES = timedelta(minutes=1)


def request_with(token=None, *, header=b"authorization") -> RequestView:
    """Return a request that carries a token."""
    headers = [] if token is None else [(header, b"Bearer " + token.encode())]
    return RequestView({"type": "http", "headers": headers})


@pytest.fixture
def ask(engine):
    """Return a function that authenticates one token against one requirement."""
    authenticator = Authenticator(engine)

    async def ask(token=None, **requirement):
        return await authenticator.authenticate(request_with(token), Requirement(**requirement))

    return ask


async def test_a_good_token_gives_its_claims(ask, engine):
    """A valid token returns the claims in the engine's model."""
    assert (await ask(await engine.issue("alice"))).sub == "alice"


async def test_no_token_is_refused_where_one_is_required(ask):
    """A request without a token is refused if one is required, and passes as None if it is optional."""
    with pytest.raises(MissingTokenError):
        await ask()
    assert await ask(optional=True) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
async def test_a_bad_token_is_refused_where_it_is_optional_too(ask, token):
    """An invalid token is refused even if the token is optional."""
    with pytest.raises(MalformedTokenError):
        await ask(token, optional=True)


async def test_a_refresh_token_is_asked_for_by_name(ask, engine):
    """A token is accepted only on routes for its type."""
    pair = await engine.issue_pair("alice")
    assert await ask(pair.refresh_token, type="refresh")
    with pytest.raises(WrongTokenTypeError):
        await ask(pair.refresh_token)
    with pytest.raises(WrongTokenTypeError):
        await ask(pair.access_token, type="refresh")


async def test_all_scopes_are_needed(ask, engine):
    """The token needs all scopes; the error names those that the route requires, not the token's."""
    token = await engine.issue("alice", scopes=["a", "b"])
    assert await ask(token, scopes=["b"])
    assert await ask(token, scopes=["a", "b"])
    with pytest.raises(InsufficientScopeError) as caught:
        await ask(token, scopes=["b", "c"])
    assert caught.value.required == ("b", "c")


async def test_further_scopes_are_asked_for_besides(engine):
    """Further scopes, for example from the framework, are required in addition."""
    authenticator = Authenticator(engine)
    request = request_with(await engine.issue("alice", scopes=["a"]))
    with pytest.raises(InsufficientScopeError) as caught:
        await authenticator.authenticate(
            request, Requirement(scopes=["a"]), further_scopes=["b", "a"]
        )
    assert caught.value.required == ("a", "b")


async def test_one_of_several_scopes_is_enough(ask, engine):
    """The token needs one of `any_scope`, and all of `scopes` as well."""
    token = await engine.issue("alice", scopes=["a", "b"])
    assert await ask(token, any_scope=["x", "b"])
    assert await ask(token, any_scope={"b"}, scopes=["a"])
    for wrong in ({"any_scope": ["x", "y"]}, {"any_scope": ["y"], "scopes": ["a", "x"]}):
        with pytest.raises(InsufficientScopeError) as caught:
            await ask(token, **wrong)
        assert set(caught.value.required) == {"x", "y"} | set(wrong.get("scopes", ()))
    with pytest.raises(InsufficientScopeError) as caught:
        await ask(token, any_scope=["a"], scopes=["x"])
    assert caught.value.required == ("x", "a")


def test_no_scope_at_all_is_refused_when_built():
    """An empty `any_scope`, for example from a setting, would either admit or refuse everybody."""
    with pytest.raises(ConfigurationError, match="any_scope must contain at least one scope"):
        Requirement(any_scope=())
    with pytest.raises(TypeError, match="any_scope must be a collection"):
        Requirement(any_scope="orders:read")


def test_a_requirement_can_be_changed():
    """`dataclasses.replace` keeps what it does not name, also what was not set."""
    changed = replace(Requirement(scopes=["orders:read"]), fresh=True)
    assert (changed.scopes, changed.any_scope, changed.fresh) == (("orders:read",), None, True)


async def test_fresh_asks_for_a_fresh_token(ask, engine, clock):
    """A token is fresh if its claim is True or a future time, as in flask-jwt-extended."""
    assert await ask(await engine.issue("alice", fresh=True), fresh=True)
    assert await ask(signed(payload_of(fresh=NOW + 1)), fresh=True)
    for token in (
        await engine.issue("alice"),
        signed(payload_of(fresh=NOW)),
        # Times in 1970, not the boolean values to which Python compares them equal.
        signed(payload_of(fresh=0)),
        signed(payload_of(fresh=1)),
        signed(payload_of(fresh=...)),
    ):
        with pytest.raises(FreshTokenRequiredError):
            await ask(token, fresh=True)


async def test_a_login_may_have_a_maximum_age(ask, engine, clock):
    """The age of a login counts from auth_time, also after a refresh; without it, from iat if fresh."""
    pair = await engine.issue_pair("alice", fresh=True)
    old = signed(payload_of(fresh=True))
    clock.advance(600)
    refreshed = (await engine.refresh(pair.refresh_token)).access_token
    for token in (pair.access_token, old, refreshed):
        assert await ask(token, max_age=10 * MINUTES)
    clock.advance(0.001)
    # Issued just now and marked as fresh, but its login is older.
    late = signed(payload_of(clock.now, fresh=True, auth_time=NOW))
    for token in (pair.access_token, old, refreshed, late, signed(payload_of())):
        with pytest.raises(InsufficientAuthenticationError) as caught:
            await ask(token, max_age=10 * MINUTES)
        assert caught.value.max_age_seconds == 600


async def test_leeway_holds_for_the_age_of_a_login_too(clock):
    """The leeway applies to the age of a login too, because clocks may differ."""
    engine = engine_with(clock, policy=TokenPolicy(leeway=timedelta(seconds=5)))
    token = await engine.issue("alice", fresh=True)
    authenticator = Authenticator(engine)
    clock.advance(65)
    assert await authenticator.authenticate(request_with(token), Requirement(max_age=MINUTES))
    clock.advance(0.001)
    with pytest.raises(InsufficientAuthenticationError):
        await authenticator.authenticate(request_with(token), Requirement(max_age=MINUTES))


async def plain_true(claims):
    """Return True, as an async check."""
    return True


@pytest.mark.parametrize("check", [lambda claims: claims.sub == "alice", plain_true])
async def test_a_check_lets_through_by_true(ask, engine, check):
    """A check accepts the claims by returning True, sync or async."""
    assert await ask(await engine.issue("alice"), check=check)


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
async def test_everything_but_true_is_a_no(ask, engine, answer):
    """Any result but True refuses the request, for example a forgotten return."""
    with pytest.raises(PermissionDeniedError):
        await ask(await engine.issue("alice"), check=lambda claims: answer)


async def test_a_check_may_refuse_in_its_own_words(ask, engine):
    """A TokenError of a check passes unchanged."""

    def refuse(claims):
        raise TokenRejectedError

    with pytest.raises(TokenRejectedError):
        await ask(await engine.issue("alice"), check=refuse)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "id"},
        {"fresh": 600},
        {"fresh": None},
        {"fresh": timedelta(0)},
        {"fresh": -MINUTES},
        {"scopes": "orders:read"},
        {"scopes": ["a b"]},
        {"any_scope": "orders:read"},
        {"any_scope": ["a b"]},
        {"any_scope": [1]},
        {"any_scope": []},
        {"carriers": []},
    ],
    ids=repr,
)
def test_a_requirement_that_cannot_be_meant_is_refused_when_built(wrong):
    """An invalid requirement is refused when it is created, not at the first request."""
    with pytest.raises((ConfigurationError, TypeError)):
        Requirement(**wrong)


def test_a_requirement_keeps_copies_of_what_it_was_given():
    """Scopes and carriers that the caller removes later are still required."""
    scopes, carriers = ["admin"], [BearerHeader()]
    requirement = Requirement(scopes=scopes, carriers=carriers)
    scopes.clear()
    carriers.clear()

    assert requirement.scopes == ("admin",)
    assert len(requirement.carriers) == 1


def test_an_authenticator_needs_a_carrier(engine):
    """An authenticator without carriers is refused, because it would refuse every request."""
    with pytest.raises(ConfigurationError, match="carrier"):
        Authenticator(engine, carriers=[])


async def test_several_carriers_are_looked_at_in_order(engine):
    """The token is found in any carrier, and the challenge names the scheme of the first."""
    authenticator = Authenticator(
        engine, carriers=[BearerHeader(scheme="JWT"), BearerHeader(name="X-Token")], realm="shop"
    )
    token = await engine.issue("alice")
    request = request_with(token, header=b"x-token")
    assert await authenticator.authenticate(request, Requirement())
    challenge = authenticator.refusal(MissingTokenError()).headers["WWW-Authenticate"]
    assert challenge == 'JWT realm="shop"'


async def test_two_credentials_that_disagree_are_refused(engine):
    """Two different tokens are refused, and two equal tokens count as one."""
    authenticator = Authenticator(engine, carriers=[BearerHeader(), BearerHeader(name="X-Token")])
    first, second = await engine.issue("alice"), await engine.issue("bob")

    async def ask(*tokens):
        names = (b"authorization", b"x-token")
        headers = [(n, b"Bearer " + t.encode()) for n, t in zip(names, tokens, strict=True)]
        request = RequestView({"type": "http", "headers": headers})
        return await authenticator.authenticate(request, Requirement())

    assert (await ask(first, first)).sub == "alice"
    with pytest.raises(InvalidRequestError):
        await ask(first, second)


async def test_a_route_may_have_carriers_of_its_own(engine):
    """The carriers of a route replace those of the authenticator."""
    authenticator = Authenticator(engine)
    token = await engine.issue("alice")
    own = Requirement(carriers=[BearerHeader(name="X-Token")])
    assert await authenticator.authenticate(request_with(token, header=b"x-token"), own)
    with pytest.raises(MissingTokenError):
        await authenticator.authenticate(request_with(token), own)


async def test_the_engine_is_asked_once_a_request(engine):
    """The engine decodes a token once per request, whatever the number of requirements."""
    authenticator, judged = Authenticator(engine), []
    engine.after_decode(judged.append)
    token = await engine.issue("alice", scopes=["a"])
    request = request_with(token)
    first = await authenticator.authenticate(request, Requirement())
    assert await authenticator.authenticate(request, Requirement(scopes=["a"])) is first
    with pytest.raises(InsufficientScopeError):
        await authenticator.authenticate(request, Requirement(scopes=["b"]))
    assert len(judged) == 1
    await authenticator.authenticate(request_with(token), Requirement())
    assert len(judged) == 2


@pytest.mark.parametrize("end", ["expired", "revoked"])
async def test_a_connection_does_not_outlive_its_token(engine, clock, end):
    """A later check on an open WebSocket refuses a token that has expired or been revoked since."""
    authenticator = Authenticator(engine)
    token = await engine.issue("alice")
    scope = {"type": "websocket", "headers": [(b"authorization", b"Bearer " + token.encode())]}
    first = await authenticator.authenticate(RequestView(scope), Requirement())
    clock.advance(899)
    assert await authenticator.authenticate(RequestView(scope), Requirement()) is first
    if end == "expired":
        clock.advance(1)
    else:
        await engine.revoke(token)
    with pytest.raises(TokenExpiredError if end == "expired" else TokenRevokedError):
        await authenticator.authenticate(RequestView(scope), Requirement())


@pytest.mark.parametrize("several", [False, True])
async def test_a_long_request_does_not_outlive_its_token(engine, clock, several):
    """A request that lasts longer than a second is checked again at its next requirement."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    authenticator = Authenticator(Issuers(engine) if several else engine)
    token = await engine.issue("alice")
    request = request_with(token)
    first = await authenticator.authenticate(request, Requirement())
    await engine.revoke(token)
    for seconds in (0, 0.5, 0.5):
        clock.advance(seconds)
        assert await authenticator.authenticate(request, Requirement()) is first
    clock.advance(0.001)
    with pytest.raises(TokenRevokedError):
        await authenticator.authenticate(request, Requirement())


async def test_a_refusal_is_not_stored(engine, clock):
    """Only accepted tokens are stored for the request, never refusals."""
    authenticator = Authenticator(engine)
    request = request_with(signed(payload_of(exp=NOW)))
    for _ in range(2):
        with pytest.raises(TokenExpiredError):
            await authenticator.authenticate(request, Requirement())


class _Unhashable:
    """A check without a hash."""

    __hash__ = None

    def __call__(self, claims):
        return True


def test_every_requirement_has_a_hash():
    """Equal requirements have the same hash, also with a check that has none."""
    check = _Unhashable()
    one, two = (Requirement(scopes=["a"], any_scope={"b"}, check=check) for _ in range(2))
    assert len({one, two}) == 1
    assert len({one, two, Requirement(scopes=["a"]), Requirement()}) == 3
