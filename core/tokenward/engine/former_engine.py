"""An engine for tokens from before a migration, which name no issuer; it accepts them until a date."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

from tokenward._arguments import refuse
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import InvalidIssuerError, SigningKeyError, TokenExpiredError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Closable, KeySource
from tokenward.policy import TokenPolicy
from tokenward.stores.protocol import RevocationStore

__all__ = ["FormerEngine"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class FormerEngine(TokenEngine[ClaimsT], Generic[ClaimsT]):
    """Verifies tokens without ``iss`` that another library issued, until a date.

    Combine it with the engine of new tokens. Users stay logged in, and new tokens keep their strict
    policy::

        former = FormerEngine(
            KeyRing.from_secret(os.environ["FORMER_SECRET"]),
            policy=TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access"),
            store=store,
            until=datetime(2027, 3, 1, tzinfo=UTC),
        )
        auth = TokenAuth(Issuers(engine, former))

    It issues and refreshes no tokens, whatever its keys are. It refuses every token that names an
    issuer, so a refresh token of the new engine never counts as a former access token, even if both
    engines have the same secret.

    With the same store, `TokenEngine.revoke_subject` of the new engine revokes former tokens too. It
    does so for as long as new tokens live, so choose an earlier date.
    """

    @overload
    def __init__(
        self: "FormerEngine[Claims]",
        keys: KeySource,
        *,
        until: datetime,
        policy: TokenPolicy,
        store: RevocationStore | None = ...,
        clock: Callable[[], float] | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        keys: KeySource,
        *,
        until: datetime,
        policy: TokenPolicy,
        claims_model: type[ClaimsT],
        store: RevocationStore | None = ...,
        clock: Callable[[], float] | None = ...,
    ) -> None: ...
    def __init__(
        self,
        keys: KeySource,
        *,
        until: datetime,
        policy: TokenPolicy,
        claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # see the overloads
        store: RevocationStore | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Join keys, policy and date.

        Args:
            keys: the keys that verify former tokens.
            until: from this date on, all former tokens have expired. It may be in the past.
            policy: what the tokens must be; without an `issuer`.
            claims_model: see `TokenEngine`.
            store: see `TokenEngine`; usually that of the new engine.
            clock: see `TokenEngine`.

        Raises:
            ConfigurationError: the policy has an issuer, the date has no time zone, or see
                `TokenEngine`.
            TypeError: `claims_model` redefines registered claims.
        """
        options: dict[str, Any] = {} if clock is None else {"clock": clock}
        super().__init__(
            _VerifyOnlyKeys(keys) if isinstance(keys, KeySource) else keys,
            policy=policy,
            claims_model=claims_model,
            store=store,
            **options,
        )
        if policy.issuer is not None:
            refuse("A FormerEngine is for tokens without issuer: use TokenEngine for this policy.")
        if not isinstance(until, datetime) or until.utcoffset() is None:
            refuse("until must have a time zone, as in until=datetime(2027, 3, 1, tzinfo=UTC).")
        self._until = until.timestamp()

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check again that claims have not expired and are not revoked; see `TokenEngine.revalidate`.

        Returns:
            The seconds until the token expires, or until the date.

        Raises:
            TokenExpiredError: the token has expired, or the date has passed.
            TokenError: the token is no longer valid.
        """
        left = self._seconds_left(self.now())
        return min(left, await super().revalidate(claims))

    async def _decode(
        self, token: str | bytes, expected: TokenType | None, now: float
    ) -> tuple[ClaimsT, bytes]:
        self._seconds_left(now)
        claims, payload = await super()._decode(token, expected, now)
        if claims.iss is not None:
            raise InvalidIssuerError
        return claims, payload

    def _seconds_left(self, now: float) -> float:
        left = self._until - now
        if left <= 0:
            raise TokenExpiredError
        return left


class _VerifyOnlyKeys:
    """The keys of another source, without the right to sign: an HMAC secret could always sign."""

    can_sign = False

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self.prepare = keys.prepare
        self.find = keys.find
        self.fetch_for = keys.fetch_for

    @property
    def sources(self) -> tuple[KeySource, ...]:
        return (self._keys,)

    @property
    def version(self) -> int:
        return self._keys.version

    @property
    def due_at(self) -> float:
        return self._keys.due_at

    def signing_key(self) -> Key:
        raise SigningKeyError

    async def aclose(self) -> None:
        if isinstance(self._keys, Closable):
            await self._keys.aclose()
