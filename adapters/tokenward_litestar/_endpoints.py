"""`TokenAuth.add_endpoint`: a handler for an endpoint."""

from typing import Any

from litestar import Litestar, Request, Response, post

from tokenward.http import FormEndpoint
from tokenward_litestar._guard import view_of

__all__ = ["EndpointMethod"]


class EndpointMethod:
    """The method `add_endpoint` of `TokenAuth`, whose constructor sets the attribute."""

    _exclude_opt_key: str

    def add_endpoint(self, app: Litestar, path: str, endpoint: FormEndpoint) -> None:
        """Serve an endpoint: a `TokenEndpoint`, or one of `tokenward.http.endpoints` or `.logout`.

        The route answers POST and is not in the OpenAPI document. The app's guards do not guard it:
        the endpoint authenticates its callers itself. Litestar's own CSRF middleware does
        not check it: its callers are no browsers with cookies.

        Args:
            app: the app.
            path: the path of the route.
            endpoint: the endpoint.
        """
        excluded = {self._exclude_opt_key: True}
        if app.csrf_config is not None:
            excluded[app.csrf_config.exclude_from_csrf_key] = True

        @post(path, include_in_schema=False, opt=excluded)
        async def respond(request: Request[Any, Any, Any]) -> Response[bytes]:
            answer = await endpoint.respond(view_of(request))
            return Response(
                answer.body,
                status_code=answer.status,
                headers=dict(answer.headers),
                media_type=answer.headers["Content-Type"],
            )

        app.register(respond)
