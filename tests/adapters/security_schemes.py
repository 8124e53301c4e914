"""Carriers with every type of security scheme that OpenAPI has, for the documents of all adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenward import BearerHeader

SCOPES = {"orders:read": "Read orders", "admin": ""}
PASSWORD_FLOW = {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": SCOPES}}}
WITHOUT_SCOPES = {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": {}}}}
_FLOW = {
    "authorizationUrl": "/authorize",
    "tokenUrl": "/token",
    "refreshUrl": "/refresh",
    "scopes": {},
}


@dataclass
class OwnCarrier:
    """A user's carrier, with any Security Scheme Object."""

    security_scheme: Mapping[str, Any]
    scheme: str = "Bearer"

    def read_token(self, request: object, type: object) -> bytes | None:
        return None


CARRIERS = {
    "password": BearerHeader(token_url="/token", scopes=SCOPES),
    "password without scopes": BearerHeader(token_url="/token"),
    "all flows": OwnCarrier(
        {
            "type": "oauth2",
            "description": "Ours.",
            "flows": {
                "implicit": {"authorizationUrl": "/authorize", "scopes": {"a": "A"}},
                "clientCredentials": {"tokenUrl": "/token", "scopes": {}},
                "authorizationCode": _FLOW,
            },
        }
    ),
    "OpenID Connect": OwnCarrier(
        {"type": "openIdConnect", "openIdConnectUrl": "https://a.example/.well-known/x"}
    ),
}
