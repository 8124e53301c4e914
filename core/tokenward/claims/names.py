"""The members of a payload from which a claims model reads its fields."""

from typing import NamedTuple

from pydantic import AliasChoices, AliasPath
from pydantic.fields import FieldInfo

from tokenward.claims.model import RESERVED_CLAIMS, Claims
from tokenward.claims.schema import nodes_of, sees_payload_first

__all__ = ["NeededMembers", "needed_members", "token_names"]


class NeededMembers(NamedTuple):
    """The members that a payload must have so that every required field of a model has a value."""

    each: frozenset[str]
    """Members that must all be present."""
    alternatives: tuple[frozenset[str], ...]
    """Sets of members; at least one member of each set must be present."""

    def missing_from(self, names: frozenset[str]) -> list[str]:
        """Return the members that are missing, alternatives joined by "or"."""
        lacking = [group for group in self.alternatives if group.isdisjoint(names)]
        return sorted([*(self.each - names), *(" or ".join(sorted(group)) for group in lacking)])


def token_names(model: type[Claims], name: str) -> frozenset[str]:
    """Return the members of a payload that a field may be read from: its name or its aliases.

    An `AliasPath` is read from the member with which it begins.
    """
    info, config = model.model_fields[name], model.model_config
    aliases = _aliases(info) if config.get("validate_by_alias", True) else frozenset()
    if not aliases or config.get("validate_by_name") or config.get("populate_by_name"):
        return aliases | {name}
    return aliases


def needed_members(model: type[Claims]) -> NeededMembers:
    """Return the members that the required fields of a model need.

    A field that is also read from a registered claim needs no member, because the engine writes that
    claim. If validators of the model see the payload before its fields, the needs are unknown, and
    the result is empty.
    """
    if sees_payload_first(nodes_of(model.__pydantic_core_schema__)):
        return NeededMembers(frozenset(), ())
    needed = {
        token_names(model, name)
        for name, info in model.model_fields.items()
        if info.is_required() and token_names(model, name).isdisjoint(RESERVED_CLAIMS)
    }
    return NeededMembers(
        frozenset().union(*(group for group in needed if len(group) == 1)),
        tuple(group for group in needed if len(group) > 1),
    )


def _aliases(info: FieldInfo) -> frozenset[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    firsts = {choice.path[0] if isinstance(choice, AliasPath) else choice for choice in choices}
    return frozenset(first for first in firsts if isinstance(first, str))
