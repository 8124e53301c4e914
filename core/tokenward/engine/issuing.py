"""The methods of an engine that issue tokens."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import JsonValue

from tokenward.claims.model import TokenType
from tokenward.policy import Lifetime, TokenPolicy
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.tokens.arguments import check_mapping, check_refresh_tokens, check_type
from tokenward.tokens.grant import new_grant, session_end
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.writer import TokenWriter

__all__ = ["IssuingMethods"]


class IssuingMethods:
    """The methods of `TokenEngine` that issue tokens; its constructor sets the attributes."""

    policy: TokenPolicy
    _clock: EngineClock
    _new_jti: Callable[[], str]
    _revocation: RevocationChecker[Any]
    _writer: TokenWriter[Any]

    async def issue(
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
    ) -> str:
        """Issue one token that belongs to no session; by default an access token (RFC 9068).

        Args:
            subject: the user that the token is about; becomes ``sub``.
            claims: your own claims; every value that Pydantic can write as JSON.
            scopes: the scopes that the token grants, one by one.
            fresh: whether the user has just logged in.
            lifetime: in place of the policy's; with zero the token has expired when it is issued,
                with `NEVER` it has no ``exp``.
            audience: in place of the policy's.
            headers: further members of the JOSE header.
            type: the type of the token. A refresh token begins a session when it is used; the
                policy's `session_lifetime` counts from now.

        Returns:
            The token, in compact form.

        Raises:
            ConfigurationError: an argument is invalid, a refresh token would be `fresh`, a claim or
                a header is reserved for the engine, the claims lack a claim that the claims model
                requires, or the keys only verify.
            TypeError: `subject` is not text, or `scopes` is one text.
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
            now_ms=now_ms,
        )
        if type == "refresh":
            grant = grant._replace(session_end=session_end(self.policy, now_ms // 1000))

        if self._revocation.retention.is_due(now_ms):
            await self._revocation.register(now_ms)
        token, _ = await self._writer.write(
            grant, type, jti=self._new_jti(), lifetime=lifetime, issued_ms=now_ms
        )
        return token

    async def issue_pair(
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
    ) -> TokenPair:
        """Issue an access and a refresh token that begin one session (``sid``).

        Args:
            subject: the user that the tokens are about; becomes ``sub``.
            claims: your own lasting claims: both tokens carry them, and so do their successors.
            access_claims: further claims of this access token alone.
            scopes: the scopes that both tokens grant.
            fresh: whether the user has just logged in; marks the access token.
            lifetime: the lifetime of the access token, in place of the policy's; see `issue`.
            refresh_lifetime: the lifetime of the refresh token, in place of the policy's.
            audience: the audience of both tokens, in place of the policy's.
            headers: further members of the JOSE header of both tokens.

        Returns:
            Both tokens, their lifetimes, and the CSRF token of the session.

        Raises:
            ConfigurationError: see `issue`; or no claim of a token says whether it is a refresh
                token (see `TokenPolicy.type_source`).
            TypeError, StoreUnavailableError: see `issue`.
        """
        check_refresh_tokens(self.policy)
        if access_claims is not None:
            check_mapping(access_claims, "access_claims")
        now_ms = self._clock.now_ms()
        grant = new_grant(
            subject,
            claims=claims,
            scopes=scopes,
            fresh=fresh,
            audience=audience,
            headers=headers,
            now_ms=now_ms,
        )

        if self._revocation.retention.is_due(now_ms):
            await self._revocation.register(now_ms)
        written = await self._writer.write_pair(
            self._writer.begin_session(grant, now_ms),
            access_claims=access_claims,
            lifetime=lifetime,
            refresh_lifetime=refresh_lifetime,
            issued_ms=now_ms,
        )
        return written.pair
