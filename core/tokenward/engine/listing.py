"""The methods of an engine that list open sessions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tokenward.claims.model import Claims
from tokenward.errors import ConfigurationError, InvalidIssuerError, MissingClaimError
from tokenward.policy import TokenPolicy
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.tokens.identity import check_identity
from tokenward.tokens.pair import TokenPair

if TYPE_CHECKING:
    from tokenward.engine.session_list import OpenSession, SessionList, SessionLister

__all__ = ["ListingMethods", "end_of", "lister_for"]


class ListingMethods:
    """The methods of `TokenEngine` that list sessions; its constructor sets the attributes."""

    policy: TokenPolicy
    _clock: EngineClock
    _lister: "SessionLister | None"

    async def sessions(self, subject: str | Claims) -> Sequence["OpenSession"]:
        """Return the open sessions of a subject, the newest first.

        A session is open if it was not revoked, alone, with its subject or by the login of its
        provider, and if its refresh token has not expired.

        Args:
            subject: the ``sub``, or the claims of one of its tokens. Pass the claims of a request: then
                the subject of another issuer, who is another user, is refused.

        Raises:
            StoreUnavailableError: the store failed.
            ConfigurationError: the engine has no `session_list`.
            InvalidIssuerError: the claims name another issuer than the policy.
            MissingClaimError: the claims have no ``sub``.
            TypeError: `subject` is neither text nor claims.

        Not included: sessions that began before the engine had a `session_list`. Not checked: the
        `is_revoked` hooks, and whether a refresh token alone was revoked.
        """
        return await self._listed.open_sessions(self._named(subject), self._clock.now())

    async def end_session(self, subject: str | Claims, session: str) -> bool:
        """End one of the open sessions of a subject; unlike `revoke_session`, no other's.

        Args:
            subject: the ``sub``, or the claims of one of its tokens, for example those of the user who
                asks; see `sessions`.
            session: the ``sid``, for example from the URL of the request.

        Returns:
            Whether the subject had this open session; if not, nothing was revoked.

        Raises:
            StoreUnavailableError, ConfigurationError, InvalidIssuerError, MissingClaimError, TypeError:
                see `sessions`.
        """
        check_identity(session, "session")
        return await self._listed.end(self._named(subject), session, self._clock.now())

    def _named(self, subject: str | Claims) -> str:
        """Return the ``sub``, if it is that of a user of this engine."""
        if isinstance(subject, Claims):
            issuers, issuer = self.policy.issuers, subject.iss
            # RFC 7519 §4.1.2: a subject is unique only within its issuer. Tokens of a `FormerEngine`
            # name none, and have the subjects of this engine.
            if issuers and issuer is not None and issuer not in issuers:
                raise InvalidIssuerError
            subject = subject.sub
            if not subject:
                raise MissingClaimError(claim="sub")
        check_identity(subject, "subject")
        return subject

    @property
    def _listed(self) -> "SessionLister":
        if self._lister is None:
            msg = "This engine lists no sessions: TokenEngine(..., session_list=SessionList())."
            raise ConfigurationError(msg)
        return self._lister


def lister_for(
    settings: "SessionList | None", revocation: RevocationChecker[Any], policy: TokenPolicy
) -> "SessionLister | None":
    """Return what lists the sessions of an engine; None: it lists none.

    Raises:
        ConfigurationError: see `SessionLister`.
    """
    if settings is None:
        return None
    # Imported by engines that list sessions.
    from tokenward.engine.session_list import SessionLister

    return SessionLister(settings, revocation, policy)


def end_of(pair: TokenPair, now_ms: int) -> float:
    """Return when both tokens of a new pair have expired; ``math.inf``: never."""
    lifetimes = (pair.expires_in, pair.refresh_expires_in)
    return max(math.inf if each is None else now_ms // 1000 + each for each in lifetimes)
