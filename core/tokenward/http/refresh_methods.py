"""`Authenticator.refresh` and `Authenticator.proven_key`: requests for tokens."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tokenward._arguments import check_predicate
from tokenward.claims.model import Claims
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import MissingTokenError, TokenError
from tokenward.hooks import maybe_await
from tokenward.http.arguments import check_key_requirement
from tokenward.http.carriers import Carrier
from tokenward.http.key_binding import CertificateSource, DpopChecks, KeyProof
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.http.token_search import find_token
from tokenward.tokens.arguments import check_login_arguments
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey

__all__ = ["RefreshMethods"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class RefreshMethods(Generic[ClaimsT]):
    """The methods of `Authenticator` for requests for tokens; its constructor sets the attributes."""

    carriers: tuple[Carrier, ...]
    dpop: DpopChecks | None
    mtls: CertificateSource | None
    engine: TokenVerifier[ClaimsT]

    async def refresh(
        self,
        request: RequestView,
        *,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        fresh: bool = False,
        acr: str | None = None,
    ) -> TokenPair:
        """Exchange the request's refresh token for a new pair; see `TokenEngine.refresh`.

        With `dpop`, a proof in the request is verified, and a bound refresh token needs the proof of
        its key. With `mtls`, one that is bound to a certificate needs that certificate (RFC 8705 §4).
        The new pair of a token that is not bound becomes bound to what the request proves.

        A refresh token that comes only from a cookie needs the CSRF token with every request
        method, because a refresh is never safe (RFC 9110 §9.2.1).

        Args:
            request: the request.
            carriers: where the token is looked for, instead of the authenticator's carriers.
            check: your own check, sync or async, called with the claims of the refresh token after
                the CSRF check. Any result but True refuses the request.
            fresh: whether the user has just logged in again, which `check` verifies; see
                `TokenEngine.refresh`.
            acr: the level of this login.

        Raises:
            TokenError: the request is refused. The refresh token stays usable, unless the error
                reports its reuse.
            ConfigurationError: `check` is not a function of the claims, `fresh` is True without a
                `check`, or there is an `acr` without `fresh`.
        """
        check_login_arguments(fresh=fresh, acr=acr, check=check)
        if check is not None:
            check_predicate(check)
        searched = self.carriers if carriers is None else carriers
        try:
            found = find_token(request, searched, "refresh")
            if found is None:
                raise MissingTokenError
            token, ambient = found

            async def check_all(claims: ClaimsT) -> bool:
                for carrier in ambient:
                    await carrier.check_csrf(request, claims, "refresh")
                if check is not None and await maybe_await(check(claims)) is not True:
                    return False
                await proof.consume()
                return True

            proof = KeyProof(request, self.dpop, self.mtls, self.engine.now())
            return await self.engine.refresh(
                token, check=check_all, bound_to=proof.key, fresh=fresh, acr=acr
            )
        except TokenError as error:
            await self.engine.report_refusal(error)
            raise

    async def proven_key(self, request: RequestView) -> ProvenKey | None:
        """Return the key that a login proves (RFC 9449 §5, RFC 8705 §3), for `bound_to` of `TokenEngine.issue_pair`.

        Call it after you have checked who logs in, because each proof leaves a record in a store.

        Args:
            request: the request.

        Returns:
            None if the request has neither a proof nor a certificate: the client wants bearer
            tokens.

        Raises:
            DpopProofError, DpopNonceRequiredError, StoreUnavailableError: see `DpopVerifier`.
            KeyBindingError: see `ForwardedCertificate` and `TlsCertificate`.
            ConfigurationError: this authenticator has neither `dpop` nor `mtls`.
        """
        if self.mtls is None:
            check_key_requirement(Requirement(dpop="required"), dpop=self.dpop, mtls=None)
        try:
            proof = KeyProof(request, self.dpop, self.mtls, self.engine.now())
            await proof.consume()
        except TokenError as error:
            await self.engine.report_refusal(error)
            raise
        return proof.key
