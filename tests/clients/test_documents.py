"""The examples answer as their OpenAPI documents say, to valid, invalid and hostile requests."""

import asyncio
import json
import re
from collections import defaultdict

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import shop
from tests.clients.conftest import ORIGIN

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW = settings(
    max_examples=4,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
CREDENTIALS = ("nothing", "access_token", "refresh_token")
OPERATIONS = {
    "POST /login",
    "POST /refresh",
    "POST /session",
    "POST /session/refresh",
    "POST /session/logout",
    "POST /session/logout/everywhere",
    "GET /devices",
    "DELETE /devices/{session}",
    "GET /claims",
    "GET /orders",
    "POST /orders",
    "DELETE /orders",
}


async def send(app, case, credential):
    """Send a generated request with a token of a new session, and return the response."""
    headers = {}
    if credential != "nothing":
        pair = await shop.open_session(shop.Login(username="test", password="test"))
        headers["Authorization"] = f"Bearer {getattr(pair, credential)}"

    generated = case.as_transport_kwargs(base_url=ORIGIN, headers=headers)
    prepared = requests.Request(**generated).prepare()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.request(
            prepared.method, prepared.url, headers=dict(prepared.headers), content=prepared.body
        )


def statuses_of(app, operation, mode, credential):
    """Send requests of one operation, check each response, and return the statuses."""
    statuses = set()

    @FEW
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        response = asyncio.run(send(app, case, credential))
        case.validate_response(response, checks=CHECKS)
        statuses.add(response.status_code)

    check()
    return statuses


def test_no_response_is_undocumented(app, document_file):
    """Each response has a documented status, content type and body, and none is a server error."""
    schema = schemathesis.openapi.from_path(document_file)
    statuses = defaultdict(set)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            for credential in CREDENTIALS:
                statuses[operation.label] |= statuses_of(app, operation, mode, credential)

    assert statuses.keys() == OPERATIONS
    # Nothing but the password of a login, and the scope of a deletion, is out of reach.
    refused = {label for label, seen in statuses.items() if 200 not in seen}
    assert refused == {"POST /login", "POST /session", "DELETE /orders"}
    assert all(401 in seen for seen in statuses.values())
    assert 403 in statuses["DELETE /orders"]


def descriptions_in(node):
    """Yield every description of a document."""
    if isinstance(node, dict):
        yield from (
            text for name, text in node.items() if (name, type(text)) == ("description", str)
        )
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from descriptions_in(child)


def test_descriptions_are_for_clients(document_file):
    """No description contains the markup of a docstring, or speaks of Python."""
    found = {*descriptions_in(json.loads(document_file.read_text(encoding="utf-8")))}

    assert "The token is missing or invalid." in found
    about_python = re.compile(r"`|::|\brepr|\bdocstring|Pydantic|__")
    assert {text for text in found if about_python.search(text)} == set()
