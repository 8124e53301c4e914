"""Classes of operations, with which Litestar describes guarded handlers in the OpenAPI document."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from litestar.enums import MediaType
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    Schema,
)
from litestar.status_codes import HTTP_400_BAD_REQUEST

from tokenward.http import Refusal, RefusalBody

__all__ = ["guarded_operation"]

_ADDITIONS: Final = "tokenward_additions"
_STATUS: Final = str(HTTP_400_BAD_REQUEST)


def guarded_operation(
    operation_class: type[Operation],
    parameters: Iterable[Mapping[str, Any]],
    *,
    adds_refusal: bool,
) -> type[Operation]:
    """Return a subclass that adds parameters and a 400; or that replaces an earlier result.

    Args:
        operation_class: the class of the handler's operations.
        parameters: Parameter Objects. A parameter that the handler itself declares is kept.
        adds_refusal: whether to add the 400. Litestar describes its own, with another body, for
            handlers with arguments; they then have two bodies.
    """
    base, earlier = getattr(operation_class, _ADDITIONS, (operation_class, {}))
    added = {**earlier, **{each["name"].lower(): each for each in parameters}}

    def initialize(self: Operation, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        base.__init__(self, *args, **kwargs)
        _add_parameters(self, added)
        if adds_refusal:
            _add_refusal(self)

    members = {"__init__": initialize, _ADDITIONS: (base, added)}
    return type("GuardedOperation", (base,), members)


def _add_parameters(operation: Operation, added: Mapping[str, Mapping[str, Any]]) -> None:
    own = operation.parameters or []
    known = {each.name.lower() for each in own if isinstance(each, Parameter)}
    new = [
        Parameter(
            name=each["name"],
            param_in=each["in"],
            required=each["required"],
            description=each["description"],
            schema=Schema(type=OpenAPIType.STRING),
        )
        for name, each in added.items()
        if name not in known
    ]
    operation.parameters = [*own, *new] or None


def _add_refusal(operation: Operation) -> None:
    responses = operation.responses or {}
    ours = [
        schema
        for status in map(str, Refusal.documented)
        for schema in _schemas_of(responses.get(status))
        # Not a body of the app, which may describe some of these statuses itself.
        if isinstance(schema, Reference) and schema.ref.endswith(RefusalBody.__name__)
    ]
    if ours:
        schema = Schema(one_of=[ours[0], _litestar_body()]) if _STATUS in responses else ours[0]
        responses[_STATUS] = OpenAPIResponse(
            description=Refusal.documented[HTTP_400_BAD_REQUEST],
            content={MediaType.JSON: OpenAPIMediaType(schema=schema)},
        )


def _litestar_body() -> Schema:
    """Return the schema of the body that Litestar sends for its own exceptions.

    Litestar's own schema limits the type of ``extra``, in a form that generators of clients reject.
    """
    return Schema(
        title="LitestarErrorBody",
        type=OpenAPIType.OBJECT,
        required=["status_code", "detail"],
        properties={
            "status_code": Schema(type=OpenAPIType.INTEGER),
            "detail": Schema(type=OpenAPIType.STRING),
            "extra": Schema(),
        },
    )


def _schemas_of(response: object) -> list[Schema | Reference]:
    content = getattr(response, "content", None) or {}
    return [media.schema for media in content.values() if media.schema is not None]
