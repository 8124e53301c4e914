"""The parts of OpenAPI documents that describe guarded routes (OpenAPI 3.1 §4.8.27 and §4.8.30)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any, Final, TypeAlias

from pydantic import JsonValue, TypeAdapter

from tokenward.claims.model import TokenType
from tokenward.http.carriers import Carrier, WebSocketProtocolCarrier
from tokenward.http.cookies import CookieCarrier
from tokenward.http.dpop_header import DPOP_HEADER
from tokenward.http.proxy_carriers import ProxyCookieCarrier
from tokenward.http.refusal import Refusal, RefusalBody
from tokenward.http.requirement import Requirement

__all__ = [
    "REFUSAL_BODY",
    "DocumentedGuard",
    "SecuritySchemes",
    "add_parameters",
    "header_parameters",
    "refusal_responses",
    "scope_alternatives",
    "security_of",
]

REFUSAL_BODY: Final[Mapping[str, JsonValue]] = TypeAdapter(RefusalBody).json_schema()
"""The Schema Object of `RefusalBody`."""

_Security: TypeAlias = list[dict[str, list[str]]]
_MTLS: Final[Mapping[str, JsonValue]] = {
    "type": "mutualTLS",
    "description": "The certificate of the client, to which the token is bound (RFC 8705 §3).",
}


class SecuritySchemes:
    """The security schemes of one `TokenAuth`, with their names.

    The scheme of the first carrier has the name of the `TokenAuth`. Each other scheme has this name
    and the place of the token, such as ``BearerCookie``, once a route needs it.
    """

    def __init__(self, name: str, carriers: Sequence[Carrier]) -> None:
        """Name the scheme of the first carrier.

        Args:
            name: the name of the scheme.
            carriers: the carriers of the `TokenAuth`.
        """
        self.name = name
        self.objects: dict[str, Mapping[str, JsonValue]] = {name: carriers[0].security_scheme}
        """The Security Scheme Objects by name."""
        self._carriers = carriers

    def alternatives(
        self, requirements: Sequence[Requirement[Any]], further_scopes: Iterable[str] = ()
    ) -> _Security:
        """Return the Security Requirement Objects of a route: a request needs one of them.

        Args:
            requirements: the requirements of the route, at least one; all of them apply.
            further_scopes: scopes required in addition.

        Returns:
            One object for each place of the token and each sufficient set of scopes, all with the
            scheme ``mutualTLS`` if a token that is bound to a certificate is required. The first is
            empty if the route admits requests without a token.
        """
        needed = [requirement for requirement in requirements if not requirement.optional]
        places = product(*(self._names_for(each) for each in needed or requirements))
        # The certificate is needed beside the token, wherever the token is.
        is_bound = any(each.mtls == "required" for each in requirements)
        also = (self._name_of(_MTLS, "access"),) if is_bound else ()
        names = _smallest(list(dict.fromkeys((*place, *also))) for place in places)
        scopes = scope_alternatives(requirements, further_scopes)
        alternatives = [
            {name: [] if name in also else [*each] for name in place}
            for place in names
            for each in scopes
        ]
        return alternatives if needed else [{}, *alternatives]

    def carriers_for(self, requirement: Requirement[Any]) -> Sequence[Carrier]:
        """Return the places in which a route looks for the token."""
        return requirement.carriers or self._carriers

    def _names_for(self, requirement: Requirement[Any]) -> list[str]:
        """Return the names of the schemes that can carry the token of a requirement over HTTP."""
        named = [
            self._name_of(scheme, requirement.type)
            for carrier in self.carriers_for(requirement)
            if (scheme := _scheme_of(carrier, requirement.type)) is not None
        ]
        return named or [self.name]

    def _name_of(self, scheme: Mapping[str, JsonValue], type: TokenType) -> str:
        for name, known in self.objects.items():
            if known == scheme:
                return name

        place = str(scheme.get("in") or scheme.get("scheme") or scheme.get("type"))
        kind = "Refresh" if type == "refresh" and place == "cookie" else ""
        name = base = f"{self.name}{kind}{place[:1].upper()}{place[1:]}"
        numbers = count(2)
        while name in self.objects:
            name = f"{base}{next(numbers)}"
        self.objects[name] = scheme
        return name


def _scheme_of(carrier: Carrier, type: TokenType) -> Mapping[str, JsonValue] | None:
    """Return the scheme of a carrier; None if no HTTP request has a token of this type there."""
    if isinstance(carrier, CookieCarrier):
        return {**carrier.security_scheme, "name": carrier.cookie_name(type)}
    if isinstance(carrier, WebSocketProtocolCarrier):
        return None
    if isinstance(carrier, ProxyCookieCarrier) and type != "access":
        return None
    return carrier.security_scheme


@dataclass(frozen=True, slots=True)
class DocumentedGuard:
    """A guard of a route, as far as an OpenAPI document describes it."""

    schemes: SecuritySchemes
    requirement: Requirement[Any]
    further_scopes: Collection[str] = ()


def security_of(
    guards: Iterable[DocumentedGuard], others: Sequence[dict[str, list[str]]] | None = None
) -> _Security:
    """Return the ``security`` of a route: its Security Requirement Objects, which are alternatives.

    Args:
        guards: the guards of the route; all of them apply.
        others: the objects that the user wrote. The guards apply to each of them.
    """
    grouped: dict[SecuritySchemes, list[DocumentedGuard]] = {}
    for guard in guards:
        grouped.setdefault(guard.schemes, []).append(guard)

    names = {name for schemes in grouped for name in schemes.objects}
    remaining: _Security = []
    for other in others or [{}]:
        without_ours = {name: scopes for name, scopes in other.items() if name not in names}
        if without_ours not in remaining:
            remaining.append(without_ours)

    ours = [
        schemes.alternatives(
            [guard.requirement for guard in group],
            [scope for guard in group for scope in guard.further_scopes],
        )
        for schemes, group in grouped.items()
    ]
    return [
        {name: scopes for each in combined for name, scopes in each.items()}
        for combined in product(remaining, *ours)
    ]


def header_parameters(guards: Iterable[DocumentedGuard], method: str) -> list[dict[str, JsonValue]]:
    """Return the Parameter Objects of the headers that repeat the CSRF token or prove a key.

    Args:
        guards: the guards of the route.
        method: the request method.
    """
    guards = [*guards]
    headers = {
        carrier.csrf_header(method.upper(), guard.requirement.type)
        for guard in guards
        for carrier in guard.schemes.carriers_for(guard.requirement)
        if isinstance(carrier, CookieCarrier | ProxyCookieCarrier)
    }
    described = dict.fromkeys(
        sorted(filter(None, headers)),
        "The CSRF token of the session. Required if the token is in a cookie.",
    )
    if any(DPOP_HEADER in guard.schemes.carriers_for(guard.requirement) for guard in guards):
        described["DPoP"] = (
            "The proof of the client's key (RFC 9449 §4). Required for bound tokens."
        )
    return [
        {
            "name": header,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string"},
        }
        for header, description in described.items()
    ]


def add_parameters(operation: dict[str, Any], parameters: list[dict[str, JsonValue]]) -> None:
    """Add Parameter Objects to an Operation Object, unless it already has them."""
    own = operation.get("parameters", [])
    known = {(each.get("in"), str(each.get("name")).lower()) for each in own}
    new = [each for each in parameters if (each["in"], str(each["name"]).lower()) not in known]
    if new:
        # A new list, because several operations may share the old one.
        operation["parameters"] = [*own, *new]


def refusal_responses(component: str) -> dict[str, dict[str, JsonValue]]:
    """Return the Response Objects of a guarded route by status.

    Args:
        component: the name of the component that contains `REFUSAL_BODY`.
    """
    schema: JsonValue = {"$ref": f"#/components/schemas/{component}"}
    return {
        str(status): {
            "description": description,
            "content": {"application/json": {"schema": schema}},
        }
        for status, description in Refusal.documented.items()
    }


def scope_alternatives(
    requirements: Iterable[Requirement[Any]], further_scopes: Iterable[str] = ()
) -> list[list[str]]:
    """Return every smallest set of scopes that meets all of these requirements.

    For OpenAPI, where the alternatives of a route are several Security Requirement Objects (OpenAPI
    3.1 §4.8.30). The result has at least one element, which is empty if no scope is required.

    Args:
        requirements: the requirements that apply to one route.
        further_scopes: scopes required in addition.
    """
    required = list(further_scopes)
    choices: list[Collection[str]] = []
    for requirement in requirements:
        required += requirement.scopes
        if requirement.any_scope:
            choices.append(requirement.any_scope)

    return _smallest(list(dict.fromkeys((*required, *chosen))) for chosen in product(*choices))


def _smallest(lists: Iterable[list[str]]) -> list[list[str]]:
    """Return the lists without those that have all elements of another one."""
    combined = [*lists]
    sets = [frozenset(each) for each in combined]
    return [
        each
        for index, each in enumerate(combined)
        if not any(other < sets[index] for other in sets) and sets[index] not in sets[:index]
    ]
