"""The dependency: builds the view of the request, asks the authenticator, hands the claims over."""

from typing import Any, Generic, NoReturn, TypeVar, cast

from fastapi import Request
from fastapi.openapi.models import SecurityBase as SecurityScheme
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from tokenward import Authenticator, RequestView, Requirement, TokenError
from tokenward_fastapi._refusals import RefusedRequest, RefusedWebSocket

__all__ = ["FoundClaims", "RequiredClaims", "view_of"]

FoundT = TypeVar("FoundT")


def view_of(connection: HTTPConnection) -> RequestView:
    """Show a request or a handshake to the core; Starlette keeps a body that was read."""
    return RequestView(
        connection.scope, connection.body if isinstance(connection, Request) else None
    )


class FoundClaims(Generic[FoundT]):
    """Gives the claims, or None where there is no token and the requirement is optional."""

    def __init__(self, authenticator: Authenticator[Any], requirement: Requirement[Any]) -> None:
        """Take what the route asks for."""
        self._authenticator = authenticator
        self._requirement = requirement

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> FoundT:
        """Let FastAPI call this once a request."""
        try:
            found = await self._authenticator.authenticate(
                view_of(connection),
                self._requirement,
                further_scopes=security_scopes.scopes,
            )
        except TokenError as error:
            self._refuse(connection, error)
        return cast("FoundT", found)

    def _refuse(self, connection: HTTPConnection, error: TokenError) -> NoReturn:
        refusal = self._authenticator.refusal(error)
        if connection.scope["type"] == "websocket":
            raise RefusedWebSocket(refusal) from error
        raise RefusedRequest(refusal) from error


class RequiredClaims(FoundClaims[FoundT], SecurityBase):
    """Gives the claims; being a `SecurityBase`, it puts the scheme into OpenAPI."""

    def __init__(
        self, authenticator: Authenticator[Any], requirement: Requirement[Any], scheme_name: str
    ) -> None:
        """Take what the route asks for, and the name of the security scheme."""
        super().__init__(authenticator, requirement)
        self.model = SecurityScheme.model_validate(authenticator.carriers[0].security_scheme)
        self.scheme_name = scheme_name
