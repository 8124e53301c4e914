"""Adds what guards require to the OpenAPI document of quart-schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from pydantic import JsonValue
from quart import Quart

from tokenward.http import (
    REFUSAL_BODY,
    DocumentedGuard,
    SecuritySchemes,
    add_parameters,
    header_parameters,
    refusal_responses,
    security_of,
)
from tokenward_quart._route_groups import groups_of_endpoint

__all__ = ["document_app", "document_refresh", "document_refusals", "document_view", "hide_view"]

_GUARDS: Final = "_tokenward_documented_guards"
_REFUSES: Final = "_tokenward_refuses"
_COMPONENT: Final = "RefusalBody"
ViewT = TypeVar("ViewT", bound=Callable[..., Any])
_Paths: TypeAlias = tuple[dict[str, dict[str, Any]], dict[str, Any]]
"""The Path Item Objects of a route by path, and the components that they refer to."""


class _Rule(Protocol):
    """A rule of Werkzeug."""

    endpoint: str


@dataclass
class _SecurityScheme:
    """A Security Scheme Object with the interface of quart-schema's own classes.

    Those classes have no place for every type of scheme that a carrier can have.
    """

    members: Mapping[str, JsonValue]

    def schema(self, *, camelize: bool = False) -> dict[str, JsonValue]:  # noqa: ARG002
        return {**self.members}


def document_view(view: Callable[..., Any], guard: DocumentedGuard) -> None:
    """Document a guard of a function, in addition to the guards of functions that it wraps."""
    setattr(view, _GUARDS, [*_guards_of(view), guard])


def document_refusals(view: ViewT) -> ViewT:
    """Document the refusals of a function without a guard, and return it."""
    setattr(view, _REFUSES, True)
    return view


def document_refresh(guard: DocumentedGuard) -> Callable[[ViewT], ViewT]:
    """Return a decorator for a view that reads a refresh token itself."""

    def document(view: ViewT) -> ViewT:
        document_view(view, guard)
        return view

    return document


def hide_view(view: Callable[..., Any]) -> None:
    """Exclude a view from the document."""
    try:
        from quart_schema import hide
    except ImportError:
        return
    hide(view)


def document_app(app: Quart, schemes: SecuritySchemes) -> None:
    """Document the guards of an app, if quart-schema is already set up.

    Repeated calls change nothing. A security scheme that the user defined under our name wins.
    """
    extension = app.extensions.get("QUART_SCHEMA")
    if extension is not None:
        _add_schemes(extension, schemes)
        provider = extension.openapi_provider
        if not isinstance(provider.build_paths, _GuardedPaths):
            provider.build_paths = _GuardedPaths(app, extension, provider.build_paths)


def _add_schemes(extension: Any, schemes: SecuritySchemes) -> None:  # noqa: ANN401 - may be absent
    ours = {name: _SecurityScheme(members) for name, members in schemes.objects.items()}
    extension.security_schemes = {**ours, **(extension.security_schemes or {})}


class _GuardedPaths:
    """Replaces the method `build_paths` of quart-schema's provider, which users may override."""

    def __init__(self, app: Quart, extension: Any, build: Callable[[_Rule], _Paths]) -> None:  # noqa: ANN401
        self._app = app
        self._extension = extension
        self._build = build

    def __call__(self, rule: _Rule) -> _Paths:
        paths, components = self._build(rule)
        view = self._app.view_functions[rule.endpoint]
        guards = [*self._guards_of_groups(rule.endpoint), *_guards_of(view)]
        if guards or hasattr(view, _REFUSES):
            components = {**components, _COMPONENT: REFUSAL_BODY}
            for item in paths.values():
                for method, operation in item.items():
                    _document(operation, method, guards)
            # quart-schema reads them after the paths.
            for guard in guards:
                _add_schemes(self._extension, guard.schemes)
        return paths, components

    def _guards_of_groups(self, endpoint: str) -> list[DocumentedGuard]:
        return [
            guard
            for group in groups_of_endpoint(endpoint)
            for function in self._app.before_request_funcs.get(group, ())
            for guard in _guards_of(function)
        ]


def _guards_of(function: Callable[..., Any]) -> list[DocumentedGuard]:
    guards: list[DocumentedGuard] = getattr(function, _GUARDS, [])
    return guards


def _document(operation: dict[str, Any], method: str, guards: list[DocumentedGuard]) -> None:
    if guards:
        operation["security"] = security_of(guards, operation.get("security"))
        add_parameters(operation, header_parameters(guards, method))
    # The numbers of quart-schema and our texts would be two members of one name in the JSON.
    own = {str(status): response for status, response in operation["responses"].items()}
    operation["responses"] = {**refusal_responses(_COMPONENT), **own}
