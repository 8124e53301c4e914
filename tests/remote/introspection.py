"""An introspection endpoint in memory, which records its requests."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.remote.issuer import Reply
from tests.support import NOW, FrozenClock
from tokenward import TokenPolicy
from tokenward.engine.introspection import IntrospectedTokens

URL = "https://login.example/introspect"
ISSUER = "https://login.example/"
OPAQUE = "2YotnFZFEjr1zCsicMWpAA"
POLICY = TokenPolicy(
    issuer=ISSUER,
    audience="shop-api",
    required_claims={"exp", "sub"},
    type_source="always-access",
)


def active(**changes: Any) -> dict[str, Any]:
    """Return the answer about an active token; None removes a member."""
    members = {
        "active": True,
        "sub": "alice",
        "iss": ISSUER,
        "aud": "shop-api",
        "exp": NOW + 900,
        "scope": "orders:read",
        "client_id": "web",
    } | changes
    return {name: value for name, value in members.items() if value is not None}


class Endpoint:
    """Answers about tokens by their text; all others are not active."""

    def __init__(self) -> None:
        """Know one active token."""
        self.answers: dict[str, Any] = {OPAQUE: active()}
        self.requests: list[httpx.Request] = []
        self.was_asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def asked(self) -> list[str]:
        """The tokens about which it was asked."""
        return [dict(parse_qsl(each.content.decode()))["token"] for each in self.requests]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        self.was_asked.set()
        await self.gate.wait()
        answer = self.answers.get(self.asked[-1], {"active": False})
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            body = answer.body * answer.chunks
            return httpx.Response(answer.status, content=body, headers=dict(answer.headers))
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def engine(self, clock: FrozenClock, **options: Any) -> IntrospectedTokens[Any]:
        """Return an engine that asks this endpoint."""
        credentials = {"client_id": "shop-api", "client_secret": "secret"}
        credentials = {} if "bearer_token" in options or "client_id" in options else credentials
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        settings = {"policy": POLICY, "clock": clock, "client": client} | credentials | options
        return IntrospectedTokens(URL, **settings)
