"""Rules about the values of claims, as a policy states them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, TypeAlias

from pydantic import JsonValue

from tokenward.claims.model import RESERVED_CLAIMS
from tokenward.errors import ConfigurationError

__all__ = ["ClaimRule", "ClaimRules", "check_audience_claim"]

ClaimRule: TypeAlias = Literal[True] | str | Collection[str]
"""What a claim must be: True, if it must be present; or one or several texts, if it must equal one."""

_HINT: Final = "as in {'token_use': 'access', 'scope': True}"


class ClaimRules(Mapping[str, ClaimRule]):
    """Rules by the name of a claim, all of which a token must meet; immutable and hashable."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Mapping[str, ClaimRule], setting: str) -> None:
        """Check and copy rules.

        Args:
            rules: the rules.
            setting: the name of the setting, for errors.

        Raises:
            ConfigurationError: there is no rule, or a name or a rule is invalid.
        """
        if not isinstance(rules, Mapping) or not rules:
            msg = f"{setting} must be a mapping of at least one claim, {_HINT}."
            raise ConfigurationError(msg)
        self._rules = {name: _checked(name, rule, setting) for name, rule in rules.items()}

    def __getitem__(self, name: str) -> ClaimRule:
        return self._rules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __hash__(self) -> int:
        return hash(frozenset(self._rules.items()))

    def __repr__(self) -> str:
        return repr(self._rules)

    def are_met(self, members: Mapping[str, JsonValue]) -> bool:
        """Whether the members of a payload meet all rules.

        A member that is null, false, zero or empty counts as absent. Text is compared exactly; a
        list never equals a text.
        """
        return all(_is_met(rule, members.get(name)) for name, rule in self._rules.items())


def check_audience_claim(name: object, *, has_audience: bool) -> None:
    """Refuse the name of a claim that cannot name the audience.

    Raises:
        ConfigurationError: it is not text, another registered claim, or there is no audience.
    """
    if name == "aud":
        return
    if not isinstance(name, str) or not name or name in RESERVED_CLAIMS:
        msg = (
            "audience_claim must be 'aud' or another claim that names a client, as in 'client_id'."
        )
        raise ConfigurationError(msg)
    if not has_audience:
        msg = "audience_claim requires an audience: set audience to what the claim must name."
        raise ConfigurationError(msg)


def _is_met(rule: Literal[True] | frozenset[str], value: JsonValue) -> bool:
    if rule is True:
        return bool(value)
    return isinstance(value, str) and value in rule


def _checked(name: object, rule: object, setting: str) -> Literal[True] | frozenset[str]:
    if not isinstance(name, str) or not name:
        msg = f"{setting} must have names of claims as its keys, {_HINT}."
        raise ConfigurationError(msg)
    if rule is True:
        return True
    texts: list[object] = []
    if isinstance(rule, str):
        texts = [rule]
    elif isinstance(rule, Collection) and not isinstance(rule, Mapping):
        texts = list(rule)
    names = frozenset(each for each in texts if isinstance(each, str) and each)
    if not texts or any(not isinstance(each, str) or not each for each in texts):
        msg = (
            f"{setting} must have True, non-empty text, or a collection of non-empty texts as its "
            f"values, {_HINT}."
        )
        raise ConfigurationError(msg)
    return names
