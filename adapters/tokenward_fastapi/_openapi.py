"""Documents the refusals of protected routes in OpenAPI."""

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
    """Add 401 and 403 to every operation that names the security scheme."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        for item in schema.get("paths", {}).values():
            for operation in item.values():
                if isinstance(operation, dict) and _names(operation, scheme_name):
                    _add_refusals(operation)
        return schema

    # FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _names(operation: dict[str, Any], scheme_name: str) -> bool:
    return any(scheme_name in alternative for alternative in operation.get("security", ()))


def _add_refusals(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status, description in Refusal.documented.items():
        content = {"application/json": {"schema": _BODY}}
        responses.setdefault(str(status), {"description": description, "content": content})
