"""Finds `Claims` models in type annotations."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from tokenward.claims.model import Claims

__all__ = ["claims_models_in", "contains_claims_model"]

# The attributes that hold the type behind an alias, a NewType, a type variable or an InitVar.
_REFERENCES: Final = ("__value__", "__supertype__", "__bound__", "__constraints__", "type")
# An attribute of each kind of class whose fields a framework fills: TypedDict, NamedTuple,
# dataclasses (standard library and Pydantic), msgspec and attrs.
_RECORD_ATTRIBUTES: Final = (
    "__total__",
    "_fields",
    "__dataclass_fields__",
    "__struct_fields__",
    "__attrs_attrs__",
)


def contains_claims_model(annotation: object) -> bool:
    """Whether a type is a `Claims` model, or contains one at any depth.

    If a framework fills a parameter of such a type from a request, its claims come from the client
    and no token was verified. The adapters refuse to start an app with such a parameter.

    The search includes unions, ``Annotated``, containers and other generics, type aliases,
    ``NewType``, type variables, and the fields of Pydantic models, dataclasses, ``TypedDict``,
    ``NamedTuple``, msgspec and attrs classes.

    Args:
        annotation: a type, as resolved by the framework.

    Returns:
        True if a value of the type can contain claims.

    Not checked: quoted names that cannot be resolved, and classes with custom validators.
    """
    return any(True for _ in claims_models_in(annotation))


def claims_models_in(annotation: object) -> Iterator[type[Claims]]:
    """Yield the `Claims` models that a type is or contains; see `contains_claims_model`.

    Args:
        annotation: a type, as resolved by the framework.
    """
    # By id, because not every type is hashable. Keeping each object ensures that its id stays unique.
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
    """Return the types that a type expression refers to."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {type, ClassVar}:
        return ()
    if origin is Annotated:
        return arguments[:1]
    if isinstance(annotation, tuple | list):  # type variable constraints; parameters of a Callable
        return annotation
    if origin is not None:
        return (origin, *arguments)

    return [getattr(annotation, name, None) for name in _REFERENCES]


def _fields_of(kind: type) -> Iterable[object]:
    """Return the field types of a record class; nothing for any other class."""
    if issubclass(kind, BaseModel) and kind is not BaseModel:
        if not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)
        # With extra="allow" this annotation is the type of undeclared members.
        extra = _hints_of(kind).get("__pydantic_extra__")
        return [extra, *(field.annotation for field in kind.model_fields.values())]
    if not any(hasattr(kind, name) for name in _RECORD_ATTRIBUTES):
        return ()

    return _hints_of(kind).values()


def _hints_of(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # An unresolvable name in one field must not hide the other fields.
        return {
            name: hint
            for each in reversed(kind.__mro__)
            for name, hint in inspect.get_annotations(each).items()
        }
