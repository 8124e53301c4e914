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

pytestmark = pytest.mark.no_cover

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
    """An engine with a cache, one without, and the issued tokens."""

    loop: asyncio.AbstractEventLoop
    seen: Counter[str]

    def __init__(self):
        super().__init__()
        self.clock, self.store, self.ring = FrozenClock(), MemoryStore(), KeyRing(KEYS[0])
        self.tokens: list[str] = []
        self.denied: set[str] = set()

    @initialize(leeway=st.sampled_from([0, 2]))
    def build(self, leeway):
        """Build both engines."""
        rules = {**RULES, "leeway": timedelta(seconds=leeway)}
        self.caching = self.engine_of(
            **rules, signature_cache_entries=MAX_ENTRIES, signature_cache_bytes=MAX_BYTES
        )
        self.plain = self.engine_of(**rules, signature_cache_entries=0)

    def engine_of(self, **rules):
        """Return an engine with a hook that refuses the denied tokens."""
        engine = TokenEngine(
            self.ring, policy=TokenPolicy(**rules), store=self.store, clock=self.clock
        )
        engine.is_revoked(lambda claims: claims.jti in self.denied)
        return engine

    def answer_of(self, engine, token, kind="access"):
        """Return the claims that an engine decodes, or the name of its error."""
        try:
            claims = self.loop.run_until_complete(engine.decode(token, type=kind))
        except TokenError as error:
            return type(error).__name__
        return claims.model_dump()

    def ask(self, token, kind="access"):
        """Decode a token with both engines and compare the outcomes."""
        hits = self.caching.signature_cache.hits
        answer = self.answer_of(self.caching, token, kind)
        assert answer == self.answer_of(self.plain, token, kind)
        outcome = answer if isinstance(answer, str) else "valid"
        self.seen[outcome] += 1
        if self.caching.signature_cache.hits > hits:
            self.seen["cached, valid" if outcome == "valid" else "cached, refused"] += 1

    @rule(end=ENDS, wait=WAITS, size=SIZES, is_refresh=st.booleans())
    def issue(self, end, wait, size, is_refresh):
        """Sign a token with the active key."""
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
        """Decode an issued token, once or twice, as any type."""
        token = self.pick(number)
        for _ in range(times):
            self.ask(token.encode() if as_bytes else token, kind)

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN, at=PICK)
    def change_a_letter(self, number, at):
        """Decode an issued token with one letter changed."""
        token = self.pick(number)
        at %= len(token)
        self.ask(f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}")

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN)
    def forge(self, number):
        """Decode the header and payload of an issued token, signed with a stranger's key."""
        message = self.pick(number).rpartition(".")[0]
        header, payload = (json.loads(b64url_decode(part)) for part in message.split("."))
        self.ask(signed(payload, header=header, key=STRANGERS[int(header["kid"])]))

    @rule(seconds=SECONDS)
    def move_the_clock(self, seconds):
        """Move the clock forwards or backwards."""
        self.clock.advance(seconds)

    @rule(which=PICK, verify_for=VERIFY_FOR, is_dated=st.booleans())
    def rotate(self, which, verify_for, is_dated):
        """Rotate: the previous key verifies for a time, for ever, or is removed."""
        others = [each for each in KEYS if each is not self.ring.active]
        self.ring.rotate(
            others[which % len(others)],
            verify_for=None if verify_for is None else timedelta(seconds=verify_for),
            now=self.clock.now if is_dated else None,
        )

    @precondition(lambda self: self.tokens)
    @rule(which=PICK, seconds=st.sampled_from([29, 30]))
    def let_a_key_expire(self, which, seconds):
        """Decode the last token before and after its key expires."""
        self.rotate(which, 30, is_dated=True)
        self.ask(self.tokens[-1])
        self.clock.advance(seconds)
        self.ask(self.tokens[-1])

    @precondition(lambda self: len(self.ring) > 1)
    @rule(which=PICK)
    def retire(self, which):
        """Remove a key that only verifies."""
        _, *others = self.ring
        self.ring.retire(others[which % len(others)].kid)

    @rule(which=PICK)
    def replace(self, which):
        """Replace all keys with one."""
        self.ring.replace(KeyRing(KEYS[which % len(KEYS)]))

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN)
    def revoke(self, number):
        """Revoke one token, through the engine with the cache."""
        with contextlib.suppress(TokenError):
            self.loop.run_until_complete(self.caching.revoke(self.pick(number)))
        self.ask(self.pick(number))

    @rule(which=st.sampled_from(["0", "1", "2"]))
    def revoke_session(self, which):
        """Revoke one session, through the engine without the cache."""
        self.loop.run_until_complete(self.plain.revoke_session(which))

    @rule(which=st.sampled_from(["user 0", "user 1"]))
    def revoke_subject(self, which):
        """Revoke one subject, through both engines, because this advances an engine's own time."""
        for engine in (self.caching, self.plain):
            self.loop.run_until_complete(engine.revoke_subject(which))

    @precondition(lambda self: self.tokens)
    @rule(number=TOKEN, is_denied=st.booleans())
    def deny(self, number, is_denied):
        """Make the hook deny a token, or accept it again."""
        jti = f"{number % len(self.tokens)}"
        (self.denied.add if is_denied else self.denied.discard)(jti)
        self.ask(self.pick(number))

    @invariant()
    def the_last_tokens_get_the_same_answer(self):
        """Decode the last tokens after every step, the very last one twice."""
        for token in [*self.tokens[-2:], *self.tokens[-1:]]:
            self.ask(token)

    @invariant()
    def the_cache_keeps_its_bounds(self):
        """The cache keeps both bounds, and has no expired entry after a text was looked up."""
        use = self.caching.signature_cache
        assert use.entries <= MAX_ENTRIES
        assert use.bytes <= MAX_BYTES
        assert self.answer_of(self.caching, "e.to.ken") == "MalformedTokenError"
        kept = self.caching._cache._verified
        assert all(end_of(token) > self.clock.now for token in kept)
        use = self.caching.signature_cache
        assert use.entries == len(kept)
        assert (use.bytes > sum(map(len, kept))) if kept else (use.bytes == 0)
        assert self.plain.signature_cache[0::2] == (0, 0)

    def pick(self, number):
        """Return one of the issued tokens."""
        return self.tokens[number % len(self.tokens)]


def end_of(token):
    """Return the exp of a token."""
    return json.loads(b64url_decode(token.split(".")[1])).get("exp", math.inf)


@pytest.fixture
def loop():
    """Return an event loop that is closed after the test."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def test_twins(loop):
    """Both engines return the same claims, or refuse for the same reason, after any steps."""
    seen: Counter[str] = Counter()
    machine = type("Machine", (Twins,), {"loop": loop, "seen": seen})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(100, settings().max_examples // 2), stateful_step_count=30
        ),
    )
    # The cache had hits, and cached tokens were refused for every reason.
    assert min(seen["cached, valid"], seen["cached, refused"]) > 20, seen
    assert seen.keys() >= {
        "InvalidSignatureError",
        "TokenExpiredError",
        "TokenNotYetValidError",
        "TokenRevokedError",
        "UnknownKeyError",
        "WrongTokenTypeError",
    }, seen
