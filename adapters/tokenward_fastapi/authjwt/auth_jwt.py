"""`AuthJWT`, which a handler is given, and `AuthJWTBearer`, the dependency that gives it."""

import inspect
from collections.abc import Awaitable, Callable, Generator
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple, Self, get_type_hints

from fastapi import Response, WebSocket
from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from tokenward import TokenError, TokenType
from tokenward.http import RequestView, check_csrf_token
from tokenward_fastapi._dependency import view_of
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._cookies import CookieMaker
from tokenward_fastapi.authjwt._messages import wrong_type
from tokenward_fastapi.authjwt._reader import as_bytes
from tokenward_fastapi.authjwt._requests import (
    Sent,
    find_in_cookies,
    find_in_header,
    refuse_missing,
)
from tokenward_fastapi.authjwt.exceptions import (
    AuthJWTException,
    FreshTokenRequired,
    JWTDecodeError,
    MissingTokenError,
)

__all__ = ["AuthJWT", "AuthJWTBearer"]


class _Demand(NamedTuple):
    """What a route asks for."""

    type: TokenType = "access"
    fresh: bool = False
    optional: bool = False


_REQUIRED: Final = _Demand()
_OPTIONAL: Final = _Demand(optional=True)
_REFRESH: Final = _Demand(type="refresh")
_FRESH: Final = _Demand(fresh=True)


class _Coroutine:
    """What FastAPI finds behind a class: a coroutine function with the parameters of ``__init__``.

    Without it FastAPI would call the class in a thread. It calls the class itself in the end, and
    awaits what it gets; see ``AuthJWT.__await__``.
    """

    def __get__(
        self, instance: object, owner: "type[AuthJWT]"
    ) -> Callable[..., Awaitable["AuthJWT"]]:
        return _creator_of(owner)  # type: ignore[arg-type] # mypy takes no class for Hashable


@cache
def _creator_of(owner: "type[AuthJWT]") -> Callable[..., Awaitable["AuthJWT"]]:
    async def create(*args: Any, **kwargs: Any) -> AuthJWT:  # noqa: ANN401 - any at all
        return owner(*args, **kwargs)

    # Resolved, because names in texts are only known where the class was written.
    hints = get_type_hints(owner.__init__, include_extras=True)
    _self, *parameters = inspect.signature(owner.__init__).parameters.values()
    known = [each.replace(annotation=hints.get(each.name, each.empty)) for each in parameters]
    create.__signature__ = inspect.Signature(known)  # type: ignore[attr-defined]
    return create


