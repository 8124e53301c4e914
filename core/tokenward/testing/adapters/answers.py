"""The requests of the contract as data, and the full response that each one must get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenward.testing.adapters.service import Headers

__all__ = [
    "CSRF_MISMATCH",
    "CSRF_MISSING",
    "DENIED",
    "EXPIRED",
    "FOREIGN_ORIGIN",
    "FORGED",
    "MALFORMED",
    "ME",
    "MISMATCH",
    "MISSING",
    "NOT_FRESH",
    "NOT_THREE",
    "OUT_OF_ORDER",
    "REJECTED",
    "REUSED",
    "REVOKED",
    "SUPERSEDED",
    "TOO_EARLY",
    "TOO_LONG",
    "TOO_OLD",
    "TWO_CREDENTIALS",
    "UNKNOWN_BINDING",
    "UNKNOWN_KEY",
    "UNSUPPORTED",
    "WEEKDAYS",
    "WRONG_AUDIENCE",
    "WRONG_ISSUER",
    "WRONG_TYPE",
    "Answer",
    "Case",
    "bad",
    "lacks",
    "ok",
    "one_for_each_answer",
    "too_little",
    "too_old",
    "too_weak",
    "unbound",
]


@dataclass(frozen=True)
class Answer:
    """The response that a request must get."""

    status: int
    body: Mapping[str, Any]
    challenge: str | None = None
    """The whole of ``WWW-Authenticate``; None: there must be none."""
    retry_after: str | None = None

    @property
    def code(self) -> str:
        """The code of the error."""
        code: str = self.body["code"]
        return code

    @property
    def close_code(self) -> int:
        """The close code of a WebSocket if the server cannot send an HTTP response."""
        return 1013 if self.status == 503 else 1008


@dataclass(frozen=True)
class Case:
    """A request and its expected response."""

    name: str
    path: str
    headers: Headers
    answer: Answer
    method: str = "GET"
    content: bytes = field(default=b"", repr=False)
    cookies: tuple[str, ...] = ()
    """All cookies that the answer sets."""


def one_for_each_answer(cases: list[Case]) -> list[Case]:
    """Return the first case of each different response."""
    return list({repr(case.answer): case for case in reversed(cases)}.values())


def ok(**body: object) -> Answer:
    """Return the response of a handler."""
    return Answer(200, body)


def _refused(status: int, code: str, detail: str, challenge: str) -> Answer:
    return Answer(status, {"detail": detail, "code": code}, challenge)


def _invalid(code: str, detail: str) -> Answer:
    said = f'Bearer realm="api", error="invalid_token", error_description="{detail}"'
    return _refused(401, code, detail, said)


ME = ok(sub="alice", tenant="acme", extra={})
MISSING = _refused(401, "token_missing", "A token is required.", 'Bearer realm="api"')
TWO_CREDENTIALS = _refused(
    400,
    "invalid_request",
    "The request carries more than one credential.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="The request carries more than one credential."',
)
MALFORMED = _invalid("token_malformed", "The token is malformed.")
NOT_THREE = _invalid("token_malformed", "The token is malformed. Expected three segments.")
TOO_LONG = _invalid("token_malformed", "The token is malformed. It is too long.")
UNSUPPORTED = _invalid(
    "header_unsupported", "The token's header has a parameter that is not supported."
)
UNKNOWN_KEY = _invalid("key_unknown", "The token is signed with an unknown key.")
UNKNOWN_BINDING = _invalid(
    "token_binding_invalid",
    "The token is bound to a key by a method that is not supported. Its issuer must bind it by jkt "
    "(DPoP) or x5t#S256 (mTLS).",
)
MISMATCH = _invalid("algorithm_mismatch", "The token's algorithm is not the algorithm of its key.")
FORGED = _invalid("signature_invalid", "The token's signature is not valid.")
WRONG_ISSUER = _invalid("issuer_invalid", "The token is from another issuer.")
WRONG_AUDIENCE = _invalid("audience_invalid", "The token is for another audience.")
WRONG_TYPE = _invalid("token_type_invalid", "The token is of the wrong type.")
TOO_EARLY = _invalid("token_not_yet_valid", "The token is not valid yet.")
EXPIRED = _invalid("token_expired", "The token has expired.")
TOO_OLD = _invalid("token_too_old", "The token was issued too long ago.")
REVOKED = _invalid("token_revoked", "The token has been revoked.")
REUSED = _invalid(
    "refresh_token_reused", "The refresh token has already been used. The session has ended."
)
SUPERSEDED = _invalid(
    "refresh_token_superseded", "The refresh token has been replaced by a newer one."
)
REJECTED = _invalid("token_rejected", "The token was rejected.")
NOT_FRESH = _refused(
    401,
    "fresh_token_required",
    "A fresh login is required.",
    'Bearer realm="api", error="insufficient_user_authentication", '
    'error_description="A fresh login is required."',
)
DENIED = _refused(
    403,
    "permission_denied",
    "The token does not allow this.",
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The token does not allow this."',
)
OUT_OF_ORDER = Answer(
    503,
    {"detail": "The revocation check is temporarily unavailable.", "code": "store_unavailable"},
    retry_after="1",
)


CSRF_MISSING = _refused(
    403,
    "csrf_missing",
    "A CSRF token is required with the cookie.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="A CSRF token is required with the cookie."',
)
CSRF_MISMATCH = _refused(
    403,
    "csrf_mismatch",
    "The CSRF token does not belong to this session.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="The CSRF token does not belong to this session."',
)
FOREIGN_ORIGIN = _refused(
    403,
    "origin_not_allowed",
    "Requests from this origin are not allowed.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="Requests from this origin are not allowed."',
)


def lacks(claim: str) -> Answer:
    """Return the response to a token without a claim."""
    return _invalid("claim_missing", f"The token lacks a required claim. Claim: {claim}.")


def bad(claim: str) -> Answer:
    """Return the response to a token with an invalid claim."""
    return _invalid("claim_invalid", f"A claim of the token is not valid. Claim: {claim}.")


def too_little(scope: str) -> Answer:
    """Return the response to a token without all of these scopes."""
    detail = "The token lacks the required scope."
    return _refused(
        403,
        "insufficient_scope",
        detail,
        f'Bearer realm="api", error="insufficient_scope", error_description="{detail}", '
        f'scope="{scope}"',
    )


def unbound() -> Answer:
    """Return the response to a token without the key to which it is bound, or that is not bound."""
    return _invalid("token_binding_invalid", "The token is not bound to the key of this request.")


def too_weak(acr_values: str = "", max_age_seconds: int | None = None) -> Answer:
    """Return the response to a token whose user must log in again, at one of these levels."""
    detail = "A more recent or a stronger login is required."
    challenge = f'Bearer realm="api", error="insufficient_user_authentication", error_description="{detail}"'
    if acr_values:
        challenge += f', acr_values="{acr_values}"'
    if max_age_seconds is not None:
        challenge += f', max_age="{max_age_seconds}"'
    return _refused(401, "insufficient_user_authentication", detail, challenge)


def too_old(max_age_seconds: int) -> Answer:
    """Return the response to a token whose user logged in too long ago."""
    return too_weak(max_age_seconds=max_age_seconds)


WEEKDAYS = _refused(
    403,
    "permission_denied",
    'Only on "weekdays".\r\nNot on Sünday.',
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="Only on weekdays.Not on Snday."',
)
