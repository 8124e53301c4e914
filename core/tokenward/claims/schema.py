"""Registered claims in the Pydantic schema of a claims model, read in the same way by every model.

Pydantic applies the configuration of a subclass (alias generators, changes to text) to inherited
fields as well. This module removes that from the registered claims, and checks the result.
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

# The settings of a model that change text, and the setting of a field that switches each off.
_FIXED_TEXT: Final[Mapping[str, tuple[str, object]]] = {
    "str_strip_whitespace": ("strip_whitespace", False),
    "str_to_lower": ("to_lower", False),
    "str_to_upper": ("to_upper", False),
    "str_max_length": ("max_length", 2**31),
    "str_min_length": ("min_length", 0),
    "coerce_numbers_to_str": ("coerce_numbers_to_str", False),
}
_INNER: Final = ("schema", "items_schema", "keys_schema", "values_schema", "choices")
# Settings that do not change how the registered claims are read from JSON.
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
# A quick test for NaN, Infinity and exponents. In JSON a value follows one of `:,[` or white space.
# Map these characters to ":" and the letters E, N and I to "e", and remove digits, points and signs:
# an exponent, a NaN or an Infinity then becomes ":e".
_ALIKE: Final = bytes.maketrans(b",[ \t\n\rENI", b"::::::eee")
_OF_NUMBERS: Final = b"0123456789.+-"
_FEW: Final = 300  # the largest float has 309 digits
# The start of a NaN, an Infinity or a number that may overflow; all other numbers are finite.
_SUSPECT: Final = re.compile(rb"[:,\[\s]-?(?:[NI]|[0-9]{200}|[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3})")


def nodes_of(schema: Mapping[str, Any]) -> list[CoreSchema]:
    """Return the schema nodes around the fields of a model, outermost first, and the fields last."""
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
    """Return the fields of a model; empty if the schema does not have the usual structure."""
    fields: dict[str, CoreSchema] = nodes[-1].get("fields", {})
    return fields if nodes[-1]["type"] == "model-fields" else {}


def fix_fields(schema: Mapping[str, Any], names: Collection[str] | None) -> None:
    """Make fields independent of the model's configuration; changes the schema in place.

    The fields are read by their own names, and their text is not changed. Validators of the fields
    stay, but the engine does not use the values that they return.

    Args:
        schema: the schema of a claims model.
        names: the names of the fields; None: all fields.
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
    """Whether a model certainly reads fields from JSON in the same way as another model.

    False if this is unknown, for example because the model has validators or a constructor.

    Args:
        model: the class.
        nodes: the nodes of its schema; see `nodes_of`.
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
    """Whether a validator or a constructor of the model may change the payload before its fields."""
    return any(
        node["type"] in {"function-before", "function-wrap", "function-plain"}
        or node.get("custom_init", False)
        for node in nodes
    )


def may_hide_numbers(nodes: list[CoreSchema], fixed: Collection[str]) -> bool:
    """Whether a payload may contain a number that a model neither validates nor keeps in its extras.

    Args:
        nodes: the schema nodes of a model for which `reads_alike` is True.
        fixed: the names of fields that are known to validate their numbers.
    """
    config = nodes[0]["config"]
    return (
        config.get("extra_fields_behavior") not in {"allow", "forbid"}
        or "extras_schema" in nodes[-1]
        or any(
            _hides_number(field) for name, field in fields_of(nodes).items() if name not in fixed
        )
    )


def has_hidden_infinity(payload: bytes) -> bool:
    """Whether a payload contains a NaN or an infinity, at any depth.

    Raises:
        MalformedTokenError: the parser refuses the payload.
    """
    rest = payload.translate(_ALIKE, _OF_NUMBERS)
    return (
        (b":e" in rest or len(payload) - len(rest) > _FEW)  # cheap, and enough for most payloads
        and _SUSPECT.search(payload) is not None
        and not all_finite(loads_payload(payload))
    )


def _hides_number(field: CoreSchema) -> bool:
    # A path, or several names: the model may validate only a part of what they name.
    if not isinstance(field.get("validation_alias", ""), str):
        return True
    return not all(
        node["type"] in _WITHOUT_NUMBERS
        or (node["type"] == "float" and not node.get("allow_inf_nan", False))
        or (node["type"] in _CONTAINERS and _has_items(node))
        for node in _inside(field["schema"])
    )


def _has_items(node: CoreSchema) -> bool:
    """Whether a container schema has a schema for its items; a list of anything has none."""
    return sum(key in node for key in _INNER) == (2 if node["type"] == "dict" else 1)


def _inside(node: CoreSchema) -> Iterator[CoreSchema]:
    """Yield a schema and the schemas inside it that belong to the same value."""
    yield node
    for key in _INNER:
        inner = node.get(key, ())
        for each in (inner,) if isinstance(inner, dict) else inner:
            yield from _inside(each[0] if isinstance(each, tuple) else each)


def _reading(field: CoreSchema) -> tuple[object, object]:
    """Return the part of a field's schema that decides how it is read, not how it is written."""
    schema = field.get("schema", {})
    kept = {key: value for key, value in schema.items() if key not in {"serialization", "metadata"}}
    return field.get("validation_alias"), kept
