"""A client that openapi-python-client generates: it logs in, calls guarded routes and reads refusals."""

import importlib
import subprocess
import sys
from typing import get_args, get_type_hints

import httpx
import pytest

from tests.clients.conftest import ORIGIN


class GeneratedClient:
    """The package that was generated from one document."""

    def __init__(self, package, directory, app):
        """Take the imported package and the app that it calls."""
        self.package = package
        self._app = app
        # The modules have names that each framework derives in its own way.
        self._modules = {
            file.stem: file.read_text(encoding="utf-8")
            for file in (directory / "api" / "default").glob("*.py")
        }

    def connect(self, token=None):
        """Return a client of the app, with or without a token."""
        options = {
            "base_url": ORIGIN,
            "raise_on_unexpected_status": True,
            "httpx_args": {"transport": httpx.ASGITransport(self._app)},
        }
        if token is None:
            return self.package.Client(**options)
        return self.package.AuthenticatedClient(**options, token=token)

    async def call(self, client, method, path, *, body=None, **arguments):
        """Call one operation and return its typed response."""
        (name,) = (
            name
            for name, text in self._modules.items()
            if f'"url": "{path}"' in text and f'"method": "{method}"' in text
        )
        module = importlib.import_module(f"{self.package.__name__}.api.default.{name}")
        function = module.asyncio_detailed
        if body is not None:
            hint = get_type_hints(function)["body"]
            (model,) = (each for each in get_args(hint) or [hint] if hasattr(each, "from_dict"))
            arguments["body"] = model.from_dict(body)
        return await function(client=client, **arguments)

    async def log_in(self, client, path):
        """Call an operation that takes a name and a password."""
        return await self.call(client, "post", path, body={"username": "test", "password": "test"})


@pytest.fixture(scope="module")
def generated(framework, app, document_file):
    """Generate the client and import it."""
    name, directory = f"{framework}_client", document_file.parent
    settings = directory / "settings.yaml"
    settings.write_text("post_hooks: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    command += ["--path", document_file, "--output-path", directory / name, "--meta", "none"]
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [*command, "--config", settings], check=False, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        yield GeneratedClient(importlib.import_module(name), directory / name, app)


async def test_tokens_in_headers(generated):
    """A program logs in, reads a guarded route, is refused with a typed body, and refreshes."""
    login = await generated.log_in(generated.connect(), "/login")
    pair = login.parsed
    assert login.headers["cache-control"] == "no-store"

    client = generated.connect(pair.access_token)
    claims = await generated.call(client, "get", "/claims")
    assert claims.parsed.foo == ["fiz", "baz"]

    wrong = await generated.call(generated.connect("none"), "get", "/claims")
    missing = await generated.call(generated.connect(), "get", "/claims")
    lacking = await generated.call(client, "delete", "/orders")
    refusals = {
        answer.status_code.value: (type(answer.parsed).__name__, answer.parsed.code)
        for answer in (missing, lacking)
    }
    assert wrong.parsed.code == "token_malformed"
    assert refusals == {
        401: ("RefusalBody", "token_missing"),
        403: ("RefusalBody", "insufficient_scope"),
    }

    refresh = generated.connect(pair.refresh_token)
    renewed = (await generated.call(refresh, "post", "/refresh")).parsed
    assert renewed.access_token != pair.access_token


async def test_tokens_in_cookies(generated):
    """A client with cookies repeats the CSRF token in the documented parameter, or is refused."""
    client = generated.connect()
    await generated.log_in(client, "/session")
    cookies = client.get_async_httpx_client().cookies

    refused = await generated.call(client, "post", "/session/refresh")
    assert (refused.status_code, refused.parsed.code) == (403, "csrf_missing")

    def csrf():
        return {"x_csrf_token": cookies["__Host-csrf_token"]}

    old = cookies["__Host-access_token"]
    renewed = await generated.call(client, "post", "/session/refresh", **csrf())
    assert renewed.parsed.detail == "Your session goes on."
    assert cookies["__Host-access_token"] != old

    order = await generated.call(client, "post", "/orders", **csrf())
    assert order.parsed.ordered_by == "test"
    gone = await generated.call(client, "post", "/session/logout", **csrf())
    assert gone.parsed.detail == "You are logged out."
    assert not cookies
