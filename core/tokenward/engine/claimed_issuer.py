"""The issuer that a token names, before it is verified."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tokenward.errors import InvalidClaimError, MalformedTokenError
from tokenward.jose.codec import b64url_decode
from tokenward.jose.segments import split_compact, text_of_token
from tokenward.jose.without_context import raise_without_context

__all__ = ["claimed_issuer"]


class _Origin(BaseModel):
    """The only claim that is read before the signature is verified; parsed as `Claims` parses it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", hide_input_in_errors=True)

    iss: str | None = None


def claimed_issuer(token: str | bytes, max_bytes: int) -> str | None:
    """Return the ``iss`` of a token. Unverified: used only to choose the engine that verifies it.

    Raises:
        MalformedTokenError: the token is too long or has not three segments, or its payload is not
            strict base64url or not a JSON object.
        InvalidClaimError: ``iss`` is not text.
        TypeError: the token is neither text nor bytes.
    """
    payload = b64url_decode(split_compact(text_of_token(token, max_bytes=max_bytes))[1])
    try:
        return _Origin.model_validate_json(payload).iss
    except ValidationError as error:
        is_claim = bool(error.errors()[0]["loc"])
        raise_without_context(InvalidClaimError("iss") if is_claim else MalformedTokenError())
