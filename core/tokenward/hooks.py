"""Hooks: functions of yours that an engine calls when it issues, decodes or revokes a token.

A hook may be a plain function, a coroutine function or any other callable object; its result is
awaited if it is awaitable. Hooks run one after the other, in the order of their registration.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tokenward._arguments import check_callable
from tokenward.claims.actor import Actor
from tokenward.claims.model import Claims, TokenType
from tokenward.errors import TokenError
from tokenward.stores.protocol import Revocation

__all__ = [
    "LifecycleHooks",
    "RegisteredHooks",
    "TokenDraft",
    "maybe_await",
    "run_hooks",
    "run_validators",
]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ResultT = TypeVar("ResultT")
ArgumentT = TypeVar("ArgumentT")


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """A token that is about to be issued, as `before_issue` hooks get it."""

    type: TokenType
    subject: str
    session: str | None
    scope: str
    """The scopes, separated by spaces (RFC 6749 §3.3)."""
    fresh: bool
    claims: dict[str, object]
    """A deep copy of the caller's claims; hooks may change it, also nested values, and nothing else."""
    acr: str | None = None
    """The level at which the user logged in; None: unknown."""
    actor: Actor | None = None
    """Who acts for the user; None: the user in person."""


BeforeIssue: TypeAlias = Callable[[TokenDraft], Awaitable[None] | None]
AfterDecode: TypeAlias = Callable[[ClaimsT], Awaitable[None] | None]
IsRevoked: TypeAlias = Callable[[ClaimsT], Awaitable[bool] | bool]
OnRevoke: TypeAlias = Callable[[Revocation], Awaitable[None] | None]
OnReuse: TypeAlias = Callable[[ClaimsT], Awaitable[None] | None]
OnRefuse: TypeAlias = Callable[[TokenError], Awaitable[None] | None]

BeforeIssueT = TypeVar("BeforeIssueT", bound=BeforeIssue)
OnRevokeT = TypeVar("OnRevokeT", bound=OnRevoke)
OnRefuseT = TypeVar("OnRefuseT", bound=OnRefuse)


class RegisteredHooks(Generic[ClaimsT]):
    """The hooks of one engine, each list in the order of its calls."""

    __slots__ = (
        "after_decode", "before_issue", "is_revoked", "on_refuse", "on_reuse", "on_revoke",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start without hooks."""
        self.before_issue: list[BeforeIssue] = []
        self.after_decode: list[AfterDecode[ClaimsT]] = []
        self.is_revoked: list[IsRevoked[ClaimsT]] = []
        self.on_revoke: list[OnRevoke] = []
        self.on_reuse: list[OnReuse[ClaimsT]] = []
        self.on_refuse: list[OnRefuse] = []


class LifecycleHooks(Generic[ClaimsT]):
    """Registers hooks. Each method is a decorator and returns the function unchanged."""

    def __init__(self) -> None:
        """Start without hooks."""
        self._hooks: RegisteredHooks[ClaimsT] = RegisteredHooks()

    def before_issue(self, hook: BeforeIssueT) -> BeforeIssueT:
        """Call the hook with a `TokenDraft` before each token is signed.

        The hook may change ``draft.claims``; a registered claim in it is refused, as in the caller's
        claims. The hook must return None. Any other result is a TypeError, so that claims which
        were returned by mistake are not lost. If the hook raises, the token is not issued: nothing
        has been signed or stored for it.
        """
        check_callable(hook, "before_issue", "@engine.before_issue above a function", takes=1)
        self._hooks.before_issue.append(hook)
        return hook

    def after_decode(self, hook: AfterDecode[ClaimsT]) -> AfterDecode[ClaimsT]:
        """Call the hook with the claims of each token that passed all checks, including revocation.

        The hook may raise `TokenRejectedError` to refuse the token. It must return None. Any other
        result is a TypeError, so that a ``return False`` that was meant as a refusal cannot accept a
        token. Nothing has been stored when the hook runs.
        """
        check_callable(hook, "after_decode", "@engine.after_decode above a function", takes=1)
        self._hooks.after_decode.append(hook)
        return hook

    def is_revoked(self, hook: IsRevoked[ClaimsT]) -> IsRevoked[ClaimsT]:
        """Ask the hook, in addition to the store, whether a token is revoked.

        Use it for your own deny list. It is called after the signature and the claims were
        checked, and must return True or False; any other result is a TypeError. If it raises, that
        counts as an outage of the store (see `TokenPolicy.store_outage`), except that a `TokenError`
        refuses the token.
        """
        check_callable(hook, "is_revoked", "@engine.is_revoked above a function", takes=1)
        self._hooks.is_revoked.append(hook)
        return hook

    def on_revoke(self, hook: OnRevokeT) -> OnRevokeT:
        """Call the hook with each `Revocation`, after it was stored.

        If the hook raises, the error reaches the caller of `revoke`; the revocation stays stored.
        """
        check_callable(hook, "on_revoke", "@engine.on_revoke above a function", takes=1)
        self._hooks.on_revoke.append(hook)
        return hook

    def on_reuse(self, hook: OnReuse[ClaimsT]) -> OnReuse[ClaimsT]:
        """Call the hook with the claims of a refresh token that was used a second time.

        The session has already been revoked, and the `on_revoke` hooks have been called. If the hook
        raises, the error reaches the caller of `refresh` instead of `RefreshTokenReusedError`.

        Further uses are refused because the session is revoked, and are not reported. Uses at the
        same time may each be reported.
        """
        check_callable(hook, "on_reuse", "@engine.on_reuse above a function", takes=1)
        self._hooks.on_reuse.append(hook)
        return hook

    def on_refuse(self, hook: OnRefuseT) -> OnRefuseT:
        """Call the hook with the `TokenError` of each refused token and each refused request.

        `decode` and `refresh` call it, and `Authenticator` for what it refuses itself: a request
        without a token, a missing scope, a failed CSRF check. Each error is reported once. Strangers
        cause refusals, as often as they like: keep the hook cheap. If it raises, its error reaches
        the caller instead of the refusal; the token is not accepted.

        Not reported: the end of a connection whose token expires.
        """
        check_callable(hook, "on_refuse", "@engine.on_refuse above a function", takes=1)
        self._hooks.on_refuse.append(hook)
        return hook

    async def report_refusal(self, error: TokenError) -> None:
        """Call the `on_refuse` hooks with an error, unless they have been called with it."""
        if self._hooks.on_refuse and not error.is_reported:
            error.is_reported = True
            await run_hooks(self._hooks.on_refuse, error)


async def run_hooks(
    hooks: Iterable[Callable[[ArgumentT], Awaitable[None] | None]], argument: ArgumentT
) -> None:
    """Run hooks in order; their results are ignored."""
    for hook in hooks:
        await maybe_await(hook(argument))


async def run_validators(
    hooks: Iterable[Callable[[ArgumentT], Awaitable[None] | None]],
    argument: ArgumentT,
    rule: str,
) -> None:
    """Run hooks in order that refuse by raising, and must return None.

    Args:
        hooks: the hooks.
        argument: the argument of each call.
        rule: the error message if a hook returns something; says what to do instead.

    Raises:
        TypeError: a hook returned something.
    """
    for hook in hooks:
        answer: object = hook(argument)
        if answer is not None and await maybe_await(answer) is not None:
            raise TypeError(rule)


async def maybe_await(result: Awaitable[ResultT] | ResultT) -> ResultT:
    """Return the result of a plain or async hook: await it if it is awaitable."""
    if inspect.isawaitable(result):
        return await result
    return result
