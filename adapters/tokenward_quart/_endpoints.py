"""`TokenAuth.add_endpoint`: a view for an endpoint."""

from quart import Quart, Response, request
from werkzeug.datastructures import Headers

from tokenward.http import FormEndpoint
from tokenward_quart._arguments import check_type
from tokenward_quart._connection import view_of
from tokenward_quart._published_documents import make_public

__all__ = ["EndpointMethod"]


class EndpointMethod:
    """The method `add_endpoint` of `TokenAuth`."""

    def add_endpoint(self, app: Quart, path: str, endpoint: FormEndpoint) -> None:
        """Serve an endpoint: a `TokenEndpoint`, or one of `tokenward.http.endpoints` or `.logout`.

        The route answers POST and is not in quart-schema's document. The app's guards do not guard
        it: the endpoint authenticates its callers itself.

        Args:
            app: the app.
            path: the path of the route.
            endpoint: the endpoint.

        Raises:
            TypeError: `app` is not a Quart app.
        """
        check_type(app, Quart, "add_endpoint needs the Quart app: pass it as the first argument.")

        async def respond() -> Response:
            answer = await endpoint.respond(view_of(request))
            response = Response(answer.body, answer.status)
            # Replaces the default headers of Quart.
            response.headers = Headers(dict(answer.headers))
            return response

        make_public(respond)
        # Quart takes the part of an endpoint before a dot for a blueprint.
        name = path.replace(".", "-")
        app.add_url_rule(path, name, respond, methods=["POST"], provide_automatic_options=False)
