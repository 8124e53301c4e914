"""From a verified payload to typed claims: registered claims by one fixed model, the user's by theirs."""

from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema, to_json

from tokenward.claims.model import RESERVED_CLAIMS, Claims, check_registered
from tokenward.claims.names import token_names
from tokenward.claims.schema import (
    fields_of,
    has_hidden_infinity,
    may_hide_numbers,
    nodes_of,
    reads_alike,
)
from tokenward.errors import (
    InvalidClaimError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
)
from tokenward.jose.codec import loads_payload
from tokenward.jose.without_context import raise_without_context
from tokenward.policy import TokenPolicy

__all__ = ["ClaimsReader"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_Registered: TypeAlias = tuple[dict[str, object], object, set[str]]
"""The values of all registered claims, and the names of those that the payload contains."""

_FIELDS: Final = fields_of(nodes_of(Claims.__pydantic_core_schema__))
_read_registered: Final = SchemaValidator(
    core_schema.model_fields_schema(_FIELDS, extra_behavior="ignore"),  # type: ignore[arg-type] # the same
    core_schema.CoreConfig(allow_inf_nan=False, hide_input_in_errors=True),
).validate_json
# Claims to which other issuers may give another meaning; some write `acr` as a number.
_OF_TOKENWARD: Final = frozenset({"iat_ms", "session_exp", "scope", "acr"})
# The same, unless the tokens are of the flask-jwt-extended family, which have a `type` claim.
_OF_THE_FAMILY: Final = frozenset({"fresh", "csrf", "type"})
_set: Final = object.__setattr__
# Pydantic's error types for a payload that is not JSON, or not a JSON object.
_NO_OBJECT: Final = frozenset({"json_invalid", "model_type", "model_attributes_type", "dict_type"})


class ClaimsReader(Generic[ClaimsT]):
    """Reads payloads into one claims model.

    If the model certainly reads registered claims as `Claims` does, a payload is read once. If not,
    registered claims are read separately, and replace the values of the model.
    """

    def __init__(self, model: type[ClaimsT], policy: TokenPolicy) -> None:
        """Prepare what is the same for all tokens.

        Args:
            model: the claims model.
            policy: says which deviations of other issuers are tolerated.

        Raises:
            TypeError: the model redefines registered claims.
        """
        model.model_rebuild()
        check_registered(model)
        self._model = model
        self._validate_json = model.__pydantic_validator__.validate_json
        nodes = nodes_of(model.__pydantic_core_schema__)
        self._is_alike = reads_alike(model, nodes, _FIELDS)
        self._may_hide_numbers = not self._is_alike or may_hide_numbers(nodes, RESERVED_CLAIMS)
        # Of a `PayloadClaims`, which is not imported here: few programs use it.
        self._keep_payload: Callable[[ClaimsT, bytes], None] | None
        self._keep_payload = getattr(model, "_keep_verified_payload", None)
        self._policy = policy
        self._is_tolerant = policy.is_for_others or policy.integer_subjects
        is_of_family = policy.type_source == "claim"
        others = [(policy.subject_claim, "sub"), (policy.scope_claim, "scope")]
        if not is_of_family:
            others.append(("scp", "scope"))
        # Each name as it is in a payload; most payloads have none of them, and are not parsed again.
        self._other_names = tuple(
            (to_json(other), other, claim) for other, claim in others if other != claim
        )
        self._foreign = _OF_TOKENWARD if is_of_family else _OF_TOKENWARD | _OF_THE_FAMILY
        self._claim_names = frozenset(model.model_fields).union(
            *(token_names(model, name) for name in model.model_fields)
        )

    def read_claims(self, payload: bytes) -> ClaimsT:
        """Parse a payload; only its form and the types of its claims are checked.

        Raises:
            MalformedTokenError: it is not a JSON object in UTF-8, or contains a NaN or an infinity.
            MissingClaimError: a claim that the model requires is absent.
            InvalidClaimError: a claim does not have the type that the model requires.
            TypeError: a validator of the model returned an object of another class.
        """
        verified = payload
        for written, other, claim in self._other_names:
            if written in payload:
                payload = _with_claim(payload, claim, other)

        claims: ClaimsT | None = None
        if self._is_alike:
            try:
                claims = self._validate_json(payload)
            except ValidationError as exc:
                if not self._is_tolerant:
                    raise_without_context(self._translate(exc))
        if claims is None:
            claims = self._read_separately(payload)

        # JSON has no NaN and no Infinity (RFC 8259 §6), but Pydantic's parser accepts them and reads
        # 1e999 as infinity. The model refuses them in its float fields; this refuses all others.
        may_hide_numbers = self._may_hide_numbers or claims.__pydantic_extra__
        if may_hide_numbers and has_hidden_infinity(payload):
            raise MalformedTokenError
        if self._keep_payload is not None:
            self._keep_payload(claims, verified)
        return claims

    def _read_separately(self, payload: bytes) -> ClaimsT:
        """Read registered claims with the fixed model, and all others with the claims model."""
        registered, tolerable = self._read_registered(payload)
        refusal: InvalidTokenError
        for each in (payload,) if tolerable is None else (payload, tolerable):
            try:
                claims: ClaimsT = self._validate_json(each)
            except ValidationError as exc:
                refusal = self._translate(exc)
            else:
                return self._with_registered(claims, registered)
        # Not in `except`: the error would keep Pydantic's error, which holds the payload.
        raise refusal

    def _read_registered(self, payload: bytes) -> tuple[_Registered, bytes | None]:
        """Read the registered claims; also return the payload without tolerated values, if it has any."""
        try:
            return _read_registered(payload), None
        except ValidationError as exc:
            wrong = _wrong_members(exc) if self._is_tolerant else frozenset[str]()
            if not wrong:
                raise_without_context(self._translate(exc))

        tolerable = to_json(self._without(wrong, payload))
        try:
            return _read_registered(tolerable), tolerable
        except ValidationError as exc:
            raise_without_context(self._translate(exc))

    def _without(self, wrong: frozenset[str], payload: bytes) -> dict[str, object]:
        """Return the members of a payload, without the wrong members that the policy tolerates."""
        members: dict[str, object] = {**loads_payload(payload)}
        if type(members.get("sub")) is int and self._policy.integer_subjects:
            members["sub"] = str(members["sub"])
        if self._policy.is_for_others:
            for name in wrong & members.keys():
                if name in self._foreign or members[name] is None:
                    del members[name]
        return members

    def _with_registered(self, claims: ClaimsT, registered: _Registered) -> ClaimsT:
        """Return a copy of the claims with the registered claims as the fixed model read them.

        A copy, because a validator may return the same object for several tokens.

        Raises:
            TypeError: the object is not an instance of the model.
        """
        if not isinstance(claims, self._model):
            msg = (
                f"A model_validator of {self._model.__name__} must return a {self._model.__name__}."
            )
            raise TypeError(msg)
        if type(claims) is not self._model:
            check_registered(type(claims))

        values, _, names = registered
        extra, private = claims.__pydantic_extra__, claims.__pydantic_private__
        if extra is not None:
            extra = {name: extra[name] for name in extra if name not in RESERVED_CLAIMS}

        copied = object.__new__(type(claims))
        # As BaseModel.__copy__ does; a model may override that, and its fields are frozen.
        _set(copied, "__dict__", {**claims.__dict__, **values})
        _set(copied, "__pydantic_extra__", extra)
        _set(
            copied,
            "__pydantic_fields_set__",
            (claims.__pydantic_fields_set__ - RESERVED_CLAIMS) | names,
        )
        _set(copied, "__pydantic_private__", None if private is None else dict(private))
        return copied

    def _translate(self, error: ValidationError) -> InvalidTokenError:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = first["loc"]
        if not location and first["type"] in _NO_OBJECT:
            return MalformedTokenError()
        # Only names of the model are shown: other names come from the token.
        name = str(location[0]) if location else ""
        claim = name if name in self._claim_names else "(several or unnamed)"
        if first["type"] == "missing" and len(location) == 1:
            return MissingClaimError(claim)
        return InvalidClaimError(claim)


def _with_claim(payload: bytes, claim: str, other: str) -> bytes:
    """Return a payload with a claim that has the value of another, if it has no such claim itself.

    The rest stays as it is, byte by byte. A ``scope`` is text or a list of texts, a ``sub`` is text
    or an integer; a value of another type is not copied.
    """
    members = loads_payload(payload)
    value = members.get(other)
    are_texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    fits = are_texts if claim == "scope" else type(value) is int
    if members.get(claim) not in (None, "", []) or not (fits or isinstance(value, str)):
        return payload
    # Of duplicate names the last counts, so this replaces a null.
    return payload.rstrip()[:-1] + b',"' + claim.encode() + b'":' + to_json(value) + b"}"


def _wrong_members(error: ValidationError) -> frozenset[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return frozenset(str(each["loc"][0]) for each in found if each["loc"])
