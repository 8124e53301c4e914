"""Says to quart-schema, where that is installed, what the routes ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import make_dataclass
from functools import reduce
from types import FunctionType
from typing import Any, Final, TypeAlias

from quart import Quart

from tokenward.http import Refusal
from tokenward_quart._groups import groups_of

__all__ = ["document_groups", "document_scheme", "document_view", "hide_view"]

_Asked: TypeAlias = Mapping[str, Sequence[str]]
"""The scopes that are asked for, by the name of the security scheme."""
_ASKED: Final = "_tokenward_asked"


def document_view(view: Callable[..., Any], name: str, scopes: Sequence[str]) -> None:
    """Say of a decorated function what it asks for, besides what the function within asks for."""
    asked = _joined(_asked_by(view), {name: scopes})
    setattr(view, _ASKED, asked)
    _describe(view, asked)


def hide_view(view: Callable[..., Any]) -> None:
    """Keep a view out of the document."""
    try:
        from quart_schema import hide
    except ImportError:
        return
    hide(view)


def document_scheme(app: Quart, name: str, scheme: Mapping[str, str]) -> None:
    """Add the scheme to the app's document, if it has one by now."""
    extension = app.extensions.get("QUART_SCHEMA")
    if extension is None:
        return
    from quart_schema.openapi import APIKeySecurityScheme, HttpSecurityScheme

    told = (
        HttpSecurityScheme(scheme=scheme["scheme"], bearer_format=scheme.get("bearerFormat"))
        if scheme["type"] == "http"
        else APIKeySecurityScheme(name=scheme["name"], in_=scheme["in"])  # type: ignore[arg-type]
    )
    extension.security_schemes = {**(extension.security_schemes or {}), name: told}


def document_groups(app: Quart) -> None:
    """Say of every route what the ``before_request`` functions of its groups ask for."""
    for endpoint, view in app.view_functions.items():
        guards = [
            _asked_by(function)
            for group in groups_of(endpoint)
            for function in app.before_request_funcs.get(group, ())
        ]
        asked = reduce(_joined, [*guards, _asked_by(view)])
        if asked and isinstance(view, FunctionType):
            _describe(view, asked)


def _asked_by(function: Callable[..., Any]) -> _Asked:
    asked: _Asked = getattr(function, _ASKED, {})
    return asked


def _joined(first: _Asked, second: _Asked) -> _Asked:
    names = dict.fromkeys([*first, *second])
    return {
        name: list(dict.fromkeys([*first.get(name, ()), *second.get(name, ())])) for name in names
    }


def _describe(view: Callable[..., Any], asked: _Asked) -> None:
    try:
        from quart_schema import document_response, security_scheme
        from quart_schema.validation import QUART_SCHEMA_RESPONSE_ATTRIBUTE
    except ImportError:
        return
    # One object with all the schemes: several objects would be a choice (OpenAPI 3.1 §4.8.30).
    security_scheme([{name: list(scopes) for name, scopes in asked.items()}])(view)
    own = {**getattr(view, QUART_SCHEMA_RESPONSE_ATTRIBUTE, {})}  # not that of the function within
    setattr(view, QUART_SCHEMA_RESPONSE_ATTRIBUTE, own)
    for status, meaning in Refusal.documented.items():
        if status not in own:
            members = [("detail", str), ("code", str)]
            # Any dataclass will do; its docstring becomes the description.
            body = make_dataclass("Refusal", members, namespace={"__doc__": meaning})
            document_response(body, status)(view)
