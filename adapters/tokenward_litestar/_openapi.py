"""Adds the security scheme and the refusals of guarded routes to the OpenAPI document."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

from litestar.config.app import AppConfig
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OAuthFlow,
    OAuthFlows,
    Operation,
    SecurityScheme,
)
from litestar.status_codes import HTTP_400_BAD_REQUEST

from tokenward.http import (
    DocumentedGuard,
    Refusal,
    RefusalBody,
    Requirement,
    SecuritySchemes,
    header_parameters,
    security_of,
)
from tokenward_litestar._operations import guarded_operation

__all__ = ["Documentation", "documented_operation", "documented_responses"]

_REFRESH: Final = "tokenward_refresh"


class Documentation:
    """Describes the routes of one `TokenAuth` in the documents of its apps."""

    def __init__(self, schemes: SecuritySchemes) -> None:
        """Start without apps."""
        self._schemes = schemes
        self._configs: list[OpenAPIConfig] = []

    def add_to(self, app_config: AppConfig) -> None:
        """Add the security schemes to the app's document; a scheme that the user defined wins."""
        if app_config.openapi_config is None:
            return

        config = copy(app_config.openapi_config)
        components = config.components
        others = components if isinstance(components, list) else [components]
        config.components = [Components(), *others]
        self._configs.append(config)
        self._add_schemes()
        app_config.openapi_config = config

    def describe(self, handler: HTTPRouteHandler, requirements: Sequence[Requirement[Any]]) -> None:
        """Describe what the guards of a handler require, and its refusals.

        Repeated calls change nothing.
        """
        guards = [DocumentedGuard(self._schemes, requirement) for requirement in requirements]
        refresh = getattr(handler.operation_class, _REFRESH, None)
        if isinstance(refresh, DocumentedGuard) and refresh.schemes is self._schemes:
            guards.append(refresh)
        own = handler.responses or {}
        responses = {**documented_responses(), **own} if guards else {**own}
        refusal = responses.get(HTTP_400_BAD_REQUEST)
        # Litestar may describe a 400 as well, which a response of the handler would replace.
        adds_refusal = refusal is not None and refusal.data_container is RefusalBody
        if adds_refusal:
            del responses[HTTP_400_BAD_REQUEST]
        if guards or adds_refusal:
            handler.responses = responses
            # One class of operations serves all methods of a handler.
            parameters = [
                each
                for method in handler.http_methods
                for each in header_parameters(guards, method)
            ]
            handler.operation_class = guarded_operation(
                handler.operation_class, parameters, adds_refusal=adds_refusal
            )
        if guards:
            handler.security = security_of(guards, handler.security)
        self._add_schemes()

    def _add_schemes(self) -> None:
        ours = {name: _security_scheme(each) for name, each in self._schemes.objects.items()}
        for config in self._configs:
            # Litestar merges the list when it first builds the document.
            components = config.components
            first = components[0] if isinstance(components, list) else components
            first.security_schemes = {**ours, **(first.security_schemes or {})}


def documented_operation(guard: DocumentedGuard) -> type[Operation]:
    """Return the value of ``operation_class=`` for a handler that reads a refresh token itself."""
    return type("RefreshOperation", (Operation,), {_REFRESH: guard})


def _security_scheme(members: Mapping[str, Any]) -> SecurityScheme:
    """Return Litestar's object for a Security Scheme Object."""
    flows = members.get("flows")
    return SecurityScheme(
        type=members["type"],
        description=members.get("description"),
        name=members.get("name"),
        security_scheme_in=members.get("in"),
        scheme=members.get("scheme"),
        bearer_format=members.get("bearerFormat"),
        flows=None if flows is None else _flows(flows),
        open_id_connect_url=members.get("openIdConnectUrl"),
    )


def _flows(members: Mapping[str, Any]) -> OAuthFlows:
    flows = {
        name: OAuthFlow(
            authorization_url=flow.get("authorizationUrl"),
            token_url=flow.get("tokenUrl"),
            refresh_url=flow.get("refreshUrl"),
            scopes=flow.get("scopes"),
        )
        for name, flow in members.items()
    }
    return OAuthFlows(
        implicit=flows.get("implicit"),
        password=flows.get("password"),
        client_credentials=flows.get("clientCredentials"),
        authorization_code=flows.get("authorizationCode"),
    )


def documented_responses() -> dict[int, ResponseSpec]:
    """Return the value of ``responses=`` for a handler that may refuse requests."""
    return {
        status: ResponseSpec(RefusalBody, generate_examples=False, description=description)
        for status, description in Refusal.documented.items()
    }
