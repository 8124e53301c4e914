"""The part of `TokenAuth` that is the same in every framework."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Annotated, Generic, TypeVar

from tokenward.claims.actor import ActorRule
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import ConfigurationError, TokenError
from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import Carrier
from tokenward.http.connection_lifetime import stream_while_valid
from tokenward.http.key_binding import CertificateSource, DpopChecks
from tokenward.http.misuse import MUST_BE_CALLED, keyword_arguments_only
from tokenward.http.openapi import DocumentedGuard, SecuritySchemes
from tokenward.http.refusal import Refusal
from tokenward.http.requirement import KeyBinding, Requirement
from tokenward.http.resource_metadata import ResourceMetadata

__all__ = ["BaseTokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
RequiredT = TypeVar("RequiredT")
OptionalT = TypeVar("OptionalT")
ItemT = TypeVar("ItemT")


class BaseTokenAuth(ABC, Generic[ClaimsT, RequiredT, OptionalT]):
    """Connects an engine to a web framework; each adapter's `TokenAuth` is a subclass.

    The type parameters are the claims model, and what `required` and `optional` return. An adapter
    of your own implements `_required_guard` and `_optional_guard`, and passes the tests of
    `tokenward.testing.AdapterContract`.
    """

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
        resource: ResourceMetadata | None = None,
        dpop: DpopChecks | None = None,
        mtls: CertificateSource | None = None,
    ) -> None:
        """Connect an engine to the framework.

        Args:
            engine: verifies the tokens: a `TokenEngine`, or `Issuers` for several issuers.
            carriers: where requests carry tokens; by default only the ``Authorization: Bearer``
                header.
            realm: the realm that challenges name (RFC 9110 §11.5).
            scheme_name: the name of the security scheme in the OpenAPI document. Two `TokenAuth`
                of one app need different names.
            resource: the metadata of the API (RFC 9728). Challenges contain its URL and the scopes
                of the route, so that OAuth clients find out where to get a token. Serve it with
                `publish_resource`.
            dpop: verifies the proofs of tokens that are bound to a key of the client (RFC 9449): a
                `DpopVerifier`. The routes then also read ``Authorization: DPoP``. None: such a
                token is refused.
            mtls: finds the certificate to which a token is bound (RFC 8705): a `TlsCertificate` or a
                `ForwardedCertificate`. None: such a token is refused.

        Raises:
            ConfigurationError: an argument is invalid, for example `carriers` is empty.
        """
        self.authenticator: Authenticator[ClaimsT] = Authenticator(
            engine, carriers=carriers, realm=realm, resource=resource, dpop=dpop, mtls=mtls
        )
        self.scheme_name: str = scheme_name
        self._schemes = SecuritySchemes(scheme_name, self.authenticator.carriers)

    @keyword_arguments_only("auth.required(), with parentheses")
    def required(  # noqa: PLR0913 - one for each thing that a route may require
        self,
        *,
        type: Annotated[TokenType, MUST_BE_CALLED] = "access",
        fresh: bool = False,
        max_age: timedelta | None = None,
        acr: Sequence[str] | None = None,
        actor: ActorRule | None = None,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        dpop: KeyBinding = "allowed",
        mtls: KeyBinding = "allowed",
    ) -> RequiredT:
        """Return the guard for HTTP and WebSocket routes that need a token.

        A refused request gets the status and the challenge of RFC 6750. A WebSocket is refused
        before it is accepted.

        Args:
            type: the token type that the route accepts.
            fresh: whether the token must be marked fresh.
            max_age: the maximum time since the user's login (RFC 9470).
            acr: the levels of which the user's login must have one, or a stronger one by the
                policy's `acr_levels`; the challenge names them in this order (RFC 9470).
            actor: the subjects of the actors of which the token must have one (RFC 8693 §4.1). True:
                any actor. False: no actor, so the user acts in person. None: any token.
            scopes: the scopes that the token must contain, all of them.
            any_scope: scopes of which the token must contain at least one, in addition to `scopes`.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.
            check: your own check, sync or async, called with the claims. Any result but True
                refuses the request.
            dpop: ``"required"``: the token must be bound to a DPoP key, arrives in
                ``Authorization: DPoP``, and comes with a proof. ``"allowed"``: bearer tokens are
                accepted too. A bound token always needs its proof.
            mtls: ``"required"``: the token must be bound to the certificate of the client.
                ``"allowed"``: other tokens are accepted too. A bound token always needs its
                certificate.

        Returns:
            FastAPI: a dependency for ``Depends`` and ``Security``, whose value is the claims; scopes
            of ``Security`` are required in addition to `scopes`. Litestar: a guard. Quart: a
            decorator, placed below ``@app.route``.

        Raises:
            ConfigurationError, TypeError: an argument is invalid.
        """
        requirement = Requirement(
            type=type,
            fresh=fresh,
            max_age=max_age,
            acr=acr,
            actor=actor,
            scopes=scopes,
            any_scope=any_scope,
            carriers=carriers,
            check=check,
            dpop=dpop,
            mtls=mtls,
        )
        self.authenticator.check_requirement(requirement)
        return self._required_guard(requirement)

    @keyword_arguments_only("auth.optional(), with parentheses")
    def optional(  # noqa: PLR0913 - what `required` takes
        self,
        *,
        type: Annotated[TokenType, MUST_BE_CALLED] = "access",
        fresh: bool = False,
        max_age: timedelta | None = None,
        acr: Sequence[str] | None = None,
        actor: ActorRule | None = None,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        dpop: KeyBinding = "allowed",
        mtls: KeyBinding = "allowed",
    ) -> OptionalT:
        """Return a guard as `required` does; without a token the claims are None.

        An invalid token is still refused. The OpenAPI document shows the token as optional.

        Args:
            type: as for `required`.
            fresh: as for `required`.
            max_age: as for `required`.
            acr: as for `required`.
            actor: as for `required`.
            scopes: as for `required`.
            any_scope: as for `required`.
            carriers: as for `required`.
            check: as for `required`.
            dpop: as for `required`.
            mtls: as for `required`.

        Raises:
            ConfigurationError, TypeError: an argument is invalid.
        """
        requirement = Requirement(
            type=type,
            fresh=fresh,
            max_age=max_age,
            acr=acr,
            actor=actor,
            scopes=scopes,
            any_scope=any_scope,
            carriers=carriers,
            check=check,
            dpop=dpop,
            mtls=mtls,
            optional=True,
        )
        self.authenticator.check_requirement(requirement)
        return self._optional_guard(requirement)

    def refusal(self, error: TokenError) -> Refusal:
        """Return the response that an error gets: its status, headers and JSON body.

        For your own exception handler, which changes the body and keeps the rest::

            refusal = auth.refusal(error)
            return JSONResponse({"message": refusal.detail}, refusal.status, refusal.headers)

        Args:
            error: an error that the engine or a guard raised.
        """
        return self.authenticator.refusal(error)

    @property
    def _published_resource(self) -> ResourceMetadata:
        """The resource that `publish_resource` serves.

        Raises:
            ConfigurationError: this `TokenAuth` has no `resource`.
        """
        if self.authenticator.resource is None:
            msg = "publish_resource needs a resource: TokenAuth(engine, resource=ResourceMetadata(...))."
            raise ConfigurationError(msg)
        return self.authenticator.resource

    def stream_while_valid(
        self,
        claims: ClaimsT,
        items: AsyncIterable[ItemT],
        *,
        check_every: timedelta = timedelta(seconds=5),
    ) -> AsyncGenerator[ItemT, None]:
        """Return the items of a stream while a token is valid; then close the stream.

        ::

            StreamingResponse(auth.stream_while_valid(claims, events()))

        Args:
            claims: the claims of the request's token.
            items: the stream, such as an async generator. It is closed with ``aclose``, if it has
                that method, however the result ends.
            check_every: the interval between revocation checks. An expiry takes effect on
                time and does not wait for a check.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
            TypeError: `claims` is not a `Claims` object, or `items` is not an async iterable.
        """
        engine = self.authenticator.engine
        return stream_while_valid(engine, claims, items, check_every=check_every)

    def _documented_refresh(self, carriers: Sequence[Carrier] | None) -> DocumentedGuard:
        """Return what the document says about a route that calls `refresh`."""
        return DocumentedGuard(self._schemes, Requirement(type="refresh", carriers=carriers))

    @abstractmethod
    def _required_guard(self, requirement: Requirement[ClaimsT]) -> RequiredT:
        """Return the framework's guard for a requirement."""

    @abstractmethod
    def _optional_guard(self, requirement: Requirement[ClaimsT]) -> OptionalT:
        """Return the framework's guard for an optional requirement."""
