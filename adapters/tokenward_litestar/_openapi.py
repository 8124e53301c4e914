"""Adds the security scheme and the refusals of guarded routes to the OpenAPI document."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Literal, cast

from litestar.config.app import AppConfig
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme

from tokenward.http import Refusal

__all__ = ["document_refusals", "document_scheme"]


@dataclass
class RefusalBody:
    """The body of the response to a refused request."""

    detail: str
    code: str


def document_scheme(app_config: AppConfig, name: str, scheme: Mapping[str, str]) -> None:
    """Add the security scheme to the app's document; a scheme that the user defined wins."""
    if app_config.openapi_config is None:
        return

    config = copy(app_config.openapi_config)
    security_scheme = SecurityScheme(
        type=cast("Literal['apiKey', 'http']", scheme["type"]),
        name=scheme.get("name"),
        security_scheme_in=cast("Literal['query', 'header', 'cookie'] | None", scheme.get("in")),
        scheme=scheme.get("scheme"),
        bearer_format=scheme.get("bearerFormat"),
    )
    components = config.components
    others = components if isinstance(components, list) else [components]
    config.components = [Components(security_schemes={name: security_scheme}), *others]
    app_config.openapi_config = config


def document_refusals(handler: HTTPRouteHandler, name: str, alternatives: list[list[str]]) -> None:
    """Add the required scopes and the refusals to one route. Repeated calls change nothing.

    Args:
        handler: the handler of the route.
        name: the name of the security scheme.
        alternatives: the sets of scopes, each of which is sufficient.
    """
    others: list[dict[str, list[str]]] = []
    for requirement in handler.security or [{}]:
        other = {key: scopes for key, scopes in requirement.items() if key != name}
        if other not in others:
            others.append(other)

    # Each element is an alternative, and the guard applies to all of them (OpenAPI 3.1 §4.8.30).
    handler.security = [{**other, name: scopes} for other in others for scopes in alternatives]
    refusals = {
        status: ResponseSpec(RefusalBody, generate_examples=False, description=description)
        for status, description in Refusal.documented.items()
    }
    handler.responses = {**refusals, **(handler.responses or {})}
