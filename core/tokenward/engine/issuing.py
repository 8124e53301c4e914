"""The methods of an engine that issue tokens."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from tokenward.claims.actor import Actor
from tokenward.claims.model import TokenType
from tokenward.engine.listing import end_of
from tokenward.policy import Lifetime, TokenPolicy
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.tokens.arguments import (
    check_label,
    check_mapping,
    check_refresh_tokens,
    check_type,
)
from tokenward.tokens.grant import new_grant, session_end
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey
from tokenward.tokens.provider_login import ProviderLogin
from tokenward.tokens.writer import TokenWriter

if TYPE_CHECKING:
    from tokenward.engine.session_list import SessionLister

__all__ = ["IssuingMethods"]


class IssuingMethods:
    """The methods of `TokenEngine` that issue tokens; its constructor sets the attributes."""

    policy: TokenPolicy
    _clock: EngineClock
    _new_jti: Callable[[], str]
    _revocation: RevocationChecker[Any]
    _writer: TokenWriter[Any]
    _lister: "SessionLister | None"

    async def issue(  # noqa: PLR0913 - each is one part of a token
        self,
        subject: str,
        *,
        claims: Mapping[str, object] | None = None,
        scopes: Collection[str] = (),
        fresh: bool = False,
        lifetime: Lifetime | None = None,
        audience: str | Collection[str] | None = None,
        headers: Mapping[str, JsonValue] | None = None,
        type: TokenType = "access",
        bound_to: ProvenKey | None = None,
        acr: str | None = None,
        actor: Actor | None = None,
    ) -> str:
        """Issue one token that belongs to no session; by default an access token (RFC 9068).

        Args:
            subject: the user that the token is about; becomes ``sub``.
            claims: your own claims; every value that Pydantic can write as JSON, except datetimes
                without a time zone, iterators and secrets, which would lose their meaning.
            scopes: the scopes that the token grants, one by one.
            fresh: whether the user has just logged in; the time of the login (``auth_time``) is then
                now, and routes can require its `max_age`.
            lifetime: in place of the policy's; with zero the token has expired when it is issued,
                with `NEVER` it has no ``exp``.
            audience: in place of the policy's.
            headers: further members of the JOSE header.
            type: the type of the token. A refresh token begins a session when it is used; the
                policy's `session_lifetime` counts from now.
            bound_to: the key of the client, to which the token is bound (RFC 9449 §6). None: a bearer
                token.
            acr: the level at which the user logged in, for routes that require one (RFC 9470).
            actor: who acts for the subject (RFC 8693 §4.1); becomes ``act``. None: the subject itself.

        Returns:
            The token, in compact form.

        Raises:
            ConfigurationError: an argument is invalid, a refresh token would be `fresh`, a claim or
                a header is reserved for the engine, the claims lack a claim that the claims model
                requires, the keys only verify, or the policy has several issuers or would refuse the
                token.
            TypeError: `subject` is not text, `scopes` is one text, `bound_to` is no `ProvenKey`, or
                `actor` is no `Actor`.
            StoreUnavailableError: the store does not answer. It is asked before the first token and
                once a minute after that (see `RevocationStore.raise_retention`).
        """
        if type != "access":
            check_type(type, fresh=fresh)
            check_refresh_tokens(self.policy)
        now_ms = self._clock.now_ms()
        grant = new_grant(
            subject,
            claims=claims,
            scopes=scopes,
            fresh=fresh,
            audience=audience,
            headers=headers,
            bound_to=bound_to,
            acr=acr,
            actor=actor,
            now_ms=now_ms,
        )
        if type == "refresh":
            grant = grant._replace(session_end=session_end(self.policy, now_ms // 1000))

        if self._revocation.retention.is_due(now_ms):
            await self._revocation.register(now_ms)
        jti = self._new_jti()
        token, exp = await self._writer.write(
            grant, type, jti=jti, lifetime=lifetime, issued_ms=now_ms
        )
        if type == "refresh" and self._lister is not None:
            # The session that this token begins is named by it.
            end = math.inf if exp is None else exp
            await self._lister.add(subject, jti, None, end, now_ms / 1000)
        return token

    async def issue_pair(  # noqa: PLR0913 - each is one part of a token
        self,
        subject: str,
        *,
        claims: Mapping[str, object] | None = None,
        access_claims: Mapping[str, object] | None = None,
        scopes: Collection[str] = (),
        fresh: bool = False,
        lifetime: Lifetime | None = None,
        refresh_lifetime: Lifetime | None = None,
        audience: str | Collection[str] | None = None,
        headers: Mapping[str, JsonValue] | None = None,
        bound_to: ProvenKey | None = None,
        acr: str | None = None,
        provider_login: ProviderLogin | None = None,
        actor: Actor | None = None,
        label: str | None = None,
    ) -> TokenPair:
        """Issue an access and a refresh token that begin one session (``sid``).

        Args:
            subject: the user that the tokens are about; becomes ``sub``.
            claims: your own lasting claims: both tokens carry them, and so do their successors.
            access_claims: further claims of this access token alone.
            scopes: the scopes that both tokens grant.
            fresh: whether the user has just logged in. It marks the access token; the time of the
                login (``auth_time``) is in all tokens of the session.
            lifetime: the lifetime of the access token, in place of the policy's; see `issue`.
            refresh_lifetime: the lifetime of the refresh token, in place of the policy's.
            audience: the audience of both tokens, in place of the policy's.
            headers: further members of the JOSE header of both tokens.
            bound_to: the key of the client, to which both tokens and their successors are bound.
            acr: the level at which the user logged in; both tokens carry it, and so do their
                successors.
            provider_login: the login at an identity provider, which can then end the session; see
                `revoke_provider_login`. The ``sid`` contains digests of it.
            actor: who acts for the subject; in both tokens and in their successors.
            label: a name of the session for its user, such as that of a device, which `sessions`
                returns; at most 100 printable characters. It needs a `session_list`.

        Returns:
            Both tokens, their lifetimes, and the CSRF token of the session.

        Raises:
            ConfigurationError: see `issue`; no claim of a token says whether it is a refresh token
                (see `TokenPolicy.type_source`); or `label` is invalid, or the engine lists no
                sessions.
            TypeError, StoreUnavailableError: see `issue`; `provider_login` is no `ProviderLogin`.
        """
        check_refresh_tokens(self.policy)
        if access_claims is not None:
            check_mapping(access_claims, "access_claims")
        if label is not None:
            check_label(label, is_listed=self._lister is not None)
        now_ms = self._clock.now_ms()
        grant = new_grant(
            subject,
            claims=claims,
            scopes=scopes,
            fresh=fresh,
            audience=audience,
            headers=headers,
            bound_to=bound_to,
            acr=acr,
            actor=actor,
            now_ms=now_ms,
        )

        if self._revocation.retention.is_due(now_ms):
            await self._revocation.register(now_ms)
        grant = self._writer.begin_session(grant, now_ms, provider_login)
        written = await self._writer.write_pair(
            grant,
            access_claims=access_claims,
            lifetime=lifetime,
            refresh_lifetime=refresh_lifetime,
            issued_ms=now_ms,
        )
        if self._lister is not None and grant.session is not None:
            end = end_of(written.pair, now_ms)
            await self._lister.add(subject, grant.session, label, end, now_ms / 1000)
        return written.pair
