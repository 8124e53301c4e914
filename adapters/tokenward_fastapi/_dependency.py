"""The dependency: builds the view of the request, asks the authenticator, hands the claims over."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar, cast

from fastapi import Request
from fastapi.openapi.models import SecurityBase as SecurityScheme
from fastapi.params import Depends
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from tokenward import ConfigurationError, TokenError
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward_fastapi._refusals import RefusedRequest, RefusedWebSocket

__all__ = ["FoundClaims", "RequiredClaims", "view_of"]

FoundT = TypeVar("FoundT")


def view_of(connection: HTTPConnection) -> RequestView:
    """Show a request or a handshake to the core; Starlette keeps a body that was read."""
    return RequestView(
        connection.scope, connection.body if isinstance(connection, Request) else None
    )


class _ForRequests(partial[Awaitable[FoundT]]):
    """The coroutine function of a dependency, for requests only.

    FastAPI looks through a partial, so it still awaits the dependency and uses no thread.
    """

    def __call__(self, /, *args: Any, **keywords: Any) -> Awaitable[FoundT]:  # noqa: ANN401
        if args and not isinstance(args[0], HTTPConnection):
            msg = (
                "auth.required() is a dependency and not a decorator: declare a parameter, "
                "claims: Annotated[..., Depends(auth.required())], or name it in the route's "
                "dependencies=[Depends(auth.required())]."
            )
            raise ConfigurationError(msg)
        # Fails in a thread: nobody would await the coroutine there, and no token would be verified.
        asyncio.get_running_loop()
        return super().__call__(*args, **keywords)


# FastAPI looks at the `dependency` of a `Depends` wherever one can stand. So this one, which stands
# there only if `Depends(...)` was forgotten, is found where it is written.
class FoundClaims(Depends, Generic[FoundT]):
    """Gives the claims, or None where there is no token and the requirement is optional."""

    def __init__(self, authenticator: Authenticator[Any], requirement: Requirement[Any]) -> None:
        """Take what the route asks for."""
        self.authenticator = authenticator
        self.requirement = requirement
        self.__signature__ = inspect.signature(self._find)
        self._call = _ForRequests[FoundT](self._find)

    @property
    def __call__(self) -> Callable[..., Awaitable[FoundT]]:
        """Let FastAPI call this once a request."""
        return self._call

    # Two of them are never the same, however much they ask for the same.
    __eq__ = object.__eq__
    __hash__ = object.__hash__
    __repr__ = object.__repr__

    @property
    def dependency(self) -> NoReturn:
        """What FastAPI reads of a ``Depends``.

        Raises:
            ConfigurationError: always.
        """
        self._ask_for_depends()

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        """Refuse to be a type, and a note on the field of a model."""
        self._ask_for_depends()

    def _ask_for_depends(self) -> NoReturn:
        verb = "optional" if self.requirement.optional else "required"
        msg = (
            f"auth.{verb}() needs Depends: write "
            f"claims: Annotated[..., Depends(auth.{verb}())] or "
            f"dependencies=[Depends(auth.{verb}())]."
        )
        raise ConfigurationError(msg)

    async def _find(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> FoundT:
        try:
            found = await self.authenticator.authenticate(
                view_of(connection),
                self.requirement,
                further_scopes=security_scopes.scopes,
            )
        except TokenError as error:
            self._refuse(connection, error)
        return cast("FoundT", found)

    def _refuse(self, connection: HTTPConnection, error: TokenError) -> NoReturn:
        refusal = self.authenticator.refusal(error)
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
