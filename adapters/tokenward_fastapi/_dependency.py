"""The dependency that authenticates a request and returns its claims."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar

from fastapi import Request
from fastapi.openapi.models import SecurityBase as SecurityScheme
from fastapi.params import Depends
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from tokenward import ConfigurationError, TokenError
from tokenward.http import (
    Authenticator,
    DocumentedGuard,
    RequestView,
    Requirement,
    SecuritySchemes,
)
from tokenward_fastapi._openapi import name_for_document
from tokenward_fastapi._refusals import refuse

__all__ = ["ClaimsDependency", "view_of"]

FoundT = TypeVar("FoundT")


def view_of(connection: HTTPConnection) -> RequestView:
    """Return the core's view of a request or handshake. Starlette caches the body it reads."""
    return RequestView(
        connection.scope, connection.body if isinstance(connection, Request) else None
    )


class _RequestCallable(partial[Awaitable[FoundT]]):
    """Lets only FastAPI call the dependency, with a connection and inside an event loop.

    FastAPI unwraps a partial, so it still awaits the dependency and does not use a thread.
    """

    def __call__(self, /, *args: Any, **keywords: Any) -> Awaitable[FoundT]:  # noqa: ANN401
        if args and not isinstance(args[0], HTTPConnection):
            msg = (
                "auth.required() is a dependency, not a decorator: declare a parameter "
                "claims: Annotated[..., Depends(auth.required())], or add it to the route as "
                "dependencies=[Depends(auth.required())]."
            )
            raise ConfigurationError(msg)

        # Raises in a thread, where the coroutine would not be awaited and no token be verified.
        asyncio.get_running_loop()
        return self.func(*args, **keywords)  # as `partial` does, without the cost of `super`


# A subclass of `Depends`, because FastAPI reads the attribute `dependency` of every `Depends` that it
# finds. It finds this object only if `Depends(...)` around it was forgotten, and then gets an error.
class ClaimsDependency(Depends, SecurityBase, Generic[FoundT]):
    """Returns the claims; None if the request has no token and the requirement is optional.

    As a `SecurityBase` it adds the security scheme to OpenAPI.
    """

    def __init__(
        self,
        authenticator: Authenticator[Any],
        requirement: Requirement[Any],
        schemes: SecuritySchemes,
    ) -> None:
        """Create the dependency for one requirement, with the schemes of its `TokenAuth`."""
        self.authenticator = authenticator
        self.requirement = requirement
        self.model = SecurityScheme.model_validate(schemes.objects[schemes.name])
        self._documented = DocumentedGuard(schemes, requirement)
        self.__signature__ = inspect.signature(self._authenticate)
        self._call = _RequestCallable[FoundT](self._authenticate)
        self._hash = hash((authenticator, requirement))

    @property
    def __call__(self) -> Callable[..., Awaitable[FoundT]]:
        """The coroutine function that FastAPI calls once per request."""
        return self._call

    __repr__ = object.__repr__

    def __eq__(self, other: object) -> bool:
        """Whether both require the same of the same `TokenAuth`.

        So `app.dependency_overrides` of a test can name ``auth.required()``, and FastAPI calls equal
        dependencies of one request once.
        """
        return (
            type(self) is type(other)
            and isinstance(other, ClaimsDependency)
            and self.authenticator is other.authenticator
            and self.requirement == other.requirement
        )

    def __hash__(self) -> int:
        """Return the hash, which FastAPI needs several times in each request."""
        return self._hash

    @property
    def scheme_name(self) -> str:  # type: ignore[override] # FastAPI only reads it
        """The name of the security scheme; FastAPI reads it when it generates the document."""
        return name_for_document(self._documented)

    @property
    def dependency(self) -> NoReturn:
        """Report a missing ``Depends``: FastAPI reads this attribute only if it was forgotten.

        Raises:
            ConfigurationError: always.
        """
        self._raise_missing_depends()

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        """Report a missing ``Depends`` when Pydantic finds this object in an annotation."""
        self._raise_missing_depends()

    def _raise_missing_depends(self) -> NoReturn:
        verb = "optional" if self.requirement.optional else "required"
        msg = (
            f"auth.{verb}() needs Depends: write "
            f"claims: Annotated[..., Depends(auth.{verb}())] or "
            f"dependencies=[Depends(auth.{verb}())]."
        )
        raise ConfigurationError(msg)

    async def _authenticate(
        self, connection: HTTPConnection, security_scopes: SecurityScopes
    ) -> FoundT:
        try:
            # None only if the requirement is optional, and then FoundT includes None.
            claims: FoundT = await self.authenticator.authenticate(  # type: ignore[assignment]
                view_of(connection),
                self.requirement,
                further_scopes=security_scopes.scopes,
            )
        except TokenError as error:
            refusal = self.authenticator.refusal(
                error, self.requirement, further_scopes=security_scopes.scopes
            )
            refuse(connection, error, refusal)

        return claims
