"""An engine that remembers and one that does not, of the same keys, store and clock, answer alike.

Hypothesis plays whatever may happen to both of them, and asks both the same.
"""

import asyncio
import contextlib
import json
import math
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support import OTHER_SECRET, payload_of, signed
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenError, TokenPolicy
from tokenward.jose.codec import b64url_decode
from tokenward.testing import FrozenClock

PICK = st.integers(min_value=0, max_value=1_000)
# Usually the last token, so that there is something to remember.
TOKEN = st.just(-1) | PICK
TYPE = st.sampled_from(["access", "access", "access", "access", "refresh", None])
ENDS = st.sampled_from([0, 1, 30, 30.5, 60, 3_000, 3_000, None])
WAITS = st.sampled_from([0, 0, 0, 5])
SIZES = st.sampled_from([0, 0, 0, 300, 3_000])
SECONDS = st.sampled_from([-60, -1, 0.25, 1, 29, 30, 60, 900, 901])
VERIFY_FOR = st.sampled_from([0, 30, 3_600, None])
MAX_ENTRIES, MAX_BYTES = 4, 4_500
RULES = {"required_claims": {"iat", "sub", "jti", "type"}, "access_lifetime": timedelta(hours=1)}
KEYS = [Key.from_secret(f"{OTHER_SECRET}{at}", kid=f"{at}") for at in range(4)]
STRANGERS = [Key.from_secret(f"{at}{OTHER_SECRET}", kid=f"{at}") for at in range(4)]


