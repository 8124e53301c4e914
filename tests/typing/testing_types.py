"""The contract of the adapters as the author of an adapter sees it: checked by mypy, not run."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from starlette.applications import Starlette

from tokenward import TokenEngine
from tokenward.http import ResourceMetadata
from tokenward.testing import AdapterContract
from tokenward.testing.adapters import BROWSER_CARRIERS, ShopClaims
from tokenward_fastapi import TokenAuth


class TestMyAdapter(AdapterContract):
    """Every method returns the app of the framework."""

    def build(self, engine: TokenEngine[ShopClaims]) -> Starlette:
        """Use the constants of the contract."""
        TokenAuth(engine, carriers=BROWSER_CARRIERS)
        return Starlette()

    def build_streams(
        self,
        engine: TokenEngine[ShopClaims],
        events: Callable[[], AsyncIterator[str]],
        check_every: timedelta,
    ) -> Starlette:
        """Stream the events."""
        TokenAuth(engine).stream_while_valid(ShopClaims(sub="a", tenant="b"), events())
        return Starlette()

    def build_resource(
        self, engine: TokenEngine[ShopClaims], metadata: ResourceMetadata
    ) -> Starlette:
        """Serve the metadata."""
        TokenAuth(engine, resource=metadata)
        return Starlette()


class TestWithoutWebSockets(AdapterContract):
    """A feature can be lacking, with a reason."""

    lacks = {"websockets": "the framework has none"}  # noqa: RUF012 - as a user writes it


class TestWithMistakes(AdapterContract):
    """Unknown features and other engines are errors."""

    lacks = {"sockets": "the framework has none"}  # type: ignore[dict-item] # noqa: RUF012

    def build(self, engine: str) -> object:  # type: ignore[override]
        """Take something else."""
        return engine
