"""The contract of all adapters, for Quart."""

from tests.adapters.our_contract import OurContract


class TestQuart(OurContract):
    """The contract, for Quart."""

    name = "quart"