class Twins(RuleBasedStateMachine):
    """Both engines, and the tokens that there are."""

    loop: asyncio.AbstractEventLoop
    seen: Counter[str]

    def __init__(self):
        super().__init__()
        self.clock, self.store, self.ring = FrozenClock(), MemoryStore(), KeyRing(KEYS[0])
        self.tokens: list[str] = []
        self.denied: set[str] = set()

    @initialize(leeway=st.sampled_from([0, 2]))
    def build(self, leeway):
        """Build the twins."""
        rules = {**RULES, "leeway": timedelta(seconds=leeway)}
        self.remembering = self.engine_of(
            **rules, signature_cache_entries=MAX_ENTRIES, signature_cache_bytes=MAX_BYTES
        )
        self.forgetful = self.engine_of(**rules, signature_cache_entries=0)

    def engine_of(self, **rules):
        """Build one of them, with a hook that denies what was denied."""
        engine = TokenEngine(
            self.ring, policy=TokenPolicy(**rules), store=self.store, clock=self.clock
        )
        engine.is_revoked(lambda claims: claims.jti in self.denied)
        return engine

    def answer_of(self, engine, token, kind="access"):
        """Give the claims that an engine gives, or the name of its error."""
        try:
            claims = self.loop.run_until_complete(engine.decode(token, type=kind))
        except TokenError as error:
            return type(error).__name__
        return claims.model_dump()

    def ask(self, token, kind="access"):
        """Ask both the same."""
        hits = self.remembering.signature_cache.hits
        answer = self.answer_of(self.remembering, token, kind)
        assert answer == self.answer_of(self.forgetful, token, kind)
        outcome = answer if isinstance(answer, str) else "good"
        self.seen[outcome] += 1
        if self.remembering.signature_cache.hits > hits:
            self.seen["remembered, good" if outcome == "good" else "remembered, refused"] += 1

    @rule(end=ENDS, wait=WAITS, size=SIZES, is_refresh=st.booleans())
    def issue(self, end, wait, size, is_refresh):
        """A token of the active key."""
        now, number = self.clock.now, len(self.tokens)
        payload = payload_of(
            now,
            sub=f"user {number % 2}",
            jti=f"{number}",
            sid=f"{number % 3}",
            exp=... if end is None else now + end,
            nbf=now + wait,
            type="refresh" if is_refresh and number % 3 == 2 else "access",
            note="x" * size,
        )
        self.tokens.append(signed(payload, key=self.ring.active))

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN, kind=TYPE, times=st.sampled_from([1, 2]), as_bytes=st.booleans())
    def decode(self, number, kind, times, as_bytes):
        """A token that may have come before, asked for as any type."""
        token = self.pick(number)
        for _ in range(times):
            self.ask(token.encode() if as_bytes else token, kind)

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN, at=PICK)
    def change_a_letter(self, number, at):
        """A token that differs from one of these in one letter."""
        token = self.pick(number)
        at %= len(token)
        self.ask(f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}")

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN)
    def forge(self, number):
        """The header and the payload of one of these, signed by somebody else."""
        message = self.pick(number).rpartition(".")[0]
        header, payload = (json.loads(b64url_decode(part)) for part in message.split("."))
        self.ask(signed(payload, header=header, key=STRANGERS[int(header["kid"])]))

    @rule(seconds=SECONDS)
    def move_the_clock(self, seconds):
        """On, or back."""
        self.clock.advance(seconds)

    @rule(which=PICK, verify_for=VERIFY_FOR, is_dated=st.booleans())
    def rotate(self, which, verify_for, is_dated):
        """Another key signs; that before verifies for a while, or for ever, or is gone."""
        others = [each for each in KEYS if each is not self.ring.active]
        self.ring.rotate(
            others[which % len(others)],
            verify_for=None if verify_for is None else timedelta(seconds=verify_for),
            now=self.clock.now if is_dated else None,
        )

    @precondition(lambda self: self.tokens)
    @rule(which=PICK, seconds=st.sampled_from([29, 30]))
    def let_a_key_end(self, which, seconds):
        """Its tokens come until then."""
        self.rotate(which, 30, is_dated=True)
        self.ask(self.tokens[-1])
        self.clock.advance(seconds)
        self.ask(self.tokens[-1])

    @precondition(lambda self: len(self.ring) > 1)
    @rule(which=PICK)
    def retire(self, which):
        """A key that only verifies is gone."""
        _, *others = self.ring
        self.ring.retire(others[which % len(others)].kid)

    @rule(which=PICK)
    def replace(self, which):
        """One key in the place of all."""
        self.ring.replace(KeyRing(KEYS[which % len(KEYS)]))

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN)
    def revoke(self, number):
        """One token, through one of the two."""
        with contextlib.suppress(TokenError):
            self.loop.run_until_complete(self.remembering.revoke(self.pick(number)))
        self.ask(self.pick(number))

    @rule(which=st.sampled_from(["0", "1", "2"]))
    def revoke_session(self, which):
        """The tokens of one session, through one of the two."""
        self.loop.run_until_complete(self.forgetful.revoke_session(which))

    @rule(which=st.sampled_from(["user 0", "user 1"]))
    def revoke_subject(self, which):
        """The tokens of one subject; through both, because it moves an engine's time on."""
        for engine in (self.remembering, self.forgetful):
            self.loop.run_until_complete(engine.revoke_subject(which))

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN, is_denied=st.booleans())
    def deny(self, number, is_denied):
        """One token, by the hook, or no longer."""
        jti = f"{number % len(self.tokens)}"
        (self.denied.add if is_denied else self.denied.discard)(jti)
        self.ask(self.pick(number))

    @invariant()
    def the_last_tokens_get_the_same_answer(self):
        """After whatever has happened, and once more."""
        for token in [*self.tokens[-2:], *self.tokens[-1:]]:
            self.ask(token)

    @invariant()
    def the_memory_keeps_its_bounds(self):
        """Of entries and of bytes; and after any token has come, nothing that is over is in it."""
        use = self.remembering.signature_cache
        assert use.entries <= MAX_ENTRIES
        assert use.bytes <= MAX_BYTES
        assert self.answer_of(self.remembering, "no.to.ken") == "MalformedTokenError"
        kept = self.remembering._cache._verified
        assert all(end_of(token) > self.clock.now for token in kept)
        use = self.remembering.signature_cache
        assert use.entries == len(kept)
        assert (use.bytes > sum(map(len, kept))) if kept else (use.bytes == 0)
        assert self.forgetful.signature_cache[0::2] == (0, 0)

    def pick(self, number):
        """Choose a token."""
        return self.tokens[number % len(self.tokens)]


def end_of(token):
    """Read the exp of a token."""
    return json.loads(b64url_decode(token.split(".")[1])).get("exp", math.inf)


@pytest.fixture
def loop():
    """Give a loop that lives as long as the test."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def test_twins(loop):
    """Whatever happens, they give the same claims, or refuse for the same reason."""
    seen: Counter[str] = Counter()
    machine = type("Machine", (Twins,), {"loop": loop, "seen": seen})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(100, settings().max_examples // 2), stateful_step_count=30
        ),
    )
    # The memory served, and there was every reason to refuse what it remembers.
    assert min(seen["remembered, good"], seen["remembered, refused"]) > 20, seen
    assert seen.keys() >= {
        "InvalidSignatureError",
        "TokenExpiredError",
        "TokenNotYetValidError",
        "TokenRevokedError",
        "UnknownKeyError",
        "WrongTokenTypeError",
    }, seen
