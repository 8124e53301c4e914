"""An engine for tokens that only their issuer can read."""

from collections.abc import Callable
from typing import Any, ClassVar, Final, Generic, TypeVar, Unpack, overload

from tokenward._arguments import refuse
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.introspection.introspector import Introspector
from tokenward.engine.introspection.options import IntrospectionOptions
from tokenward.engine.introspection.sources import IntrospectedJws, IntrospectionKeys, TokenTexts
from tokenward.engine.token_engine import TokenEngine
from tokenward.jose.segments import text_of_token
from tokenward.jose.signature_cache import SignatureCache
from tokenward.policy import TokenPolicy
from tokenward.stores.protocol import RevocationStore

__all__ = ["IntrospectedTokens"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

# No server issues such a token: it is too short to be secret.
_NOT_ISSUED: Final = "ping"


class IntrospectedTokens(TokenEngine[ClaimsT], Generic[ClaimsT]):
    """Verifies tokens by asking the authorization server that issued them (RFC 7662).

    It stands wherever a `TokenEngine` stands. Opaque tokens, which have no readable content, get the
    claims, errors and refusals of JWTs; so do JWTs whose issuer must be asked about revocation::

        engine = IntrospectedTokens(
            "https://login.example/oauth/introspect",
            client_id="shop-api",
            client_secret=os.environ["INTROSPECTION_SECRET"],
            policy=TokenPolicy(
                issuer="https://login.example/",
                audience="shop-api",
                required_claims={"exp", "sub"},
                type_source="always-access",
                access_token_claims={"token_use": "access_token"},
            ),
        )

    A token is accepted only if ``active`` in the answer is the boolean true, and the other members
    pass every check of the policy. While the endpoint does not answer, requests are refused with 503,
    unless the answer about their token is cached. The engine issues and refreshes no tokens.
    """

    is_opaque: ClassVar[bool] = True

    @overload
    def __init__(
        self: "IntrospectedTokens[Claims]",
        url: str,
        *,
        policy: TokenPolicy,
        store: RevocationStore | None = ...,
        clock: Callable[[], float] | None = ...,
        **options: Unpack[IntrospectionOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        url: str,
        *,
        policy: TokenPolicy,
        claims_model: type[ClaimsT],
        store: RevocationStore | None = ...,
        clock: Callable[[], float] | None = ...,
        **options: Unpack[IntrospectionOptions],
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *,
        policy: TokenPolicy,
        claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # see the overloads
        store: RevocationStore | None = None,
        clock: Callable[[], float] | None = None,
        **options: Unpack[IntrospectionOptions],
    ) -> None:
        """Take the endpoint, the credentials of this service, and the policy.

        Args:
            url: the introspection endpoint: https; plain http only for ``localhost``, ``127.0.0.1``,
                ``[::1]`` and `plain_http_hosts`. Redirects, and answers of more than 64 KiB, are
                refused.
            policy: what the members of an answer must be. `type_source` is ``"claim"`` or
                ``"always-access"``, and there is no `profile`, because an answer has no JOSE header.
                The limits of the signature cache are those of each of the two caches of answers.
            claims_model: see `TokenEngine`.
            store: see `TokenEngine`; for your own revocations, in addition to those of the issuer.
            clock: see `TokenEngine`.
            options: see `IntrospectionOptions`. Credentials are required: `client_id` and
                `client_secret`, or `bearer_token`, or a `client` that sends its own.

        Raises:
            ConfigurationError: httpx is not installed, or an argument is invalid.
            TypeError: `claims_model` redefines registered claims, or an option is unknown.

        Not checked: that a token is an access token, if `type_source` is ``"always-access"``. Many
        servers call refresh tokens active as well: name the members that only access tokens have in
        the policy's `access_token_claims`.
        """
        if (
            not isinstance(policy, TokenPolicy)
            or policy.type_source == "typ"
            or policy.profile is not None
        ):
            refuse(
                "policy must be a TokenPolicy whose type_source is 'claim' or 'always-access', and "
                "that has no profile: an answer has no header."
            )
        self._introspector = Introspector(url, policy, options)
        keys = IntrospectionKeys(self._introspector)
        engine_options: dict[str, Any] = {} if clock is None else {"clock": clock}
        super().__init__(
            keys, policy=policy, claims_model=claims_model, store=store, **engine_options
        )
        self._cache = SignatureCache(max_entries=0, max_bytes=0)
        self._jws = IntrospectedJws(keys, self._introspector, max_bytes=policy.max_token_bytes)
        self._texts: TokenTexts[ClaimsT] = TokenTexts()

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check again that a token has not expired and is active; see `TokenEngine.revalidate`.

        The endpoint is asked again unless its last answer is cached. The new answer must pass every
        check of the policy as well.

        Raises:
            TokenRevokedError: the token is not active any more, or it is revoked here.
            TokenError: see `TokenEngine.revalidate`.
            TypeError: `claims` is not the object that `decode` of this engine returned. A copy is not
                enough, because the endpoint needs the token.
        """
        left = await super().revalidate(claims)
        text = self._texts.text_of(claims)
        if text is None:
            msg = "claims must be the object that decode of this engine returned, not a copy of it."
            raise TypeError(msg)
        now = self.now()
        verified = await self._jws.verify_or_fetch(text, now)
        current = self._validator.read_claims(verified.payload)
        self._validator.check(current, verified, expected=None, now=now)
        return min(left, self._validator.seconds_left(current, now))

    async def ping(self) -> None:
        """Check that the endpoint and the store can be used; see `TokenEngine.ping`.

        The endpoint is asked about a text that is not a token, unless its last answer is cached.

        Raises:
            StoreUnavailableError: the endpoint or the store failed, or did not answer in time.
            ConfigurationError: see `TokenEngine.ping`.
        """
        await super().ping()
        await self._introspector.ask(_NOT_ISSUED, self.now())

    async def _decode(
        self, token: str | bytes, expected: TokenType | None, now: float
    ) -> tuple[ClaimsT, bytes]:
        claims, payload = await super()._decode(token, expected, now)
        self._texts.keep(claims, text_of_token(token, max_bytes=self._max_bytes))
        return claims, payload
