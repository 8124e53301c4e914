"""The claims of the usual tokens, as a plain Pydantic model."""

from pydantic import BaseModel


class TypedClaims(BaseModel):
    """What a service reads from a token."""

    sub: str
    exp: float
    iat: float
    jti: str
    type: str
    iss: str
    aud: str
    scope: str = ""
    fresh: bool = False
    tenant: str = ""
    roles: tuple[str, ...] = ()
