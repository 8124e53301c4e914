"""Tokens of several issuers, each verified by the engine of its own issuer and by no other."""

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

    The ``iss`` of a token is read before the token is verified, and only chooses the engine. That
    engine makes all checks, including the issuer, with its own keys, audience, claims model, store
    and hooks: the key of one issuer never verifies the token of another.

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
        """Combine engines; each verifies the tokens of its policy's `issuer`.

        The claims have the model of the token's engine. Up to four different models form a union
        type; more than four should have a common base class.

        Raises:
            ConfigurationError: there is no engine, an engine has no issuer, or two have the same.
        """
        self._engines: dict[str, TokenEngine[Any]] = {}
        for engine in engines:
            if not isinstance(engine, TokenEngine):
                msg = (
                    f"Issuers takes engines, not {kind_of(engine)}: "
                    "pass Issuers(first_engine, second_engine)."
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
        """Verify a token with the engine of its issuer; see `TokenEngine.decode`.

        Raises:
            MissingClaimError: the token has no issuer.
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

    def check_fresh(self, claims: ClaimsT, *, max_age: timedelta | None = None) -> None:
        """Check that the user logged in recently; see `TokenEngine.check_fresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            FreshTokenRequiredError: the login is too old or unknown, or the token is not fresh.
        """
        self._engine_of_claims(claims).check_fresh(claims, max_age=max_age)

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> TokenPair:
        """Trade a refresh token for the next pair of the same issuer; see `TokenEngine.refresh`.

        Raises:
            MissingClaimError, InvalidIssuerError: see `decode`.
            WrongTokenTypeError: the keys of its engine only verify: only the issuer can trade it.
            InvalidTokenError, StoreUnavailableError: its engine refuses it.
        """
        return await self._engine_of_token(token).refresh(token, check=check)

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

    def now(self) -> float:
        """Return the time of the first engine; engines of one service share a clock."""
        return next(iter(self._engines.values())).now()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the issuers."""
        return iter(self._engines)

    def __len__(self) -> int:
        """Count the issuers."""
        return len(self._engines)

    def _engine_of_token(self, token: str | bytes) -> TokenEngine[Any]:
        return self._engine_of_issuer(_claimed_issuer(token, self._max_bytes))

    def _engine_of_claims(self, claims: ClaimsT) -> TokenEngine[ClaimsT]:
        if not isinstance(claims, Claims):
            msg = f"claims must be an object that decode returned, not {kind_of(claims)}."
            raise TypeError(msg)
        return self._engine_of_issuer(claims.iss)

    def _engine_of_issuer(self, issuer: str | None) -> TokenEngine[Any]:
        if issuer is None:
            raise MissingClaimError(claim="iss")
        engine = self._engines.get(issuer)
        if engine is None:
            raise InvalidIssuerError
        return engine


class _Origin(BaseModel):
    """The only claim that is read before the signature is verified; parsed as `Claims` parses it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", hide_input_in_errors=True)

    iss: str | None = None


def _claimed_issuer(token: str | bytes, max_bytes: int) -> str | None:
    """Return the ``iss`` of a token. Unverified: used only to choose the engine that verifies it.

    Raises:
        MalformedTokenError: the token is too long or has not three segments, or its payload is not
            strict base64url or not a JSON object.
        InvalidClaimError: ``iss`` is not text.
        TypeError: the token is neither text nor bytes.
    """
    payload = b64url_decode(split_compact(text_of_token(token, max_bytes=max_bytes))[1])
    try:
        return _Origin.model_validate_json(payload).iss
    except ValidationError as error:
        is_claim = bool(error.errors()[0]["loc"])
        raise_without_context(InvalidClaimError("iss") if is_claim else MalformedTokenError())
