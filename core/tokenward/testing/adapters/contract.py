"""The test suite that every adapter must pass; see `tokenward.testing.adapters` for its service."""

from tokenward.testing.adapters.bearer_contract import BearerContract
from tokenward.testing.adapters.browser_contract import BrowserContract
from tokenward.testing.adapters.cache_contract import CacheContract
from tokenward.testing.adapters.dpop_contract import DpopContract
from tokenward.testing.adapters.mtls_contract import MtlsContract
from tokenward.testing.adapters.resource_contract import ResourceContract
from tokenward.testing.adapters.socket_contract import SocketContract
from tokenward.testing.adapters.stream_contract import StreamContract

__all__ = ["AdapterContract"]


class AdapterContract(
    BearerContract,
    BrowserContract,
    SocketContract,
    StreamContract,
    ResourceContract,
    DpopContract,
    MtlsContract,
    CacheContract,
):
    """Tests of an adapter. Subclass it with a method ``build`` that returns the contract's service.

    ::

        class TestMyAdapter(AdapterContract):
            lacks = {"websockets": "the framework has none"}    # if it lacks any

            def build(self, engine):
                return build_service(engine)

    The same hostile requests go to every adapter, and each must get the same status, challenge,
    cookies and body as in the adapters of Tokenward. `tokenward.testing.adapters` lists the routes
    of the service. The tests need pytest and httpx, and are coroutines of asyncio: run them with
    pytest-asyncio in its auto mode, or with anyio.
    """
