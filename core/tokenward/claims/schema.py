"""Registered claims in the schema of a claims model: fixed there, and compared with those of `Claims`.

Pydantic applies the configuration of a subclass (alias generators, changes to text) to inherited
fields as well. Here these fields are set apart, so that every model reads them alike.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from tokenward.jose.codec import all_finite, loads_payload

__all__ = [
    "CoreSchema",
    "fields_of",
    "fix_fields",
    "has_hidden_infinity",
    "may_hide_numbers",
    "nodes_of",
    "reads_alike",
    "sees_payload_first",
]

CoreSchema: TypeAlias = dict[str, Any]

# What the configuration of a model could do to text, and how a field says that it is not done.
_FIXED_TEXT: Final[Mapping[str, tuple[str, object]]] = {
    "str_strip_whitespace": ("strip_whitespace", False),
    "str_to_lower": ("to_lower", False),
    "str_to_upper": ("to_upper", False),
    "str_max_length": ("max_length", 2**31),
    "str_min_length": ("min_length", 0),
    "coerce_numbers_to_str": ("coerce_numbers_to_str", False),
}
_INNER: Final = ("schema", "items_schema", "keys_schema", "values_schema", "choices")
# Settings that cannot change how fixed fields are read from JSON.
_HARMLESS: Final = frozenset(
    {
        "title", "frozen", "strict", "extra_fields_behavior", "hide_input_in_errors",
        "validate_by_name", "validate_by_alias", "serialize_by_alias", "loc_by_alias",
        "ser_json_bytes", "ser_json_timedelta", "ser_json_temporal", "ser_json_inf_nan",
        "val_json_bytes",
    }
)  # fmt: skip
_WITHOUT_NUMBERS: Final = frozenset(
    {"str", "int", "bool", "none", "bytes", "datetime", "date", "uuid"}
)
_CONTAINERS: Final = frozenset(
    {"default", "nullable", "union", "list", "tuple", "set", "frozenset", "dict"}
)
# A value in JSON stands behind one of `:,[` or white space. So a payload without its digits, points
# and signs has ":e" where there was an exponent, a NaN or an Infinity, once these letters are alike.
_ALIKE: Final = bytes.maketrans(b",[ \t\n\rENI", b"::::::eee")
_OF_NUMBERS: Final = b"0123456789.+-"
_FEW: Final = 300  # The greatest float has 309 digits.
# The beginning of a NaN, an Infinity, or a number that may overflow; others are finite.
_SUSPECT: Final = re.compile(rb"[:,\[\s]-?(?:[NI]|[0-9]{200}|[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3})")


def nodes_of(schema: Mapping[str, Any]) -> list[CoreSchema]:
    """Return what stands around the fields of a model, from the outside, and the fields last."""
    definitions: dict[str, CoreSchema] = {}
    nodes: list[CoreSchema] = []
    found = cast("CoreSchema | None", schema)
    while found is not None:
        if found["type"] == "definitions":
            definitions.update((each["ref"], each) for each in found["definitions"])
        elif found["type"] == "definition-ref":
            found = definitions.get(found["schema_ref"])
            continue
        else:
            nodes.append(found)
        found = found.get("schema")
    return nodes


def fields_of(nodes: list[CoreSchema]) -> dict[str, CoreSchema]:
    """Return the fields of a model; empty where its schema is not built like that of a model."""
    fields: dict[str, CoreSchema] = nodes[-1].get("fields", {})
    return fields if nodes[-1]["type"] == "model-fields" else {}


def fix_fields(schema: Mapping[str, Any], names: Collection[str] | None) -> None:
    """Make fields independent of the model's configuration, in place.

    They are read by their own names, and their text stays as it is. Validators of these fields
    stay, and what they make of a value is not what the engine checks by.

    Args:
        schema: of a claims model.
        names: the fields; None: all of them.
    """
    nodes = nodes_of(schema)
    config: CoreSchema = {}
    for node in nodes:
        config = {**config, **node.get("config", {})}
    text = dict(fixed for setting, fixed in _FIXED_TEXT.items() if setting in config)
    for name, field in fields_of(nodes).items():
        if names is None or name in names:
            field.pop("validation_alias", None)
            for node in _inside(field):
                if node["type"] == "str":
                    node.update(text)


def reads_alike(model: type, nodes: list[CoreSchema], expected: Mapping[str, CoreSchema]) -> bool:
    """Whether a model provably reads fields from JSON as they are read elsewhere.

    Where this cannot be told, as of a model with validators or a constructor, the answer is False.

    Args:
        model: the class.
        nodes: of its schema.
        expected: the fields, as they are in the schema of the other model.
    """
    if [node["type"] for node in nodes] != ["model", "model-fields"]:
        return False
    outer, config, fields = nodes[0], nodes[0].get("config", {}), fields_of(nodes)
    return (
        outer["cls"] is model
        and not (outer.get("custom_init") or outer.get("post_init") or outer.get("root_model"))
        and {key: value for key, value in config.items() if key not in _HARMLESS}
        == {"allow_inf_nan": False}
        and all(_reading(fields.get(name, {})) == _reading(expected[name]) for name in expected)
    )


def sees_payload_first(nodes: list[CoreSchema]) -> bool:
    """Whether a validator or a constructor of the model may change what its fields are read from."""
    return any(
        node["type"] in {"function-before", "function-wrap", "function-plain"}
        or node.get("custom_init", False)
        for node in nodes
    )


def may_hide_numbers(nodes: list[CoreSchema], fixed: Collection[str]) -> bool:
    """Whether a payload may hold a number that a model neither looks at nor keeps in its extras.

    Args:
        nodes: of the schema of a model that `reads_alike`.
        fixed: fields of which it is known that they look at their numbers.
    """
    config = nodes[0].get("config", {})
    return (
        config.get("extra_fields_behavior") not in {"allow", "forbid"}
        or "extras_schema" in nodes[-1]
        or any(
            _hides_number(field, by_name=config.get("validate_by_name", False))
            for name, field in fields_of(nodes).items()
            if name not in fixed
        )
    )


def has_hidden_infinity(payload: bytes) -> bool:
    """Whether a payload holds a NaN or an infinity, at any depth.

    Raises:
        MalformedTokenError: it holds something else that the parser refuses.
    """
    rest = payload.translate(_ALIKE, _OF_NUMBERS)
    return (
        (b":e" in rest or len(payload) - len(rest) > _FEW)  # nearly free, and enough for most
        and _SUSPECT.search(payload) is not None
        and not all_finite(loads_payload(payload))
    )


def _hides_number(field: CoreSchema, *, by_name: bool) -> bool:
    alias = field.get("validation_alias")
    if alias is not None and (by_name or not isinstance(alias, str)):
        return True
    return not all(
        node["type"] in _WITHOUT_NUMBERS
        or (node["type"] == "float" and not node.get("allow_inf_nan", False))
        or (node["type"] in _CONTAINERS and _has_items(node))
        for node in _inside(field["schema"])
    )


def _has_items(node: CoreSchema) -> bool:
    """Whether a schema says what it contains; a list of anything does not."""
    return sum(key in node for key in _INNER) == (2 if node["type"] == "dict" else 1)


def _inside(node: CoreSchema) -> Iterator[CoreSchema]:
    """Go through a schema and those inside it, as far as these belong to one value."""
    yield node
    for key in _INNER:
        inner = node.get(key, ())
        for each in (inner,) if isinstance(inner, dict) else inner:
            yield from _inside(each[0] if isinstance(each, tuple) else each)


def _reading(field: CoreSchema) -> tuple[object, object]:
    """Return what decides how a field is read: not how it is written."""
    schema = field.get("schema", {})
    kept = {key: value for key, value in schema.items() if key not in {"serialization", "metadata"}}
    return field.get("validation_alias"), kept
