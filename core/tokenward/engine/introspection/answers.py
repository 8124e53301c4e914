"""What an introspection endpoint answers: read strictly, and verified if it is signed (RFC 9701)."""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeGuard

from pydantic import JsonValue

from tokenward._arguments import check_methods, kind_of, refuse
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import all_finite, dumps, loads_object
from tokenward.jose.compact import CompactJws
from tokenward.jose.key_source import KeySource
from tokenward.jose.without_context import raise_without_context
from tokenward.keys.fetching import FetchedDocument
from tokenward.keys.outages import UnusableResponseError

__all__ = ["MAX_BYTES", "Answer", "JsonAnswers", "JwtAnswers", "SignedAnswers"]

MAX_BYTES: Final = 65_536
"""The maximum length of an answer."""
_JSON: Final = "application/json"
_JWT: Final = "application/token-introspection+jwt"  # RFC 9701 §5
_TYP: Final = "token-introspection+jwt"
_LONGEST_AGE: Final = 60.0
_KEY_SOURCE: Final = ("find", "prepare", "fetch_for", "due_at", "version")


class Answer(NamedTuple):
    """What the endpoint says about one token."""

    payload: bytes | None
    """The claims of an active token, as JSON; None: the token is not active."""
    exp: float | None
    """When the token expires, if it is active and the answer says so."""


INACTIVE: Final = Answer(None, None)


@dataclass(frozen=True, slots=True)
class SignedAnswers:
    """Answers that the authorization server signs (RFC 9701); all others are refused.

    Raises:
        ConfigurationError: a value is invalid.
    """

    keys: KeySource
    """The keys of the authorization server, such as a `RemoteKeySet`."""
    issuer: str
    """The ``iss`` of an answer: the exact text of the authorization server's issuer."""
    audience: str
    """The ``aud`` of an answer: the name of this service there, usually its `client_id`."""

    def __post_init__(self) -> None:
        """Validate all values."""
        check_methods(self.keys, _KEY_SOURCE, "keys", "keys=RemoteKeySet.from_issuer(...)")
        for name in ("issuer", "audience"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                refuse(f"{name} must be text, and not empty, not {kind_of(value)}.")


class JsonAnswers:
    """Reads answers in JSON (RFC 7662 §2.2)."""

    media_type: str = _JSON

    async def read(self, document: FetchedDocument, now: float) -> Answer:  # noqa: ARG002
        """Return what an answer says.

        Raises:
            UnusableResponseError: it is not such an answer.
        """
        check_media_type(document, _JSON)
        return _answer_of(_object_in(document.body))


class JwtAnswers:
    """Reads answers in a signed JWT (RFC 9701 §5)."""

    media_type: str = _JWT

    def __init__(self, signed: SignedAnswers, leeway: float) -> None:
        """Take what an answer must be, and by how many seconds clocks may differ."""
        self._signed = signed
        self._jws = CompactJws(signed.keys, max_bytes=MAX_BYTES)
        self._longest_age = _LONGEST_AGE + leeway

    async def read(self, document: FetchedDocument, now: float) -> Answer:
        """Verify an answer, and return what it says.

        Raises:
            UnusableResponseError: it is not such an answer, or for others, or more than a minute old.
            InvalidTokenError: its signature is not valid.
            KeysUnavailableError: the keys could not be fetched.
        """
        check_media_type(document, _JWT)
        keys = self._signed.keys
        if now >= keys.due_at:
            await keys.prepare(now)
        verified = await self._jws.verify_or_fetch(self._jws.text_of(document.body), now)
        if verified.typ != _TYP:
            # RFC 9701 §8.1: any other token of this server could be taken for an answer.
            msg = "The answer has not the typ of a signed introspection response."
            raise UnusableResponseError(msg)

        members = _object_in(verified.payload)
        audience, issued_at = members.get("aud"), members.get("iat")
        audiences = audience if isinstance(audience, list) else [audience]
        if members.get("iss") != self._signed.issuer or self._signed.audience not in audiences:
            msg = "The answer is of another issuer, or for another audience."
            raise UnusableResponseError(msg)
        if not _is_number(issued_at) or abs(now - issued_at) > self._longest_age:
            msg = "The answer has no iat, or was not issued now: compare the clocks."
            raise UnusableResponseError(msg)

        inner = members.get("token_introspection")
        if not isinstance(inner, dict):
            msg = "The answer has no token_introspection."
            raise UnusableResponseError(msg)
        return _answer_of(inner)


def check_media_type(document: FetchedDocument, media_type: str) -> None:
    """Refuse a response of another type, such as a page, or an answer without a signature.

    Raises:
        UnusableResponseError: the response is of another type.
    """
    if document.media_type != media_type:
        msg = f"The response has not the type {media_type}."
        raise UnusableResponseError(msg)


def _object_in(body: bytes) -> dict[str, JsonValue]:
    try:
        return loads_object(body)
    except MalformedTokenError:
        msg = "The response is not a JSON object."
        raise_without_context(UnusableResponseError(msg))


def _answer_of(members: dict[str, JsonValue]) -> Answer:
    """Return what the members of an answer say. Only the boolean true makes a token active."""
    active = members.pop("active", None)
    if active is False:
        return INACTIVE
    if active is not True:
        msg = "The answer does not say whether the token is active, as a boolean."
        raise UnusableResponseError(msg)
    if not all_finite(members):
        msg = "The answer has a number that is not finite."
        raise UnusableResponseError(msg)
    if _hides_its_key(members):
        msg = "The answer says that the token is bound to a DPoP key, but not to which: cnf.jkt is missing."
        raise UnusableResponseError(msg)

    exp = members.get("exp")
    return Answer(dumps(members), exp if _is_number(exp) else None)


def _hides_its_key(members: dict[str, JsonValue]) -> bool:
    """Whether an answer calls a token bound to a DPoP key without naming the key (RFC 9449 §6.2).

    Without the key it would be accepted as a bearer token.
    """
    token_type, cnf = members.get("token_type"), members.get("cnf")
    is_bound = isinstance(token_type, str) and token_type.lower() == "dpop"
    return is_bound and not (isinstance(cnf, dict) and "jkt" in cnf)


def _is_number(value: JsonValue) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
