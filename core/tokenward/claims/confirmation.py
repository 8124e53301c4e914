"""The key to which a token is bound: the ``cnf`` claim (RFC 7800)."""

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tokenward.jose.codec import all_finite

__all__ = ["Confirmation"]


class Confirmation(BaseModel):
    """The ``cnf`` claim.

    Members that Tokenward does not know are kept, and have no effect beside one that it knows
    (RFC 7800 §3.1). A token whose ``cnf`` has no member that Tokenward knows is refused by an
    `Authenticator`, because nobody can check to which key it is bound.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="allow", hide_input_in_errors=True
    )

    jkt: str | None = None
    """The RFC 7638 thumbprint of a DPoP key (RFC 9449 §6.1)."""
    x5t_s256: Annotated[str | None, Field(alias="x5t#S256")] = None
    """The SHA-256 of a client certificate (RFC 8705 §3.1)."""

    @property
    def can_be_checked(self) -> bool:
        """Whether it names a key by a member that Tokenward knows."""
        return self.jkt is not None or self.x5t_s256 is not None

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        """Refuse a null, which would unbind the token, and numbers that JSON does not have."""
        given = self.model_fields_set
        is_null = (self.jkt is None and "jkt" in given) or (
            self.x5t_s256 is None and "x5t_s256" in given
        )
        if is_null or not all_finite(self.__pydantic_extra__):
            raise ValueError
        return self
