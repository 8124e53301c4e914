"""Protected resource metadata (RFC 9728): what only our adapters have; the contract has the rest."""

from importlib import import_module

import pytest

from tests.adapters.adapters import WANTED
from tests.support import FrozenClock
from tokenward import ConfigurationError
from tokenward.http import ResourceMetadata
from tokenward.testing.adapters.service import ISSUER, client_of, contract_engine

METADATA = ResourceMetadata("https://api.example/mcp", authorization_servers=[ISSUER])


@pytest.mark.parametrize("framework", WANTED)
def test_nothing_to_publish(framework: str, clock: FrozenClock) -> None:
    """Without a resource `publish_resource` names the fix."""
    engine = contract_engine(clock)
    auth = import_module(f"tokenward_{framework}").TokenAuth(engine)
    app = import_module(f"tests.adapters.{framework}_resource").build(engine, METADATA)

    with pytest.raises(ConfigurationError, match="resource=ResourceMetadata"):
        auth.publish_resource(app)


@pytest.mark.skipif("fastapi" not in WANTED, reason="FastAPI alone has Security")
async def test_scopes_of_security_are_named(clock: FrozenClock) -> None:
    """FastAPI: the challenge names the scopes of `Security` as well."""
    app = import_module("tests.adapters.fastapi_resource").build(contract_engine(clock), METADATA)
    async with client_of(app) as client:
        challenge = (await client.get("/security")).headers["www-authenticate"]

    assert challenge == f'Bearer realm="api", scope="a b", resource_metadata="{METADATA.url}"'
