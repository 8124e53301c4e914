"""The fixtures of `AdapterContract`, and the features that an adapter can lack."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias, get_args

import httpx
import pytest

from tokenward.engine.token_engine import TokenEngine
from tokenward.http.dpop.verifier import DpopVerifier
from tokenward.http.key_binding import CertificateSource
from tokenward.http.resource_metadata import ResourceMetadata
from tokenward.testing.adapters.service import client_of, contract_engine, revoke_some
from tokenward.testing.adapters.tokens import ShopClaims
from tokenward.testing.clock import FrozenClock

__all__ = ["AdapterFixtures", "Feature", "needs"]

Feature: TypeAlias = Literal[
    "cookies", "dpop", "forms", "groups", "mtls", "resource", "streams", "websockets"
]
"""A part of the contract that a framework may not have."""


def needs(*features: Feature) -> pytest.MarkDecorator:
    """Skip a test if the adapter lacks a feature."""
    return pytest.mark.usefixtures(*(f"needs_{feature}" for feature in features))


class AdapterFixtures:
    """Builds the service of the contract with an adapter, and clients for it."""

    lacks: ClassVar[Mapping[Feature, str]] = {}
    """The features that the framework does not have, each with the reason. Their tests are skipped."""

    def __init_subclass__(cls) -> None:
        """Check `lacks`.

        Raises:
            TypeError: a feature is unknown, or has no reason.
        """
        super().__init_subclass__()
        for feature, reason in cls.lacks.items():
            if feature not in get_args(Feature):
                msg = (
                    f"lacks names an unknown feature. The features: {', '.join(get_args(Feature))}."
                )
                raise TypeError(msg)
            if not isinstance(reason, str) or not reason.strip():
                msg = f"lacks must say why: lacks = {{{feature!r}: 'the framework has none'}}."
                raise TypeError(msg)

    def build(self, engine: TokenEngine[ShopClaims]) -> object:
        """Return the service of the contract as an ASGI app; see `tokenward.testing.adapters`.

        Args:
            engine: the engine of the service.

        Raises:
            NotImplementedError: the subclass does not implement it.
        """
        msg = (
            "Implement build(self, engine): it returns the service of the contract as an ASGI app."
        )
        raise NotImplementedError(msg)

    def build_streams(
        self,
        engine: TokenEngine[ShopClaims],
        events: Callable[[], AsyncIterator[str]],
        check_every: timedelta,
    ) -> object:
        """Return an app with the routes ``GET /stream`` and ``GET /events``, which require a token.

        Each streams ``stream_while_valid(claims, events(), check_every=check_every)``: the first as
        text, the second as server-sent events. ``GET /recent`` is the first with
        ``required(max_age=timedelta(minutes=10))``.

        Args:
            engine: the engine of the service.
            events: what is streamed.
            check_every: the interval between revocation checks.

        Raises:
            NotImplementedError: the subclass does not implement it.
        """
        msg = "Implement build_streams(...), or say why not: lacks = {'streams': '...'}."
        raise NotImplementedError(msg)

    def build_resource(self, engine: TokenEngine[ShopClaims], metadata: ResourceMetadata) -> object:
        """Return an app with ``TokenAuth(engine, resource=metadata)``, which serves the metadata.

        Its routes answer ``{"sub": claims.sub}``:

        ==============  ===================================================================
        GET /me         required()
        GET /orders     required(scopes=["orders:read"])
        GET /any        required(scopes=["shop"], any_scope=["orders:read", "admin"])
        GET /fresh      required(fresh=True, scopes=["orders:read"])
        GET /checked    required(scopes=["shop"], check=lambda claims: False)
        POST /renew     nothing; raises the error of ``engine.refresh("x")``
        WebSocket /ws   required(scopes=["orders:read"])
        ==============  ===================================================================

        Args:
            engine: the engine of the service.
            metadata: the metadata, served at each of its `paths` as `publish_resource` does.

        Raises:
            NotImplementedError: the subclass does not implement it.
        """
        msg = "Implement build_resource(...), or say why not: lacks = {'resource': '...'}."
        raise NotImplementedError(msg)

    def build_dpop(self, engine: TokenEngine[ShopClaims], dpop: DpopVerifier) -> object:
        """Return an app with ``TokenAuth(engine, dpop=dpop)``.

        Its routes answer ``{"sub": claims.sub}``:

        ===================  =====================================================================
        those of             the guard of each route
        `dpop_routes`
        GET /maybe-bound     optional(dpop="required"); null without claims
        GET /bound-twice     required(dpop="required"), twice: on the route, and on its group if the
                             framework has groups
        POST /login          a pair of ``engine.issue_pair`` for alice of acme, bound to
                             ``proven_key(request)``, as ``access_token`` and ``refresh_token``
        POST /refresh        the pair of ``refresh(request)``, in the same form
        WebSocket /ws        required(dpop="required"): accepts, sends ``sub`` as text, closes
        ===================  =====================================================================

        Args:
            engine: the engine of the service.
            dpop: verifies the proofs.

        Raises:
            NotImplementedError: the subclass does not implement it.
        """
        msg = "Implement build_dpop(...), or say why not: lacks = {'dpop': '...'}."
        raise NotImplementedError(msg)

    def build_mtls(self, engine: TokenEngine[ShopClaims], mtls: CertificateSource) -> object:
        """Return an app with ``TokenAuth(engine, mtls=mtls)``.

        Its routes are those of `build_dpop`, with `mtls_routes` in place of `dpop_routes`, and with
        ``mtls="required"`` in place of ``dpop="required"``.

        Args:
            engine: the engine of the service.
            mtls: finds the certificates.

        Raises:
            NotImplementedError: the subclass does not implement it.
        """
        msg = "Implement build_mtls(...), or say why not: lacks = {'mtls': '...'}."
        raise NotImplementedError(msg)

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """Return the clock of the test's own engine."""
        return FrozenClock()

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls) -> object:
        """Return the service, built once for all tests that change no state; some tokens are revoked."""
        clock = FrozenClock()
        engine = contract_engine(clock)
        asyncio.run(revoke_some(engine, clock))
        return cls().build(engine)

    @pytest.fixture
    async def client(self, app: object) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client of `app`."""
        async with client_of(app) as client:
            yield client

    @pytest.fixture
    async def own_client(self, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client of a service for one test, which may use up or revoke tokens."""
        async with client_of(self.build(contract_engine(clock))) as client:
            yield client

    @pytest.fixture
    def needs_cookies(self) -> None:
        """Skip if the adapter does not set cookies."""
        self._skip_if_lacking("cookies")

    @pytest.fixture
    def needs_dpop(self) -> None:
        """Skip if the adapter does not verify DPoP proofs."""
        self._skip_if_lacking("dpop")

    @pytest.fixture
    def needs_forms(self) -> None:
        """Skip if the adapter does not read the CSRF token from a form."""
        self._skip_if_lacking("forms")

    @pytest.fixture
    def needs_groups(self) -> None:
        """Skip if the framework does not guard a group of routes."""
        self._skip_if_lacking("groups")

    @pytest.fixture
    def needs_mtls(self) -> None:
        """Skip if the adapter does not check certificates."""
        self._skip_if_lacking("mtls")

    @pytest.fixture
    def needs_resource(self) -> None:
        """Skip if the adapter does not serve protected resource metadata."""
        self._skip_if_lacking("resource")

    @pytest.fixture
    def needs_streams(self) -> None:
        """Skip if the framework does not stream responses."""
        self._skip_if_lacking("streams")

    @pytest.fixture
    def needs_websockets(self) -> None:
        """Skip if the framework has no WebSockets."""
        self._skip_if_lacking("websockets")

    def _skip_if_lacking(self, feature: Feature) -> None:
        if feature in self.lacks:
            pytest.skip(f"The adapter lacks {feature}: {self.lacks[feature]}")
