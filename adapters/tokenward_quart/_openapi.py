"""Adds the security scheme and the required scopes to quart-schema's document, if installed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import make_dataclass
from functools import reduce
from itertools import product
from types import FunctionType
from typing import Any, Final, TypeAlias

from quart import Quart

from tokenward.http import Refusal, Requirement, scope_alternatives
from tokenward_quart._route_groups import groups_of_endpoint

__all__ = ["document_route_groups", "document_scheme", "document_view", "hide_view"]

_Requirements: TypeAlias = Mapping[str, Sequence[Requirement[Any]]]
"""What the guards require, by the name of the security scheme."""
_REQUIRED: Final = "_tokenward_requirements"


def document_view(view: Callable[..., Any], name: str, requirement: Requirement[Any]) -> None:
    """Document the scopes of a guarded function, in addition to those of functions it wraps."""
    required = _merged(_requirements_of(view), {name: [requirement]})
    setattr(view, _REQUIRED, required)
    _document(view, required)


def hide_view(view: Callable[..., Any]) -> None:
    """Exclude a view from the document."""
    try:
        from quart_schema import hide
    except ImportError:
        return
    hide(view)


def document_scheme(app: Quart, name: str, scheme: Mapping[str, str]) -> None:
    """Add the security scheme to the app's document, if quart-schema is already set up."""
    extension = app.extensions.get("QUART_SCHEMA")
    if extension is None:
        return

    from quart_schema.openapi import APIKeySecurityScheme, HttpSecurityScheme

    security_scheme = (
        HttpSecurityScheme(scheme=scheme["scheme"], bearer_format=scheme.get("bearerFormat"))
        if scheme["type"] == "http"
        else APIKeySecurityScheme(name=scheme["name"], in_=scheme["in"])  # type: ignore[arg-type]
    )
    extension.security_schemes = {**(extension.security_schemes or {}), name: security_scheme}


def document_route_groups(app: Quart) -> None:
    """Document for every route the scopes that the guards of its groups require."""
    for endpoint, view in app.view_functions.items():
        guards = [
            _requirements_of(function)
            for group in groups_of_endpoint(endpoint)
            for function in app.before_request_funcs.get(group, ())
        ]
        required = reduce(_merged, [*guards, _requirements_of(view)])
        if required and isinstance(view, FunctionType):
            _document(view, required)


def _requirements_of(function: Callable[..., Any]) -> _Requirements:
    required: _Requirements = getattr(function, _REQUIRED, {})
    return required


def _merged(first: _Requirements, second: _Requirements) -> _Requirements:
    names = dict.fromkeys([*first, *second])
    return {name: [*first.get(name, ()), *second.get(name, ())] for name in names}


def _document(view: Callable[..., Any], required: _Requirements) -> None:
    try:
        from quart_schema import document_response, security_scheme
        from quart_schema.validation import QUART_SCHEMA_RESPONSE_ATTRIBUTE
    except ImportError:
        return

    # Each object has all schemes: several objects are alternatives (OpenAPI 3.1 §4.8.30).
    alternatives = product(*map(scope_alternatives, required.values()))
    security_scheme([dict(zip(required, each, strict=True)) for each in alternatives])(view)

    # A copy, because functools.wraps shares the attribute with the wrapped function.
    own = {**getattr(view, QUART_SCHEMA_RESPONSE_ATTRIBUTE, {})}
    setattr(view, QUART_SCHEMA_RESPONSE_ATTRIBUTE, own)
    for status, description in Refusal.documented.items():
        if status not in own:
            members = [("detail", str), ("code", str)]
            # The docstring of the dataclass becomes the description.
            body = make_dataclass("Refusal", members, namespace={"__doc__": description})
            document_response(body, status)(view)
