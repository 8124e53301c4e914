"""From a verified payload to typed claims: registered claims by one fixed model, yours by your own."""

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
from tokenward.jose.codec import all_finite, loads_payload
from tokenward.policy import TokenPolicy

__all__ = ["ClaimsReader"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_Registered: TypeAlias = tuple[dict[str, object], object, set[str]]
"""Values of all registered claims, and the names of those that the payload has."""

_FIELDS: Final = fields_of(nodes_of(Claims.__pydantic_core_schema__))
_read_registered: Final = SchemaValidator(
    core_schema.model_fields_schema(_FIELDS, extra_behavior="ignore"),  # type: ignore[arg-type] # the same
    core_schema.CoreConfig(allow_inf_nan=False, hide_input_in_errors=True),
).validate_json
# To another issuer these may mean something else.
_OF_TOKENWARD: Final = frozenset({"iat_ms", "session_exp", "scope"})
# These as well, where the tokens are not of the flask-jwt-extended family: its tokens have `type`.
_OF_THE_FAMILY: Final = frozenset({"fresh", "csrf", "type"})
_set: Final = object.__setattr__
# What Pydantic calls a payload that is no JSON, or JSON that is no object.
_NO_OBJECT: Final = frozenset({"json_invalid", "model_type", "model_attributes_type", "dict_type"})


class ClaimsReader(Generic[ClaimsT]):
    """Reads payloads into one claims model.

    One pass over the payload, where the model provably reads registered claims as `Claims` does.
    Otherwise they are read in a pass of their own, and replace what the model made of them.
    """

    def __init__(self, model: type[ClaimsT], policy: TokenPolicy) -> None:
        """Prepare what does not change from token to token.

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
        self._policy = policy
        self._is_tolerant = policy.is_for_others or policy.integer_subjects
        is_of_family = policy.type_source == "claim"
        self._foreign = _OF_TOKENWARD if is_of_family else _OF_TOKENWARD | _OF_THE_FAMILY
        self._claim_names = frozenset(model.model_fields).union(
            *(token_names(model, name) for name in model.model_fields)
        )

    def read_claims(self, payload: bytes) -> ClaimsT:
        """Parse a payload; nothing but its form and the types of its claims is checked.

        Raises:
            MalformedTokenError: it is not a JSON object in UTF-8, or holds a NaN or an infinity.
            MissingClaimError: a claim that the model requires is absent.
            InvalidClaimError: a claim is not of the model's type.
            TypeError: a validator of the model returned something that is not the model.
        """
        if self._is_alike:
            refusal = None
            try:
                claims: ClaimsT = self._validate_json(payload)
            except ValidationError as exc:
                refusal = self._translate(exc)
            # Raised out here: inside `except` it would carry Pydantic's error, and that the payload.
            if refusal is not None:
                if not self._is_tolerant:
                    raise refusal
                claims = self._read_twice(payload)
        else:
            claims = self._read_twice(payload)
        # JSON has no NaN and no Infinity (RFC 8259 §6); Pydantic's parser takes them, and makes
        # one of 1e999. The model refuses them in its own floats, and here is the rest.
        extra = claims.__pydantic_extra__
        if (extra and not all_finite(extra)) or (
            self._may_hide_numbers and has_hidden_infinity(payload)
        ):
            raise MalformedTokenError
        return claims

    def _read_twice(self, payload: bytes) -> ClaimsT:
        registered, tolerable = self._read_registered(payload)
        try:
            claims: ClaimsT = self._validate_json(payload)
        except ValidationError as exc:
            refusal = self._translate(exc)
        else:
            return self._with_registered(claims, registered)
        if tolerable is None:
            raise refusal
        try:
            claims = self._validate_json(tolerable)
        except ValidationError as exc:
            refusal = self._translate(exc)
        else:
            return self._with_registered(claims, registered)
        raise refusal

    def _read_registered(self, payload: bytes) -> tuple[_Registered, bytes | None]:
        """Read the registered claims, and return the payload without what was tolerated in it."""
        wrong: frozenset[str] = frozenset()
        try:
            return _read_registered(payload), None
        except ValidationError as exc:
            refusal = self._translate(exc)
            if self._is_tolerant:
                wrong = _wrong_members(exc)
        if not wrong:
            raise refusal
        tolerable = to_json(self._without(wrong, payload))
        try:
            return _read_registered(tolerable), tolerable
        except ValidationError as exc:
            refusal = self._translate(exc)
        raise refusal

    def _without(self, wrong: frozenset[str], payload: bytes) -> dict[str, object]:
        """Return the members of a payload; of those that are wrong, the tolerated ones are absent."""
        members: dict[str, object] = {**loads_payload(payload)}
        if type(members.get("sub")) is int and self._policy.integer_subjects:
            members["sub"] = str(members["sub"])
        if self._policy.is_for_others:
            for name in wrong & members.keys():
                if name in self._foreign or members[name] is None:
                    del members[name]
        return members

    def _with_registered(self, claims: ClaimsT, registered: _Registered) -> ClaimsT:
        """Return a copy of claims, with the registered ones as the fixed model read them.

        A copy, because a validator may return the same object for several tokens.

        Raises:
            TypeError: these are no claims of the model.
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
        # What BaseModel.__copy__ does, which a model may replace; fields are frozen for all others.
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
        # A name that only the token knows is not repeated.
        name = str(location[0]) if location else ""
        claim = name if name in self._claim_names else "(several or unnamed)"
        if first["type"] == "missing" and len(location) == 1:
            return MissingClaimError(claim)
        return InvalidClaimError(claim)


def _wrong_members(error: ValidationError) -> frozenset[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return frozenset(str(each["loc"][0]) for each in found if each["loc"])
