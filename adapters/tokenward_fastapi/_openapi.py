"""Adds the refusals of protected routes to the OpenAPI document."""

from typing import Any

from fastapi import FastAPI

from tokenward.http import Refusal

__all__ = ["document_refusals"]

_BODY = {
    "type": "object",
    "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
    "required": ["detail", "code"],
}


def document_refusals(app: FastAPI, scheme_name: str) -> None:
    """Add the 401 and 403 responses to every operation that uses the security scheme."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        for item in schema.get("paths", {}).values():
            for operation in item.values():
                if isinstance(operation, dict) and _uses_scheme(operation, scheme_name):
                    _add_refusals(operation)
        return schema

    # The way that FastAPI documents for extending OpenAPI.
    app.openapi = openapi  # type: ignore[method-assign]


def _uses_scheme(operation: dict[str, Any], scheme_name: str) -> bool:
    return any(scheme_name in alternative for alternative in operation.get("security", ()))


def _add_refusals(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status, description in Refusal.documented.items():
        content = {"application/json": {"schema": _BODY}}
        responses.setdefault(str(status), {"description": description, "content": content})
