"""Who acts for the subject of a token: the ``act`` claim (RFC 8693 §4.1)."""

from collections.abc import Collection
from typing import ClassVar, Final, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from tokenward._arguments import refuse
from tokenward.errors import InvalidClaimError
from tokenward.jose.codec import all_finite

__all__ = ["Actor", "ActorRule", "checked_actor_rule", "is_accepted"]

ActorRule: TypeAlias = bool | Collection[str]
"""Whether a token must have an actor (True) or none (False), or the subjects of accepted actors."""

_MOST_ACTORS: Final = 5


class Actor(BaseModel):
    """The ``act`` claim: the party that acts for the subject. Unknown members are kept.

    ::

        Actor(sub="orders-api")                                 # it acts for the user itself
        Actor(sub="orders-api", act=claims.act.members())       # claims.act acted before it

    Only the outermost actor counts. The nested ones say who acted before (RFC 8693 §4.1); there are at
    most 5 in all. Members that do not identify the actor, such as ``exp``, have no effect.

    Raises:
        InvalidClaimError: there are more than 5 actors. It is a `TokenError`, because the chain comes
            from a client's token.
        ValueError: ``sub`` or ``iss`` of an actor is null or empty, or no member names an actor.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="allow", hide_input_in_errors=True
    )

    sub: str | None = None
    """The subject of the actor; None: another member identifies it."""
    iss: str | None = None
    """The issuer of `sub`; None: the issuer of the token."""
    # No Actor: the fixed model of the registered claims has no room for a recursive schema.
    act: dict[str, object] | None = None
    """The members of the actor before this one, for information only."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse an actor without a name, numbers that JSON does not have, and a long chain."""
        members = self.model_dump(exclude_unset=True)
        if not all_finite(members):
            raise ValueError
        actor: object = members
        for _ in range(_MOST_ACTORS):
            if actor is None:
                return self
            if not isinstance(actor, dict) or not _is_named(actor):
                raise ValueError
            actor = actor.get("act")
        if actor is not None:
            raise InvalidClaimError(claim="act")
        return self

    def members(self) -> dict[str, object]:
        """Return the members of the claim."""
        return self.model_dump(mode="json", exclude_none=True)


def _is_named(actor: dict[str, object]) -> bool:
    are_texts = all(
        isinstance(actor[name], str) and actor[name] for name in ("sub", "iss") if name in actor
    )
    return are_texts and not actor.keys() <= {"iss", "act"}


def checked_actor_rule(rule: ActorRule) -> ActorRule:
    """Return a rule with its subjects as a frozenset.

    Raises:
        ConfigurationError: it is one text, is empty, or contains something else than texts.
    """
    if isinstance(rule, bool):
        return rule
    is_collection = isinstance(rule, Collection) and not isinstance(rule, str)
    if not is_collection or not rule or not all(isinstance(each, str) and each for each in rule):
        refuse(
            "actor must be True, False or a collection of at least one subject, as in "
            "actor=['orders-api']."
        )
    return frozenset(rule)


def is_accepted(actor: Actor | None, rule: ActorRule, issuer: str | None) -> bool:
    """Whether the outermost actor of a token is accepted.

    Args:
        actor: the ``act`` claim; None: the token has no actor.
        rule: what is required. Subjects are those of the token's issuer.
        issuer: the ``iss`` of the token.
    """
    if isinstance(rule, bool):
        return rule is (actor is not None)
    # RFC 8693 §4.1: the subject alone may not be unique.
    return actor is not None and actor.sub in rule and actor.iss in {None, issuer}
