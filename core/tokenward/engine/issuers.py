"""Tokens of several issuers, each verified only by the engine of its issuer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Generic, Self, TypeVar, overload

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.claimed_issuer import claimed_issuer
from tokenward.engine.former_engine import FormerEngine
from tokenward.engine.lifespan import run_beside
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    ConfigurationError,
    InvalidIssuerError,
    MalformedTokenError,
    MissingClaimError,
    TokenError,
)
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey

__all__ = ["Issuers"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
FirstT = TypeVar("FirstT", bound=Claims)
SecondT = TypeVar("SecondT", bound=Claims)
ThirdT = TypeVar("ThirdT", bound=Claims)
FourthT = TypeVar("FourthT", bound=Claims)


class Issuers(Generic[ClaimsT]):
    """Several engines, one for each issuer; a `TokenVerifier`, as one engine is.

    ::

        auth = TokenAuth(Issuers(own_engine, login_engine))

    The ``iss`` of a token is read before the token is verified, and only chooses the engine. That
    engine makes all checks, including the issuer, with its own keys, audience, claims model, store
    and hooks: the key of one issuer never verifies the token of another. Tokens without ``iss`` are
    refused, unless one of the engines is a `FormerEngine`. A token that is not a JWT goes to the engine
    for opaque tokens (`tokenward.engine.introspection`), if there is one.

    If engines share a store, give each a `PrefixedStore`, so that no issuer can revoke the tokens of
    another.
    """

    @overload
    def __init__(self, first: TokenEngine[ClaimsT], /, *more: TokenEngine[ClaimsT]) -> None: ...
    @overload
    def __init__(
        self: "Issuers[FirstT | SecondT]",
        first: TokenEngine[FirstT],
        second: TokenEngine[SecondT],
        /,
    ) -> None: ...
    @overload
    def __init__(
        self: "Issuers[FirstT | SecondT | ThirdT]",
        first: TokenEngine[FirstT],
        second: TokenEngine[SecondT],
        third: TokenEngine[ThirdT],
        /,
    ) -> None: ...
    @overload
    def __init__(
        self: "Issuers[FirstT | SecondT | ThirdT | FourthT]",
        first: TokenEngine[FirstT],
        second: TokenEngine[SecondT],
        third: TokenEngine[ThirdT],
        fourth: TokenEngine[FourthT],
        /,
    ) -> None: ...
    def __init__(self, *engines: TokenEngine[Any]) -> None:  # the overloads say which claims
        """Combine engines; each verifies the tokens of its policy's `issuer`, or of several.

        The claims have the model of the token's engine. Up to four different models form a union
        type; more than four should have a common base class.

        Raises:
            ConfigurationError: there is no engine with an issuer, an engine has no issuer, or two
                engines have the same.
        """
        self._engines: dict[str | None, TokenEngine[Any]] = {}
        self._opaque: TokenEngine[Any] | None = None
        for engine in engines:
            if not isinstance(engine, TokenEngine):
                msg = f"Issuers takes engines, not {kind_of(engine)}: pass Issuers(first, second)."
                raise ConfigurationError(msg)
            issuers: AbstractSet[str | None] = engine.policy.issuers
            if engine.is_opaque:
                self._check_opaque(engine)
                self._opaque = engine
            if isinstance(engine, FormerEngine):
                issuers = {None}
            elif not issuers:
                msg = "Each engine needs an issuer: TokenPolicy(issuer='https://...')."
                raise ConfigurationError(msg)
            if not issuers.isdisjoint(self._engines):
                msg = "Two engines have the same issuer, or both are a FormerEngine."
                raise ConfigurationError(msg)
            self._engines.update(dict.fromkeys(sorted(issuers, key=str), engine))
        if not len(self):
            msg = "Issuers needs at least one engine that has an issuer."
            raise ConfigurationError(msg)
        models = [model for engine in engines for model in engine.claims_models]
        self.claims_models: tuple[type[ClaimsT], ...] = tuple(dict.fromkeys(models))
        self._max_bytes = max(engine.policy.max_token_bytes for engine in engines)

    async def decode(self, token: str | bytes, *, type: TokenType | None = "access") -> ClaimsT:
        """Verify a token with the engine of its issuer; see `TokenEngine.decode`.

        Raises:
            MissingClaimError: the token has no issuer, and there is no `FormerEngine`.
            InvalidIssuerError: none of the engines has the token's issuer.
            InvalidTokenError, StoreUnavailableError, KeysUnavailableError: its engine refuses it.
        """
        claims: ClaimsT = await self._engine_of_token(token).decode(token, type=type)
        return claims

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check again that claims have not expired and are not revoked; see `TokenEngine.revalidate`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            TokenError: the token is no longer valid.
        """
        return await self._engine_of_claims(claims).revalidate(claims)

    def check_fresh(self, claims: ClaimsT) -> None:
        """Check that the token is marked fresh; see `TokenEngine.check_fresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            FreshTokenRequiredError: it is not.
        """
        self._engine_of_claims(claims).check_fresh(claims)

    def check_login(
        self, claims: ClaimsT, *, acr: Sequence[str] | None = None, max_age: timedelta | None = None
    ) -> None:
        """Check how and when the user logged in, by the policy of the issuer.

        See `TokenEngine.check_login`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            InsufficientAuthenticationError: the login is not sufficient.
            ConfigurationError: see `TokenEngine.check_login`.
        """
        self._engine_of_claims(claims).check_login(claims, acr=acr, max_age=max_age)

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        bound_to: ProvenKey | None = None,
        fresh: bool = False,
        acr: str | None = None,
    ) -> TokenPair:
        """Trade a refresh token for the next pair of the same issuer; see `TokenEngine.refresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            WrongTokenTypeError: the keys of its engine only verify: only the issuer can trade it.
            InvalidTokenError, StoreUnavailableError: its engine refuses it.
        """
        engine = self._engine_of_token(token)
        return await engine.refresh(token, check=check, bound_to=bound_to, fresh=fresh, acr=acr)

    async def revoke(self, token: str | bytes | ClaimsT) -> None:
        """Revoke one token in the store of its engine; see `TokenEngine.revoke`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        if isinstance(token, Claims):
            await self._engine_of_claims(token).revoke(token)
        else:
            await self._engine_of_token(token).revoke(token)

    async def revoke_session(self, claims: ClaimsT) -> None:
        """Revoke every token of the session of these claims; see `TokenEngine.revoke_session`.

        A ``sid`` alone does not say which issuer it belongs to: pass it to that issuer's engine.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        await self._engine_of_claims(claims).revoke_session(claims)

    async def revoke_subject(self, claims: ClaimsT) -> None:
        """Revoke every token of the subject of these claims; see `TokenEngine.revoke_subject`.

        A ``sub`` alone does not say which issuer it belongs to: pass it to that issuer's engine.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        await self._engine_of_claims(claims).revoke_subject(claims)

    async def ping(self) -> None:
        """Check the stores and the keys of all engines; see `TokenEngine.ping`.

        Raises:
            StoreUnavailableError, KeysUnavailableError, ConfigurationError: of the first engine
                that cannot be used.
        """
        for engine in dict.fromkeys(self._engines.values()):
            await engine.ping()

    @asynccontextmanager
    async def running(
        self, *, create_tables: bool = False, purge_every: timedelta | None = timedelta(hours=1)
    ) -> AsyncIterator[Self]:
        """Run all engines for as long as the service runs; see `TokenEngine.running`.

        A store that several engines share, also by way of `PrefixedStore`, is opened, purged and
        closed once.

        Raises:
            ConfigurationError, Exception: see `TokenEngine.running`.
        """
        engines = dict.fromkeys(self._engines.values())
        async with run_beside(
            [each.store for each in engines if each.store is not None],
            [each.keys for each in engines],
            self.now,
            create_tables=create_tables,
            purge_every=purge_every,
        ):
            yield self

    async def report_refusal(self, error: TokenError) -> None:
        """Call the `on_refuse` hooks of the first engine; the other engines report their own."""
        await next(iter(self._engines.values())).report_refusal(error)

    def now(self) -> float:
        """Return the time of the first engine; engines of one service share a clock."""
        return next(iter(self._engines.values())).now()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the issuers."""
        return (issuer for issuer in self._engines if issuer is not None)

    def __len__(self) -> int:
        """Count the issuers."""
        return sum(issuer is not None for issuer in self._engines)

    def _check_opaque(self, engine: TokenEngine[Any]) -> None:
        if self._opaque is not None:
            msg = (
                "Only one of the engines can be for opaque tokens, which do not name their issuer."
            )
            raise ConfigurationError(msg)
        if engine.policy.issuer_optional_in:
            msg = (
                "The issuer must be required of all tokens: it chooses the engine of their claims."
            )
            raise ConfigurationError(msg)

    def _engine_of_token(self, token: str | bytes) -> TokenEngine[Any]:
        try:
            issuer = claimed_issuer(token, self._max_bytes)
        except MalformedTokenError:
            if self._opaque is None:
                raise
            return self._opaque
        return self._engine_of_issuer(issuer)

    def _engine_of_claims(self, claims: ClaimsT) -> TokenEngine[ClaimsT]:
        if not isinstance(claims, Claims):
            msg = f"claims must be an object that decode returned, not {kind_of(claims)}."
            raise TypeError(msg)
        return self._engine_of_issuer(claims.iss)

    def _engine_of_issuer(self, issuer: str | None) -> TokenEngine[Any]:
        engine = self._engines.get(issuer)
        if engine is not None:
            return engine
        if issuer is None:
            raise MissingClaimError(claim="iss")
        raise InvalidIssuerError
