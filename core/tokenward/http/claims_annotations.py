"""Finds `Claims` models in type annotations."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from tokenward.claims.model import Claims

__all__ = ["claims_models_in", "contains_claims_model"]

# Where an alias, a NewType, a type variable and an InitVar keep the type that they stand for.
_REFERENCES: Final = ("__value__", "__supertype__", "__bound__", "__constraints__", "type")
# What marks the classes whose annotated attributes a framework fills: TypedDict, NamedTuple,
# dataclasses (Pydantic's as well), msgspec and attrs.
_MARKS_OF_RECORDS: Final = (
    "__total__",
    "_fields",
    "__dataclass_fields__",
    "__struct_fields__",
    "__attrs_attrs__",
)


def contains_claims_model(annotation: object) -> bool:
    """Whether a type is a `Claims` model, or holds one at any depth.

    A parameter of such a type that is filled from a request takes its claims from the client: no
    token was verified. The adapters refuse to start an app that has one.

    The search goes into unions, ``Annotated``, containers and other generics, type aliases,
    ``NewType``, type variables, and the fields of Pydantic models, dataclasses, ``TypedDict``,
    ``NamedTuple``, msgspec and attrs classes.

    Args:
        annotation: a type, as the framework resolved it.

    Returns:
        True if a value of the type can hold claims.

    Not checked: names in quotes that cannot be resolved, and classes with a validator of their own.
    """
    return any(True for _ in claims_models_in(annotation))


def claims_models_in(annotation: object) -> Iterator[type[Claims]]:
    """Yield the `Claims` models that a type is or holds; see `contains_claims_model`.

    Args:
        annotation: a type, as the framework resolved it.
    """
    # Not every type can be hashed; and an object that is kept keeps its id to itself.
    seen: dict[int, object] = {}
    waiting: list[object] = [annotation]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each
        if isinstance(each, type) and issubclass(each, Claims):
            yield each
        else:
            waiting.extend(_fields_of(each) if isinstance(each, type) else _parts_of(each))


def _parts_of(annotation: object) -> Iterable[object]:
    """Return what a type expression is made of."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {type, ClassVar}:
        return ()
    if origin is Annotated:
        return arguments[:1]
    if isinstance(annotation, tuple | list):  # constraints, and the parameters of a Callable
        return annotation
    if origin is not None:
        return (origin, *arguments)
    return [getattr(annotation, name, None) for name in _REFERENCES]


def _fields_of(kind: type) -> Iterable[object]:
    """Return the types of the fields of a record class; other classes have none."""
    if issubclass(kind, BaseModel) and kind is not BaseModel:
        if not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)
        # With extra="allow" this attribute says of which type further members are.
        extra = _hints_of(kind).get("__pydantic_extra__")
        return [extra, *(field.annotation for field in kind.model_fields.values())]
    if not any(hasattr(kind, mark) for mark in _MARKS_OF_RECORDS):
        return ()
    return _hints_of(kind).values()


def _hints_of(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # One name that cannot be resolved must not hide the fields whose types are known.
        return {
            name: hint
            for each in reversed(kind.__mro__)
            for name, hint in inspect.get_annotations(each).items()
        }
