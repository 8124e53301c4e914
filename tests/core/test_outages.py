"""Failing sources of revocations: the others still deny, refreshes are refused, causes are logged."""

import asyncio
import logging

import pytest

from tests.support import NOW, engine_with, payload_of, signed
from tokenward import (
    ConfigurationError,
    MemoryStore,
    StoreUnavailableError,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import KeysUnavailableError
from tokenward.sessions.outages import OutageLog


class Down(MemoryStore):
    """A store whose reads fail and whose writes work."""

    def __init__(self, error=ConnectionError):
        super().__init__()
        self.error = error

    async def is_revoked(self, **_):
        raise self.error


async def fails(claims):
    """Fail as a deny list that cannot be reached."""
    raise ConnectionError


@pytest.mark.parametrize("outage", ["refuse", "accept"])
@pytest.mark.parametrize("failing", ["store", "first hook", "second hook", "plain hook"])
async def test_a_source_that_fails_hides_no_denial_of_another(clock, outage, failing):
    """Every source is asked, and one denial is enough."""
    policy = TokenPolicy(store_outage=outage)
    store = Down() if failing == "store" else MemoryStore()
    engine = engine_with(clock, store=store, policy=policy)
    denies = [lambda claims: True]

    def plain(claims):
        raise OSError

    hooks = {
        "store": denies,
        "first hook": [fails, *denies],
        "second hook": [*denies, fails],
        "plain hook": [plain, *denies],
    }
    for hook in hooks[failing]:
        engine.is_revoked(hook)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of()))


async def test_a_hook_with_a_wrong_result_hides_no_denial(engine):
    """The mistake is reported if no other source denies the token."""
    engine.is_revoked(lambda claims: 7)
    with pytest.raises(TypeError, match="True or False"):
        await engine.decode(signed(payload_of()))
    engine.is_revoked(lambda claims: True)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of()))


async def test_a_mistake_is_reported_even_if_another_source_fails(clock):
    """It is not treated as an outage, which the policy might accept."""
    engine = engine_with(clock, store=Down(), policy=TokenPolicy(store_outage="accept"))
    engine.is_revoked(lambda claims: 7)
    with pytest.raises(TypeError, match="True or False"):
        await engine.decode(signed(payload_of()))


async def test_a_store_of_another_process_or_loop_says_so(clock):
    """A ConfigurationError is neither refused nor accepted as an outage."""

    class Elsewhere(Down):
        async def raise_retention(self, seconds):
            raise self.error

    for outage in ("refuse", "accept"):
        store = Elsewhere(ConfigurationError("This store was used before a fork."))
        engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage=outage))
        for call in (engine.decode(signed(payload_of())), engine.issue("alice")):
            with pytest.raises(ConfigurationError, match="before a fork"):
                await call


class ConsumeFails(MemoryStore):
    """A store that fails when a refresh token is consumed, at once or when it is awaited."""

    def __init__(self, error, *, at_once, timeout_seconds):
        super().__init__()
        self.error, self.at_once, self.timeout_seconds = error, at_once, timeout_seconds

    def consume(self, consumption, *, now):
        if self.at_once:
            raise self.error
        return self.fail()

    async def fail(self):
        raise self.error


@pytest.mark.parametrize("timeout_seconds", [None, 5.0])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("outage", ["refuse", "accept"])
async def test_a_store_that_cannot_consume_is_an_outage(clock, timeout_seconds, at_once, outage):
    """No pair is returned, whatever the policy says; a ConfigurationError stays what it is."""
    for error, expected in (
        (ConnectionError(), StoreUnavailableError),
        (ConfigurationError("before a fork"), ConfigurationError),
    ):
        store = ConsumeFails(error, at_once=at_once, timeout_seconds=timeout_seconds)
        engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage=outage))
        pair = await engine.issue_pair("alice")
        with pytest.raises(expected) as caught:
            await engine.refresh(pair.refresh_token)
        assert error in (caught.value, caught.value.__cause__)


async def test_a_store_that_does_not_answer_whether_a_token_is_consumed_is_an_outage(clock):
    """The timeout of the store applies to the consumption too."""

    class Hanging(MemoryStore):
        timeout_seconds = 0.02

        async def consume(self, consumption, *, now):
            await asyncio.Event().wait()

    engine = engine_with(clock, store=Hanging())
    pair = await engine.issue_pair("alice")
    with pytest.raises(StoreUnavailableError) as caught:
        await asyncio.wait_for(engine.refresh(pair.refresh_token), timeout=60)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_store_that_cannot_revoke_after_a_fork_says_so(clock):
    """A ConfigurationError of a write is not an outage."""

    class Forked(MemoryStore):
        async def revoke(self, revocation, *, now):
            msg = "before a fork"
            raise ConfigurationError(msg)

    engine = engine_with(clock, store=Forked())
    with pytest.raises(ConfigurationError, match="before a fork"):
        await engine.revoke(signed(payload_of()))


@pytest.mark.parametrize("error", [StoreUnavailableError, KeysUnavailableError])
async def test_an_outage_that_a_hook_reports_is_an_outage(clock, error):
    """It hides no denial, and the policy decides about it."""

    def ask_another_engine(claims):
        raise error

    engine = engine_with(clock, policy=TokenPolicy(store_outage="accept"))
    engine.is_revoked(ask_another_engine)
    assert await engine.decode(signed(payload_of()))
    engine.is_revoked(lambda claims: True)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of()))