class AuthJWT(CookieMaker):
    """Protects a route, and makes and reads tokens; set up as a class, by `load_config`.

    ::

        @app.get("/orders")
        async def orders(authorize: AuthJWT = Depends()):
            await authorize.jwt_required()
            return await authorize.get_jwt_subject()

    As a dependency, directly or through `AuthJWTBearer`, it belongs to one request; without a
    request it makes and reads tokens all the same.
    """

    __wrapped__: ClassVar[_Coroutine] = _Coroutine()

    def __init__(
        self,
        req: HTTPConnection = None,  # type: ignore[assignment] # FastAPI takes no union here
        res: Response = None,  # type: ignore[assignment] # the same
    ) -> None:
        """Take the request or WebSocket, and the response in which cookies are set.

        Nothing is read yet: a header on a route that asks for no token is nobody's business.
        """
        super().__init__(req)
        self._response = res

    def __await__(self) -> Generator[Any, None, Self]:
        """Give the object itself: FastAPI takes the class for a coroutine function."""
        return self
        yield

    async def jwt_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Let nobody in without a good access token.

        Args:
            auth_from: "request", or "websocket" where one of the others says what to look at.
            token: what came in the query or the path.
            websocket: whose cookies are looked at.
            csrf_token: what came beside the cookie of a WebSocket, which has no header for it.

        Raises:
            AuthJWTException: the request is refused.
            TypeError, ValueError: an argument cannot be meant.
            RuntimeError: a key, or the callback of the deny-list, is missing.
        """
        await self._protect(_REQUIRED, auth_from, token, websocket, csrf_token)

    async def jwt_optional(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Let everybody in but those with a bad token; see `jwt_required`."""
        await self._protect(_OPTIONAL, auth_from, token, websocket, csrf_token)

    async def jwt_refresh_token_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Let nobody in without a good refresh token; see `jwt_required`."""
        await self._protect(_REFRESH, auth_from, token, websocket, csrf_token)

    async def fresh_jwt_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Let nobody in without a good access token that is fresh; see `jwt_required`."""
        await self._protect(_FRESH, auth_from, token, websocket, csrf_token)

    async def _protect(
        self,
        demand: _Demand,
        auth_from: str,
        token: str | None,
        websocket: WebSocket | None,
        csrf_token: str | None,
    ) -> None:
        if auth_from not in {"request", "websocket"}:
            # A misspelt one must not let everybody in.
            msg = "auth_from must be between 'request' or 'websocket'"
            raise ValueError(msg)
        is_by_hand = auth_from == "websocket" and websocket is None
        connection = websocket if auth_from == "websocket" else self._request
        view = None if connection is None else _view_of(connection)
        sent: Sent | None = None
        try:
            if is_by_hand:
                sent = Sent(as_bytes(token)) if token else None
            else:
                sent = self._find(view, demand, csrf_token, with_header=auth_from == "request")
            if sent is None:
                self._accept_absence(demand, view, is_by_hand=is_by_hand)
            else:
                await self._accept(sent, demand)
        except (TokenError, AuthJWTException) as error:
            refusal = self._refusal_of(error, b"" if sent is None else sent.token, view)
            if self._lasts:
                # A WebSocket that goes on must not act for a user whose token is refused by now.
                self._hold(None, None, is_refused=True)
        else:
            return
        raise refusal

    def _find(
        self,
        view: RequestView | None,
        demand: _Demand,
        csrf_token: str | None,
        *,
        with_header: bool,
    ) -> Sent | None:
        settings = self._settings
        sent: Sent | None = None
        if with_header and settings.in_headers and view is not None:
            sent = find_in_header(view, settings, demand.type)
        if sent is not None or (with_header and not settings.in_cookies):
            return sent
        if view is None:
            msg = "request must be an instance of 'Request' or 'WebSocket'"
            raise TypeError(msg)
        return find_in_cookies(view, settings, demand.type, csrf_token)

    def _accept_absence(
        self, demand: _Demand, view: RequestView | None, *, is_by_hand: bool
    ) -> None:
        if not demand.optional:
            raise self._absence(demand, view, is_by_hand=is_by_hand)
        self._hold(None, None)

    def _absence(self, demand: _Demand, view: RequestView | None, *, is_by_hand: bool) -> Exception:
        if not is_by_hand:
            return refuse_missing(view, self._settings, demand.type)
        message = f"Missing {demand.type} token from Query or Path"
        is_request = self._request is not None and self._request.scope["type"] == "http"
        # An HTTP response has no room for a close code.
        return (
            MissingTokenError(message=message)
            if is_request
            else MissingTokenError.on_websocket(message)
        )

    async def _accept(self, sent: Sent, demand: _Demand) -> None:
        claims = await self._verified(sent.token)
        if claims.type != demand.type:
            raise wrong_type(demand.type)
        if demand.fresh and claims.fresh is not True:
            raise FreshTokenRequired(message="Fresh token required")
        if sent.repeated is not None:
            _check_repeated(sent.repeated, claims)
        self._hold(sent.token.decode("ascii"), claims)


class AuthJWTBearer(SecurityBase):
    """Gives a handler its `AuthJWT`, and the OpenAPI document its Authorize button."""

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,  # noqa: N803 - OpenAPI's name
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        """Say what OpenAPI is to know.

        Args:
            bearerFormat: a hint to what the tokens look like.
            scheme_name: of the security scheme.
            description: for people.
            auto_error: taken and kept, as in the reference, where it has no effect either: what a
                route asks for decides.
        """
        self.model: HTTPBearer = HTTPBearer(bearerFormat=bearerFormat, description=description)
        self.scheme_name: str = scheme_name or type(self).__name__
        self.auto_error: bool = auto_error

    async def __call__(self, req: HTTPConnection, res: Response) -> AuthJWT:
        """Let FastAPI call this once a request."""
        return AuthJWT(req=req, res=res)


def _view_of(connection: object) -> RequestView:
    if not isinstance(connection, HTTPConnection):
        msg = "request must be an instance of 'Request' or 'WebSocket'"
        raise TypeError(msg)
    return view_of(connection)


def _check_repeated(repeated: tuple[bytes, ...], claims: AuthJWTClaims) -> None:
    if not claims.says("csrf"):
        raise JWTDecodeError(message="Missing claim: csrf")
    check_csrf_token(repeated, claims)
