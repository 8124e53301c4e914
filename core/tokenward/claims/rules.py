"""Rules about the values of claims, as a policy states them."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from pydantic import JsonValue

from tokenward._arguments import checked_names
from tokenward.claims.model import RESERVED_CLAIMS
from tokenward.errors import ConfigurationError

__all__ = [
    "ClaimRule",
    "ClaimRules",
    "check_above_zero",
    "check_audience_claim",
    "check_other_name",
    "check_range",
    "check_size",
    "checked_choices",
    "checked_issuers",
    "checked_required_claims",
]

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


def checked_issuers(issuer: str | Collection[str]) -> frozenset[str]:
    """Return one or several issuers as a set.

    Raises:
        ConfigurationError: there is none, one is not text or empty, or has a placeholder, which
            would be compared letter by letter.
    """
    issuers = checked_names(issuer, "issuer")
    if any(not {*"{}*"}.isdisjoint(each) for each in issuers):
        msg = (
            "issuer must be the exact text of iss, without placeholders: for several tenants, pass "
            "a collection with the issuer of each."
        )
        raise ConfigurationError(msg)
    return issuers


def checked_required_claims(names: Collection[str]) -> frozenset[str]:
    """Return the names of required claims as a set; it may be empty.

    Raises:
        ConfigurationError: it is not a collection, or a name is empty or not text.
    """
    if isinstance(names, str) or not isinstance(names, Collection):
        msg = "required_claims must be a collection of names, as in required_claims={'sub'}."
        raise ConfigurationError(msg)
    if not all(isinstance(name, str) and name for name in names):
        msg = "required_claims must contain names of claims only, as in required_claims={'sub'}."
        raise ConfigurationError(msg)
    return frozenset(names)


def checked_choices(
    names: Collection[str], choices: tuple[str, str], setting: str
) -> frozenset[str]:
    """Return names of which each is one of two choices as a set; it may be empty.

    Raises:
        ConfigurationError: it is not a collection, or a name is another one.
    """
    is_listed = isinstance(names, Collection) and not isinstance(names, str)
    if not is_listed or not all(each in choices for each in names):
        msg = f"{setting} may contain only {choices[0]!r} and {choices[1]!r}, as in {{{choices[1]!r}}}."
        raise ConfigurationError(msg)
    return frozenset(names)


def check_size(value: object, setting: str, least: int) -> None:
    """Refuse a size that is not a whole number, or less than the least, which is zero or one.

    Raises:
        ConfigurationError: it is one of these.
    """
    if type(value) is not int or value < least:
        kind = "a positive whole number" if least else "a whole number, zero or more"
        msg = f"{setting} must be {kind}."
        raise ConfigurationError(msg)


def check_range(value: object, setting: str, longest: timedelta, text: str) -> None:
    """Refuse a duration that is negative or too long; `text` names the longest.

    Raises:
        ConfigurationError: it is one of these, or not a timedelta.
    """
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= longest:
        msg = f"{setting} must be a timedelta from zero to {text}."
        raise ConfigurationError(msg)


def check_above_zero(value: object, setting: str) -> None:
    """Refuse a duration that is neither None nor above zero.

    Raises:
        ConfigurationError: it is another one, or not a timedelta.
    """
    if value is not None and (not isinstance(value, timedelta) or value <= timedelta(0)):
        msg = f"{setting} must be a timedelta above zero, or None."
        raise ConfigurationError(msg)


def check_other_name(name: object, claim: str, setting: str) -> None:
    """Refuse a name that cannot be the other name of a registered claim.

    Raises:
        ConfigurationError: it is not text, or another registered claim.
    """
    if name != claim and (not isinstance(name, str) or not name or name in RESERVED_CLAIMS):
        msg = f"{setting} must be {claim!r} or the name of a claim that is not registered."
        raise ConfigurationError(msg)


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
