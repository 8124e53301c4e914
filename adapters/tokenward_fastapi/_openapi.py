"""Adds the required scopes and the refusals of guarded routes to the OpenAPI document."""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import FastAPI, status
from pydantic import TypeAdapter

from tokenward.http import (
    REFUSAL_BODY,
    DocumentedGuard,
    Refusal,
    RefusalBody,
    SecuritySchemes,
    add_parameters,
    header_parameters,
    refusal_responses,
    security_of,
)

__all__ = [
    "document_guards",
    "documented_operation",
    "documented_responses",
    "name_for_document",
]

_SEPARATOR: Final = "\n"
# FastAPI asks each dependency for the name of its scheme, and merges dependencies with equal names. A
# name with a number leads from the document back to the guard, whatever the path of the route.
_numbered: ContextVar[list[DocumentedGuard] | None] = ContextVar("tokenward_numbered", default=None)


@dataclass
class FastAPIErrorBody:
    """The body of a response of FastAPI itself, for example to a body that it cannot parse."""

    detail: str


_ERROR_BODY: Final = TypeAdapter(FastAPIErrorBody).json_schema()


def name_for_document(guard: DocumentedGuard) -> str:
    """Return the name of a guard's security scheme; with a number while our document is generated."""
    guards = _numbered.get()
    if guards is None:
        return guard.schemes.name
    guards.append(guard)
    return f"{guard.schemes.name}{_SEPARATOR}{len(guards) - 1}"


def document_guards(app: FastAPI, schemes: SecuritySchemes) -> None:
    """Document what the guards of each operation require, and the refusals of these operations."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        guards: list[DocumentedGuard] = []
        reset = _numbered.set(guards)
        try:
            document = generate()
        finally:
            _numbered.reset(reset)

        _remove_numbered(document.get("components", {}).get("securitySchemes", {}))
        for item in document.get("paths", {}).values():
            for method, operation in item.items():
                if isinstance(operation, dict):
                    _document_guards(operation, method, guards)
                    _document_schemes(operation, document, [schemes, *(g.schemes for g in guards)])
                    _add_error_body(operation, document)
        return document

    # The way that FastAPI documents for extending OpenAPI.
    app.openapi = openapi  # type: ignore[method-assign]


def documented_responses() -> dict[int | str, dict[str, Any]]:
    """Return the value of ``responses=`` for a route that may refuse requests."""
    return {
        code: {"model": RefusalBody, "description": description}
        for code, description in Refusal.documented.items()
    }


def documented_operation(guard: DocumentedGuard) -> dict[str, Any]:
    """Return the value of ``openapi_extra=`` for a route that reads a refresh token itself."""
    return {"security": security_of([guard]), "parameters": header_parameters([guard], "POST")}


def _remove_numbered(schemes: dict[str, Any]) -> None:
    for name in [*schemes]:
        if _SEPARATOR in name:
            del schemes[name]


def _document_guards(operation: dict[str, Any], method: str, guards: list[DocumentedGuard]) -> None:
    """Replace the numbered names of an operation by what their guards require."""
    others: list[dict[str, list[str]]] = []
    found: list[DocumentedGuard] = []
    for alternative in operation.get("security", ()):
        numbers = {name.partition(_SEPARATOR)[2]: scopes for name, scopes in alternative.items()}
        if "" in numbers or not numbers:
            others.append(alternative)
        else:
            found += [replace(guards[int(n)], further_scopes=s) for n, s in numbers.items()]

    if found:
        # FastAPI documents several schemes as alternatives, so an empty one would make all optional.
        ours = security_of(found)
        operation["security"] = others + [each for each in ours if each or not others]
        add_parameters(operation, header_parameters(found, method))


def _document_schemes(
    operation: dict[str, Any], document: dict[str, Any], known: Iterable[SecuritySchemes]
) -> None:
    """Add the schemes of ours that an operation names, and its refusals."""
    ours = {name: scheme for schemes in known for name, scheme in schemes.objects.items()}
    named = [name for alternative in operation.get("security", ()) for name in alternative]
    used = {name: {**ours[name]} for name in named if name in ours}
    if used:
        components = document.setdefault("components", {})
        schemes = components.get("securitySchemes", {})
        components["securitySchemes"] = {**used, **schemes}
        _add_refusals(operation, document)


def _add_refusals(operation: dict[str, Any], document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    # A model of the app can have the name.
    is_free = schemas.get("RefusalBody", REFUSAL_BODY) == REFUSAL_BODY
    name = "RefusalBody" if is_free else "TokenwardRefusalBody"
    schemas[name] = {**REFUSAL_BODY}
    operation["responses"] = {**refusal_responses(name), **operation.get("responses", {})}


def _add_error_body(operation: dict[str, Any], document: dict[str, Any]) -> None:
    """Add FastAPI's own body to the 400 of a refusal, if the operation has a body to parse."""
    response = operation.get("responses", {}).get(str(status.HTTP_400_BAD_REQUEST), {})
    media = response.get("content", {}).get("application/json", {})
    schema = media.get("schema", {})
    schemas = document.get("components", {}).get("schemas", {})
    is_refusal = schemas.get(schema.get("$ref", "").rpartition("/")[2]) == REFUSAL_BODY
    if is_refusal and "requestBody" in operation:
        schemas["FastAPIErrorBody"] = {**_ERROR_BODY}
        media["schema"] = {"anyOf": [schema, {"$ref": "#/components/schemas/FastAPIErrorBody"}]}
