"""An adapter may lack a part of the contract: nothing is built for that part."""

from tokenward.testing.adapters.dpop_contract import DpopContract
from tokenward.testing.adapters.mtls_contract import MtlsContract


class TestWithoutBoundTokens:
    """An adapter that lacks tokens that are bound to a key."""

    lacks = frozenset({"dpop", "mtls"})
    dpop_app = vars(DpopContract)["dpop_app"]
    mtls_apps = vars(MtlsContract)["mtls_apps"]

    def test_no_service_is_built(self, dpop_app: object, mtls_apps: dict[str, object]) -> None:
        """The adapter has no method that could build it."""
        assert dpop_app is None
        assert mtls_apps == {}
