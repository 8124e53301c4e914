"""The types of settings that are parsed from text."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import from_json

from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError
from tokenward.policy import Never
from tokenward.settings.durations import parse_duration, parse_lifetime

__all__ = [
    "ClaimRulesText",
    "Duration",
    "ExtraRegisteredClaims",
    "LifetimeOrNever",
    "Names",
    "TokenTypes",
]


def _parsed_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Parse text, and pass values from Python code on unchanged."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _parse_names(text: str) -> tuple[str, ...]:
    """Return names that are separated by commas, or a JSON list."""
    try:
        names = from_json(text) if text.lstrip().startswith("[") else text.split(",")
    except ValueError:
        names = [""]

    is_valid = isinstance(names, list) and all(
        isinstance(name, str) and name.strip() for name in names
    )
    if not is_valid:
        msg = "Expected names separated by commas, or a JSON list of them."
        raise ConfigurationError(msg)
    return tuple(name.strip() for name in names)


def _parse_rules(text: str) -> dict[str, Any]:
    """Return the members of a JSON object; the policy checks them."""
    try:
        rules = from_json(text)
    except ValueError:
        rules = None
    if not isinstance(rules, dict):
        msg = 'Expected a JSON object, as in {"token_use": "access", "scope": true}.'
        raise ConfigurationError(msg)
    return rules


ClaimRulesText = Annotated[Mapping[str, Any], _parsed_by(_parse_rules)]
Duration = Annotated[timedelta, _parsed_by(parse_duration)]
LifetimeOrNever = Annotated[timedelta | Literal[Never.NEVER], _parsed_by(parse_lifetime)]
Names = Annotated[tuple[str, ...], _parsed_by(_parse_names)]
ExtraRegisteredClaims = Annotated[tuple[Literal["csrf", "nbf"], ...], _parsed_by(_parse_names)]
TokenTypes = Annotated[tuple[TokenType, ...], _parsed_by(_parse_names)]