async def test_a_refusal_of_a_hook_counts_even_if_the_store_fails(clock):
    """A TokenError is a denial."""
    engine = engine_with(clock, store=Down(), policy=TokenPolicy(store_outage="accept"))

    @engine.is_revoked
    def refuse(claims):
        raise TokenRejectedError

    with pytest.raises(TokenRejectedError):
        await engine.decode(signed(payload_of()))


@pytest.mark.parametrize("source", ["store", "hook"])
async def test_a_refresh_is_refused_if_revocation_cannot_be_checked(clock, source):
    """A refresh is refused if only reads fail, and if a route of the user issues the token itself."""
    policy = TokenPolicy(store_outage="accept")
    engine = engine_with(clock, store=Down() if source == "store" else None, policy=policy)
    issuer = engine_with(clock)
    pair = await issuer.issue_pair("alice")
    claims = await issuer.decode(pair.refresh_token, type="refresh")
    if source == "hook":
        engine.is_revoked(fails)
    for refused in (
        engine.refresh(pair.refresh_token),
        engine.decode(pair.refresh_token, type="refresh"),
        engine.decode(pair.refresh_token, type=None),
        engine.revalidate(claims),
    ):
        with pytest.raises(StoreUnavailableError):
            await refused
    assert await engine.decode(pair.access_token)


async def test_the_cause_of_an_outage_is_logged_once_a_minute(clock, caplog):
    """One line for each cause, by the engine's clock, for reads and writes."""

    class Broken(Down):
        async def revoke(self, *_, **__):
            raise self.error

        async def raise_retention(self, *_):
            raise self.error

    store = Broken()
    engine = engine_with(clock, store=store)
    token = signed(payload_of())

    async def lines(call=engine.decode):
        caplog.clear()
        with caplog.at_level(logging.ERROR, "tokenward"):
            for _ in range(3):
                with pytest.raises(StoreUnavailableError):
                    await call(token)
        return [each.getMessage() for each in caplog.records]

    (line,) = await lines()
    assert "(ConnectionError)" in line
    assert await lines() == []
    assert await lines(engine.revoke) == []
    clock.advance(1)
    assert await lines(lambda _: engine.issue("alice")) == []
    store.error = TimeoutError
    assert len(await lines(engine.revoke)) == 1
    clock.advance(59.9)
    assert await lines() == []
    clock.advance(0.1)
    assert len(await lines()) == 1
    clock.advance(-1)
    assert len(await lines(engine.revoke)) == 1


async def test_a_token_that_cannot_be_consumed_is_logged_once_a_minute(clock, caplog):
    """With the class of the error."""
    store = ConsumeFails(ConnectionError(), at_once=True, timeout_seconds=None)
    engine = engine_with(clock, store=store)
    pair = await engine.issue_pair("alice")
    for seconds, logged in ((0, 1), (59, 1), (1, 2)):
        clock.advance(seconds)
        with pytest.raises(StoreUnavailableError):
            await engine.refresh(pair.refresh_token)
        assert caplog.text.count("(ConnectionError)") == logged


async def test_the_log_names_the_classes_of_all_causes_and_no_message(clock, caplog):
    """The driver's class says more than the wrapping error; messages may contain secrets."""

    class Wrapping(MemoryStore):
        async def is_revoked(self, *, jti, **_):
            secret = f"redis://:password@host {jti}"
            try:
                try:
                    raise ConnectionRefusedError(secret)
                except OSError:
                    raise asyncio.InvalidStateError(secret)  # noqa: B904 - implicit on purpose
            except asyncio.InvalidStateError as exc:
                raise LookupError(secret) from exc

    engine = engine_with(clock, store=Wrapping())
    with caplog.at_level(logging.ERROR, "tokenward"), pytest.raises(StoreUnavailableError):
        await engine.decode(signed(payload_of()))
    (record,) = caplog.records
    causes = "LookupError", "asyncio.exceptions.InvalidStateError", "ConnectionRefusedError"
    assert f"({', caused by '.join(causes)})" in record.getMessage()
    assert "password" not in caplog.text
    assert record.exc_info is None


async def test_a_timeout_is_logged(clock, caplog):
    """A store that hangs is distinguished from one that refuses the connection."""

    class Hanging(MemoryStore):
        timeout_seconds = 0.01

        async def is_revoked(self, **_):
            await asyncio.get_running_loop().create_future()

    engine = engine_with(clock, store=Hanging())
    with caplog.at_level(logging.ERROR, "tokenward"), pytest.raises(StoreUnavailableError):
        await engine.decode(signed(payload_of()))
    assert "(TimeoutError, caused by asyncio.exceptions.CancelledError)" in caplog.text


def test_the_log_remembers_a_bounded_number_of_causes(caplog):
    """It also follows a limited chain of causes, without suppressed contexts."""
    log, sizes = OutageLog(), []
    with caplog.at_level(logging.ERROR, "tokenward"):
        for number in range(200):
            log.tell(type(f"Error{number}", (Exception,), {})(), NOW)
            sizes.append(len(log._told_at))
    assert len(caplog.records) == 200
    assert max(sizes) == 64
    caplog.clear()
    error = circle = ValueError()
    for _ in range(30):
        error, earlier = KeyError(), error
        error.__cause__ = earlier
    circle.__cause__ = error
    hidden = TypeError()
    hidden.__context__, hidden.__suppress_context__ = OSError(), True
    with caplog.at_level(logging.ERROR, "tokenward"):
        log.tell(error, NOW)
        log.tell(hidden, NOW)
    assert caplog.records[0].getMessage().count("KeyError") == 8
    assert "(TypeError)" in caplog.records[1].getMessage()
