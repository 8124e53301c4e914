"""Tokens of several issuers, each judged by the engine of its own issuer and by no other."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar, overload

from pydantic import BaseModel, ConfigDict, ValidationError

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    ConfigurationError,
    InvalidClaimError,
    InvalidIssuerError,
    MalformedTokenError,
    MissingClaimError,
    raise_without_context,
)
from tokenward.jose.codec import b64url_decode
from tokenward.jose.compact import split_compact, text_of_token
from tokenward.tokens.pair import TokenPair

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

    A token's ``iss`` is read before anybody vouches for it, and only chooses the engine. That
    engine checks everything, the issuer again among it, with its own keys, audience, claims model,
    store and hooks: a key of one issuer never signs for another.

    Where two engines share a store, give each a `PrefixedStore`, so that no issuer revokes what
    another issued.
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
    def __init__(self, *engines: TokenEngine[Any]) -> None:  # the overloads say of what
        """Take the engines; each is chosen by its policy's `issuer`.

        The claims are of whichever model the token's issuer has: up to four different ones are
        told apart by type, and more should have a common base.

        Raises:
            ConfigurationError: there is no engine, one has no issuer, or two have the same.
        """
        self._engines: dict[str, TokenEngine[Any]] = {}
        for engine in engines:
            if not isinstance(engine, TokenEngine):
                msg = (
                    f"Issuers takes engines, not {kind_of(engine)}: "
                    "give Issuers(first_engine, second_engine)."
                )
                raise ConfigurationError(msg)
            issuer = engine.policy.issuer
            if issuer is None:
                msg = "Each engine needs an issuer: TokenPolicy(issuer='https://...')."
                raise ConfigurationError(msg)
            if issuer in self._engines:
                msg = "Two engines have the same issuer."
                raise ConfigurationError(msg)
            self._engines[issuer] = engine
        if not engines:
            msg = "Issuers needs at least one engine."
            raise ConfigurationError(msg)
        models = [model for engine in engines for model in engine.claims_models]
        self.claims_models: tuple[type[ClaimsT], ...] = tuple(dict.fromkeys(models))
        self._max_bytes = max(engine.policy.max_token_bytes for engine in engines)

    async def decode(self, token: str | bytes, *, type: TokenType | None = "access") -> ClaimsT:
        """Have the engine of its issuer check a token in full; see `TokenEngine.decode`.

        Raises:
            MissingClaimError: the token names no issuer.
            InvalidIssuerError: it names one that is not here.
            InvalidTokenError, StoreUnavailableError, KeysUnavailableError: that engine refuses it.
        """
        claims: ClaimsT = await self._engine_for(token).decode(token, type=type)
        return claims

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check claims of `decode` once more, later; see `TokenEngine.revalidate`."""
        return await self._engine_of(claims).revalidate(claims)

    def check_fresh(self, claims: ClaimsT, *, max_age: timedelta | None = None) -> None:
        """Check that the user logged in recently; see `TokenEngine.check_fresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            FreshTokenRequiredError: the login is too old or unknown, or the token is not fresh.
        """
        self._engine_of(claims).check_fresh(claims, max_age=max_age)

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> TokenPair:
        """Trade a refresh token for a new pair of the same issuer; see `TokenEngine.refresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            WrongTokenTypeError: the keys of its issuer are elsewhere, and it trades its own.
        """
        return await self._engine_for(token).refresh(token, check=check)

    async def revoke(self, token: str | bytes | ClaimsT) -> None:
        """Revoke one token, in the store of its issuer's engine; see `TokenEngine.revoke`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        if isinstance(token, Claims):
            await self._engine_of(token).revoke(token)
        else:
            await self._engine_for(token).revoke(token)

    async def revoke_session(self, claims: ClaimsT) -> None:
        """Revoke every token of the session of these claims; see `TokenEngine.revoke_session`.

        A ``sid`` alone does not say which issuer it belongs to: pass it to that issuer's engine.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        await self._engine_of(claims).revoke_session(claims)

    async def revoke_subject(self, claims: ClaimsT) -> None:
        """Revoke every token of the subject of these claims; see `TokenEngine.revoke_subject`.

        A ``sub`` alone does not say which issuer it belongs to: pass it to that issuer's engine.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
        """
        await self._engine_of(claims).revoke_subject(claims)

    def now(self) -> float:
        """Return the time of the first engine; engines of one service share a clock."""
        return next(iter(self._engines.values())).now()

    def __iter__(self) -> Iterator[str]:
        """Go through the issuers."""
        return iter(self._engines)

    def __len__(self) -> int:
        """Count the issuers."""
        return len(self._engines)

    def _engine_for(self, token: str | bytes) -> TokenEngine[Any]:
        return self._chosen(_claimed_issuer(token, self._max_bytes))

    def _engine_of(self, claims: ClaimsT) -> TokenEngine[ClaimsT]:
        if not isinstance(claims, Claims):
            msg = f"claims must be those of decode, not {kind_of(claims)}."
            raise TypeError(msg)
        return self._chosen(claims.iss)

    def _chosen(self, issuer: str | None) -> TokenEngine[Any]:
        if issuer is None:
            raise MissingClaimError(claim="iss")
        engine = self._engines.get(issuer)
        if engine is None:
            raise InvalidIssuerError
        return engine


class _Origin(BaseModel):
    """All that is read of a payload before its signature is checked, and by the parser of `Claims`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", hide_input_in_errors=True)

    iss: str | None = None


def _claimed_issuer(token: str | bytes, max_bytes: int) -> str | None:
    """Give the issuer that a token names. Nobody vouches for it: it only chooses who is asked.

    Raises:
        MalformedTokenError: too long, not three segments, no strict base64url, no JSON object.
        InvalidClaimError: ``iss`` is no text.
        TypeError: the token is neither text nor bytes.
    """
    payload = b64url_decode(split_compact(text_of_token(token, max_bytes=max_bytes))[1])
    try:
        return _Origin.model_validate_json(payload).iss
    except ValidationError as error:
        is_claim = bool(error.errors()[0]["loc"])
        raise_without_context(InvalidClaimError("iss") if is_claim else MalformedTokenError())
