"""`TokenAuth.add_endpoint`: a route for an endpoint.

It is a Starlette route, so that OpenAPI and the app's dependencies do not include it.
"""

from fastapi import FastAPI, Request, Response

from tokenward.http import FormEndpoint
from tokenward_fastapi._dependency import view_of

__all__ = ["EndpointMethod"]


class EndpointMethod:
    """The method `add_endpoint` of `TokenAuth`."""

    def add_endpoint(self, app: FastAPI, path: str, endpoint: FormEndpoint) -> None:
        """Serve an endpoint: a `TokenEndpoint`, or one of `tokenward.http.endpoints` or `.logout`.

        The route answers POST and is not in the OpenAPI document. The app's dependencies do not
        guard it: the endpoint authenticates its callers itself.

        Args:
            app: the app.
            path: the path of the route.
            endpoint: the endpoint.
        """

        async def respond(request: Request) -> Response:
            answer = await endpoint.respond(view_of(request))
            return Response(answer.body, answer.status, answer.headers)

        app.router.add_route(path, respond, ["POST"], include_in_schema=False)
