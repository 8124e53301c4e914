"""The methods of an engine that revoke tokens."""

from typing import Generic, TypeVar

from tokenward.claims.model import Claims
from tokenward.errors import MissingClaimError
from tokenward.jose.compact import CompactJws
from tokenward.jose.key_source import KeySource
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker, session_of
from tokenward.tokens.identity import check_identity, check_no_token
from tokenward.tokens.provider_login import ProviderLogin, denials_of
from tokenward.tokens.validator import ClaimsValidator

__all__ = ["RevokingMethods"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class RevokingMethods(Generic[ClaimsT]):
    """The methods of `TokenEngine` that revoke tokens; its constructor sets the attributes."""

    _clock: EngineClock
    _jws: CompactJws
    _keys: KeySource
    _revocation: RevocationChecker[ClaimsT]
    _validator: ClaimsValidator[ClaimsT]

    async def revoke(self, token: str | bytes | ClaimsT) -> None:
        """Revoke one access or refresh token, given as text or as the claims of `decode`.

        Revoking a token twice, or after it has expired, succeeds. Other tokens of its session stay
        valid: see `revoke_session`.

        Args:
            token: the token, or its claims.

        Raises:
            InvalidTokenError: the text is not a token that these keys signed, or has no ``jti``.
            StoreUnavailableError: the store failed; it may or may not have stored the revocation.
            ConfigurationError: the engine has no store.

        Not checked: issuer, audience and type; whoever holds the token may revoke it.
        """
        claims = token if isinstance(token, Claims) else await self._read_signed(token)
        if not claims.jti:
            raise MissingClaimError(claim="jti")
        await self._revocation.deny_token(claims, self._clock.now())

    async def revoke_session(self, session: str | ClaimsT) -> None:
        """Revoke every token of a session.

        Args:
            session: the ``sid``, or the claims of one of its tokens. A refresh token without a
                ``sid`` begins a session that is named by its ``jti``.

        Raises:
            MissingClaimError: the claims belong to no session.
            ConfigurationError: `session` is the text of a token.
            StoreUnavailableError, ConfigurationError: see `revoke`.
        """
        claims = None
        if isinstance(session, Claims):
            claims, sid = session, session_of(session)
            if sid is None:
                raise MissingClaimError(claim="sid")
            session = sid
        check_identity(session, "session")
        check_no_token(session, "session")
        await self._revocation.deny_all("session", session, self._clock.now(), claims=claims)

    async def revoke_subject(self, subject: str | ClaimsT) -> None:
        """Revoke every token of a subject that was issued before now; later tokens are valid.

        "Before" is exact to the millisecond for tokens of this engine, and to the second of ``iat``
        for other tokens. A token without ``iat`` counts as issued before.

        Args:
            subject: the ``sub``, or the claims of one of its tokens.

        Raises:
            MissingClaimError: the claims have no ``sub``.
            ConfigurationError: `subject` is the text of a token.
            StoreUnavailableError, ConfigurationError: see `revoke`.
        """
        if isinstance(subject, Claims):
            subject = subject.sub
            if not subject:
                raise MissingClaimError(claim="sub")
        check_identity(subject, "subject")
        check_no_token(subject, "subject")
        # Tokens of the current millisecond are revoked too; new tokens get the next one.
        now, issued_before = self._clock.end_millisecond()
        await self._revocation.deny_all("subject", subject, now, issued_before=issued_before)

    async def revoke_provider_login(self, login: ProviderLogin) -> None:
        """Revoke the sessions that began with a login at an identity provider.

        They are the sessions of `issue_pair` with a `provider_login` of the same issuer: with the same
        `session`, and, if that is None on one side, with the same `subject`. Sessions of a subject
        that began after now are valid.

        Args:
            login: what the provider has ended.

        Raises:
            TypeError: `login` is no `ProviderLogin`.
            StoreUnavailableError, ConfigurationError: see `revoke`.
        """
        now, issued_before = self._clock.end_millisecond()
        for kind, name in denials_of(login):
            before = issued_before if kind == "subject" else None
            await self._revocation.deny_all(kind, name, now, issued_before=before, is_name=True)

    async def _read_signed(self, token: str | bytes) -> ClaimsT:
        """Return the claims of a token whose signature is valid; nothing else is checked."""
        now = self._clock.now()
        if now >= self._keys.due_at:
            await self._keys.prepare(now)
        verified = await self._jws.verify_or_fetch(self._jws.text_of(token), now)
        return self._validator.read_claims(verified.payload)
