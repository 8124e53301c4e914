"""Claims models are found inside any type that a framework would fill from a request."""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
)

import pydantic
import pytest
from pydantic import BaseModel, Json, RootModel
from typing_extensions import TypeAliasType

from tokenward import Claims, TokenPair
from tokenward.http import contains_claims_model

ItemT = TypeVar("ItemT")
ClaimsT = TypeVar("ClaimsT", bound=Claims)
OneOfT = TypeVar("OneOfT", int, Claims)


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str = ""


class Order(BaseModel):
    """A body without claims that refers to itself."""

    label: str
    parts: "list[Order]" = []


class Wrapped(BaseModel):
    """A body that contains claims."""

    claims: ShopClaims | None = None


class Open(BaseModel, extra="allow"):
    """A body whose undeclared members are claims."""

    __pydantic_extra__: dict[str, ShopClaims]


class Envelope(BaseModel, Generic[ItemT]):
    """A generic body."""

    items: list[ItemT]


class Later(BaseModel):
    """A body whose field type is defined below."""

    inner: "Defined"


class Defined(BaseModel):
    """The body of the field above."""

    claims: ShopClaims


@dataclasses.dataclass
class Record:
    """A dataclass."""

    kind: ClassVar[Claims] = Claims()
    claims: "ShopClaims"


@dataclasses.dataclass
class GenericRecord(Generic[ItemT]):
    """A generic dataclass."""

    item: ItemT


@dataclasses.dataclass
class Unresolved:
    """A dataclass with one unresolvable name."""

    other: "Nowhere"  # noqa: F821
    claims: ShopClaims


@dataclasses.dataclass
class UnresolvedHarmless:
    """The same without claims."""

    kind: ClassVar[Claims] = Claims()
    model: type[Claims] = Claims
    other: "Nowhere" = None  # noqa: F821


@dataclasses.dataclass
class Initial:
    """A dataclass that takes claims only in its constructor."""

    claims: dataclasses.InitVar[ShopClaims]


@pydantic.dataclasses.dataclass
class PydanticRecord:
    """A Pydantic dataclass."""

    claims: tuple[ShopClaims, ...]


class Entry(TypedDict, total=False):
    """A typed dictionary."""

    claims: ShopClaims


class Row(NamedTuple):
    """A named tuple."""

    claims: ShopClaims


class Struct:
    """A class with the attributes of an msgspec class."""

    __struct_fields__ = ("claims",)
    claims: ShopClaims


class Service:
    """A class that is not a record: its attributes are not filled from a request."""

    claims: ShopClaims


class Colour(enum.Enum):
    """An enumeration."""

    RED = "red"


HOLDING = [
    Claims,
    ShopClaims,
    ShopClaims | None,
    Optional[ShopClaims],  # noqa: UP045
    list[ShopClaims],
    dict[str, list[ShopClaims | None]],
    Mapping[str, ShopClaims],
    tuple[int, *tuple[ShopClaims, ...]],
    Annotated[ShopClaims, "a note"],
    Annotated[list[Annotated[ShopClaims, 1]], 2],
    Json[ShopClaims],
    Callable[[ShopClaims], int],
    Wrapped,
    Open,
    Envelope[ShopClaims],
    Envelope[Wrapped],
    Later,
    RootModel[list[ShopClaims]],
    Record,
    GenericRecord[ShopClaims],
    Unresolved,
    Initial,
    PydanticRecord,
    Entry,
    Row,
    Struct,
    NewType("NewClaims", ShopClaims),
    TypeAliasType("Alias", list[ShopClaims]),
    TypeAliasType("GenericAlias", list[ItemT], type_params=(ItemT,))[ShopClaims],
    ClaimsT,
    OneOfT,
]

FREE = [
    int,
    str,
    None,
    type(None),
    Any,
    object,
    Order,
    list[Order] | None,
    Envelope[Order],
    Envelope,
    RootModel,
    GenericRecord[int],
    ItemT,
    TokenPair,
    BaseModel,
    type[ShopClaims],
    UnresolvedHarmless,
    Service,
    Colour,
    Literal["a", "b"],
    Annotated[int, ShopClaims],
    "ShopClaims",
]


# Numbered: from Python 3.14 on, an Optional and a union with None are the same type.
@pytest.mark.parametrize(
    "annotation", HOLDING, ids=[f"{number} {each}" for number, each in enumerate(HOLDING)]
)
def test_a_type_that_contains_a_claims_model_is_found(annotation):
    """Claims models are found at any depth, in unions, containers, generics, aliases and records."""
    assert contains_claims_model(annotation)


@pytest.mark.parametrize("annotation", FREE, ids=str)
def test_a_type_without_claims_is_let_through(annotation):
    """Other types pass, and the search ends for types that refer to themselves."""
    assert not contains_claims_model(annotation)
