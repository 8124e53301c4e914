"""The moments of a token's life at which users are heard.

Every hook may be a plain function, a coroutine function or any callable object; the result is
awaited if it can be. Hooks run one after the other, in the order in which they were registered.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from tokenward._arguments import check_callable
from tokenward.claims.model import Claims, TokenType
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
    """A token about to be issued, as a `before_issue` hook sees it."""

    type: TokenType
    subject: str
    session: str | None
    scope: str
    """Separated by spaces."""
    fresh: bool
    claims: dict[str, object]
    """A deep copy of the caller's claims; the only part that a hook may change, nested values included."""


BeforeIssue: TypeAlias = Callable[[TokenDraft], Awaitable[None] | None]
AfterDecode: TypeAlias = Callable[[ClaimsT], Awaitable[None] | None]
IsRevoked: TypeAlias = Callable[[ClaimsT], Awaitable[bool] | bool]
OnRevoke: TypeAlias = Callable[[Revocation], Awaitable[None] | None]
OnReuse: TypeAlias = Callable[[ClaimsT], Awaitable[None] | None]

BeforeIssueT = TypeVar("BeforeIssueT", bound=BeforeIssue)
OnRevokeT = TypeVar("OnRevokeT", bound=OnRevoke)


@dataclass(frozen=True, slots=True)
class RegisteredHooks(Generic[ClaimsT]):
    """The hooks of one engine, in the order in which they run."""

    before_issue: list[BeforeIssue] = field(default_factory=list)
    after_decode: list[AfterDecode[ClaimsT]] = field(default_factory=list)
    is_revoked: list[IsRevoked[ClaimsT]] = field(default_factory=list)
    on_revoke: list[OnRevoke] = field(default_factory=list)
    on_reuse: list[OnReuse[ClaimsT]] = field(default_factory=list)


class LifecycleHooks(Generic[ClaimsT]):
    """How hooks are registered. Each method is a decorator and gives its function back."""

    def __init__(self) -> None:
        """Start with none."""
        self._hooks: RegisteredHooks[ClaimsT] = RegisteredHooks()

    def before_issue(self, hook: BeforeIssueT) -> BeforeIssueT:
        """Call the hook with a `TokenDraft` before each token is signed.

        It may change ``draft.claims``; a registered claim in there is refused by name, as one of
        the caller's would be. It must return nothing: another answer is a TypeError, so that claims
        that were meant for the token are not lost. What it raises ends the issuing, and nothing has
        been signed or stored for this token.
        """
        check_callable(hook, "before_issue", "@engine.before_issue above a function", takes=1)
        self._hooks.before_issue.append(hook)
        return hook

    def after_decode(self, hook: AfterDecode[ClaimsT]) -> AfterDecode[ClaimsT]:
        """Call the hook with the claims of each token that passed every check, revocation included.

        It may raise `TokenRejectedError` to refuse the token; the claims are this request's own. It
        must return nothing: another answer is a TypeError, so that a ``return False`` that was
        meant as a refusal cannot let a token in. Nothing has been stored by then.
        """
        check_callable(hook, "after_decode", "@engine.after_decode above a function", takes=1)
        self._hooks.after_decode.append(hook)
        return hook

    def is_revoked(self, hook: IsRevoked[ClaimsT]) -> IsRevoked[ClaimsT]:
        """Ask the hook, besides the store, whether a token is revoked: a deny-list of your own.

        It is asked after the signature and the claims were checked, and must answer True or False;
        anything else is a TypeError. What it raises counts as an outage of the store: see
        `TokenPolicy.store_outage`. A `TokenError` refuses the token as it stands.
        """
        check_callable(hook, "is_revoked", "@engine.is_revoked above a function", takes=1)
        self._hooks.is_revoked.append(hook)
        return hook

    def on_revoke(self, hook: OnRevokeT) -> OnRevokeT:
        """Call the hook with each `Revocation`, after the store has it.

        What it raises reaches the caller of `revoke`, and the revocation stands.
        """
        check_callable(hook, "on_revoke", "@engine.on_revoke above a function", takes=1)
        self._hooks.on_revoke.append(hook)
        return hook

    def on_reuse(self, hook: OnReuse[ClaimsT]) -> OnReuse[ClaimsT]:
        """Call the hook with the claims of a refresh token that came a second time.

        By then the store has ended the session, and the `on_revoke` hooks have been called. What it
        raises reaches the caller of `refresh` in place of `RefreshTokenReusedError`.

        Later uses are refused because the session has ended, and are not reported. Uses at the same
        moment may each be reported.
        """
        check_callable(hook, "on_reuse", "@engine.on_reuse above a function", takes=1)
        self._hooks.on_reuse.append(hook)
        return hook


async def run_hooks(
    hooks: Iterable[Callable[[ArgumentT], Awaitable[None] | None]], argument: ArgumentT
) -> None:
    """Run hooks in order; what they return is of no interest."""
    for hook in hooks:
        await maybe_await(hook(argument))


async def run_validators(
    hooks: Iterable[Callable[[ArgumentT], Awaitable[None] | None]],
    argument: ArgumentT,
    rule: str,
) -> None:
    """Run hooks in order whose answer would be ignored.

    Args:
        hooks: the hooks.
        argument: what each is called with.
        rule: says what such a hook does in place of returning something.

    Raises:
        TypeError: one returned something.
    """
    for hook in hooks:
        answer: object = await maybe_await(hook(argument))
        if answer is not None:
            raise TypeError(rule)


async def maybe_await(result: Awaitable[ResultT] | ResultT) -> ResultT:
    """Await what can be awaited: a hook may be plain or async."""
    if inspect.isawaitable(result):
        return await result
    return result
