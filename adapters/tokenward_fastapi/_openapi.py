"""Adds the required scopes and the refusals of protected routes to the OpenAPI document."""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

from fastapi import FastAPI

from tokenward.http import Refusal, Requirement, scope_alternatives

__all__ = ["document_refusals", "name_for_document"]

_BODY = {
    "type": "object",
    "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
    "required": ["detail", "code"],
}
_SEPARATOR: Final = "\n"
# FastAPI asks each dependency for the name of its scheme, and merges dependencies with equal names. A
# name with a number leads from the document back to the requirement, whatever the path of the route.
_numbered: ContextVar[list[Requirement[Any]] | None] = ContextVar(
    "tokenward_numbered", default=None
)


def name_for_document(scheme_name: str, requirement: Requirement[Any]) -> str:
    """Return the name of a security scheme; with a number while our document is generated."""
    requirements = _numbered.get()
    if requirements is None:
        return scheme_name
    requirements.append(requirement)
    return f"{scheme_name}{_SEPARATOR}{len(requirements) - 1}"


def document_refusals(app: FastAPI, scheme_name: str) -> None:
    """Add the scopes to the document, and the 401 and 403 to every operation with the scheme."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        requirements: list[Requirement[Any]] = []
        reset = _numbered.set(requirements)
        try:
            schema = generate()
        finally:
            _numbered.reset(reset)

        _restore_names(schema.get("components", {}).get("securitySchemes", {}))
        for item in schema.get("paths", {}).values():
            for operation in item.values():
                if isinstance(operation, dict):
                    _document_scopes(operation, requirements)
                    if _uses_scheme(operation, scheme_name):
                        _add_refusals(operation)
        return schema

    # The way that FastAPI documents for extending OpenAPI.
    app.openapi = openapi  # type: ignore[method-assign]


def _restore_names(schemes: dict[str, Any]) -> None:
    for name in [*schemes]:
        scheme_name, separator, _ = name.partition(_SEPARATOR)
        if separator:
            schemes[scheme_name] = schemes.pop(name)


def _document_scopes(operation: dict[str, Any], requirements: list[Requirement[Any]]) -> None:
    """Replace the numbered names of an operation by the scopes of their requirements."""
    if not any(_SEPARATOR in name for name in _names_in(operation)):
        return

    documented: list[dict[str, list[str]]] = []
    found: dict[str, list[Requirement[Any]]] = {}
    further: dict[str, list[str]] = {}
    for alternative in operation["security"]:
        for name, scopes in alternative.items():
            scheme_name, separator, number = name.partition(_SEPARATOR)
            if not separator:
                documented.append(alternative)
                break
            found.setdefault(scheme_name, []).append(requirements[int(number)])
            further.setdefault(scheme_name, []).extend(scopes)

    operation["security"] = documented + [
        {name: scopes}
        for name in found
        for scopes in scope_alternatives(found[name], further[name])
    ]


def _names_in(operation: dict[str, Any]) -> Iterable[str]:
    return (name for alternative in operation.get("security", ()) for name in alternative)


def _uses_scheme(operation: dict[str, Any], scheme_name: str) -> bool:
    return scheme_name in _names_in(operation)


def _add_refusals(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status, description in Refusal.documented.items():
        content = {"application/json": {"schema": _BODY}}
        responses.setdefault(str(status), {"description": description, "content": content})
