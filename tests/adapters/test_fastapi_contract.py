"""The contract of all adapters, for FastAPI."""

from tests.adapters.our_contract import OurContract


class TestFastAPI(OurContract):
    """The contract, for FastAPI."""

    name = "fastapi"
