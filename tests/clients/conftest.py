"""Fixtures: the example in each framework, and its OpenAPI document."""

import asyncio
import json
import sys
from importlib import import_module

import httpx
import pytest

# The example, and where its framework serves the document.
SHOPS = {
    "fastapi": ("fastapi_app", "/openapi.json"),
    "litestar": ("litestar_app", "/schema/openapi.json"),
    "quart": ("quart_document", "/openapi.json"),
}
ORIGIN = "https://localhost"


@pytest.fixture(scope="module", params=SHOPS)
def framework(request):
    """Return the name of each framework."""
    return request.param


@pytest.fixture(scope="module")
def app(framework):
    """Return a new app of the example: quart-schema does not document one that has started."""
    module = SHOPS[framework][0]
    with pytest.MonkeyPatch.context() as patch:
        for name in (module, "quart_app"):
            patch.delitem(sys.modules, name, raising=False)
        return import_module(module).app


@pytest.fixture(scope="module")
def document_file(framework, app, tmp_path_factory):
    """Return the path of a file with the document of the example."""

    async def fetch():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return (await client.get(SHOPS[framework][1])).json()

    path = tmp_path_factory.mktemp(framework) / "openapi.json"
    path.write_text(json.dumps(asyncio.run(fetch())), encoding="utf-8")
    return path
