"""The contract of all adapters, for Litestar."""

from tests.adapters.our_contract import OurContract


class TestLitestar(OurContract):
    """The contract, for Litestar."""

    name = "litestar"
