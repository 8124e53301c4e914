"""The contract of all adapters, for the services in this folder."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, ClassVar

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.http import CertificateSource, ResourceMetadata
from tokenward.http.dpop import DpopVerifier
from tokenward.testing import AdapterContract

__all__ = ["OurContract"]


class OurContract(AdapterContract):
    """The contract, for the services whose modules begin with a name."""

    name: ClassVar[str]

    def build(self, engine: TokenEngine[ShopClaims]) -> object:
        """Return the service of the contract."""
        return self._module("service").build(engine)

    def build_streams(
        self,
        engine: TokenEngine[ShopClaims],
        events: Callable[[], AsyncIterator[str]],
        check_every: timedelta,
    ) -> object:
        """Return the service with streams."""
        return self._module("streams").build(engine, events, check_every)

    def build_resource(self, engine: TokenEngine[ShopClaims], metadata: ResourceMetadata) -> object:
        """Return the service with metadata."""
        return self._module("resource").build(engine, metadata)

    def build_dpop(self, engine: TokenEngine[ShopClaims], dpop: DpopVerifier) -> object:
        """Return the service with DPoP."""
        return self._module("bound").build(engine, dpop=dpop)

    def build_mtls(self, engine: TokenEngine[ShopClaims], mtls: CertificateSource) -> object:
        """Return the service with certificates."""
        return self._module("bound").build(engine, mtls=mtls)

    def _module(self, part: str) -> Any:
        return import_module(f"tests.adapters.{self.name}_{part}")
