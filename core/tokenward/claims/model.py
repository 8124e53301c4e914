"""The claims of a token, as a frozen Pydantic model that users subclass."""

import inspect
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    StrictBool,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tokenward.claims.actor import Actor
from tokenward.claims.confirmation import Confirmation
from tokenward.claims.schema import fix_fields

__all__ = ["RESERVED_CLAIMS", "Claims", "TokenType", "check_registered", "exact_issue_time"]

TokenType = Literal["access", "refresh"]
"""The types of tokens. Any other value of the ``type`` claim is refused."""

# 9999-12-31T23:59:59Z: the latest time that a datetime can hold.
_LATEST_TIME: Final = 253_402_300_799
# RFC 7519 §2: seconds since 1970, with or without a fraction. Strict: no bool and no text.
_NumericDate = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=_LATEST_TIME)]
# Each field is frozen, so that they stay frozen in a subclass with `frozen=False`.
_FROZEN: Final = Field(frozen=True)


class Claims(BaseModel):
    """The claims of a token.

    Subclass it to get your own claims typed and validated; claims without a field are in `extra`.
    Registered claims cannot be redefined, and the configuration of a subclass (`alias_generator`,
    `str_to_lower` and so on) applies only to your own claims. Your validators may refuse a token
    because of a registered claim, but the value that they return for it is ignored. ::

        class ShopClaims(Claims):
            tenant: str
            roles: tuple[str, ...] = ()

    Claims that `TokenEngine.decode` returned have passed every check of the policy. Claims that you
    build yourself have passed none.

    If the policy does not require ``sub``, ``jti`` or ``type`` (tokens of other issuers), the field
    of an absent claim is the empty string; an empty claim in a token counts as absent.
    """

    # Not as a class argument: type checkers would then require it of every subclass.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    sub: Annotated[str, _FROZEN] = ""
    """Subject: the user that the token is about (RFC 7519 §4.1.2)."""
    exp: Annotated[_NumericDate | None, _FROZEN] = None
    """Expiration time, in seconds since 1970 (RFC 7519 §4.1.4); None: it never expires."""
    iat: Annotated[_NumericDate | None, _FROZEN] = None
    """Issued at, in seconds since 1970 (RFC 7519 §4.1.6)."""
    iat_ms: Annotated[int, Field(strict=True, ge=0, lt=1000, frozen=True)] = 0
    """Milliseconds after `iat`, which is in whole seconds for other readers; Tokenward's own claim."""
    nbf: Annotated[_NumericDate | None, _FROZEN] = None
    """Not before, in seconds since 1970 (RFC 7519 §4.1.5)."""
    jti: Annotated[str, _FROZEN] = ""
    """The identity of the token (RFC 7519 §4.1.7)."""
    type: Annotated[str, _FROZEN] = ""
    """``access`` or ``refresh``, as in the flask-jwt-extended family."""
    iss: Annotated[str | None, _FROZEN] = None
    """Issuer (RFC 7519 §4.1.1)."""
    aud: Annotated[str | tuple[str, ...] | None, _FROZEN] = None
    """Audience: the services that the token is intended for (RFC 7519 §4.1.3)."""
    sid: Annotated[str | None, _FROZEN] = None
    """The session to which the token belongs (OpenID Connect Front-Channel Logout §3)."""
    scope: Annotated[str | tuple[str, ...], _FROZEN] = ""
    """Scopes, separated by spaces (RFC 8693 §4.2); some issuers send a list. See `scopes`."""
    fresh: Annotated[StrictBool | _NumericDate, _FROZEN] = False
    """Whether the user had just logged in, or until when the token counts as fresh."""
    auth_time: Annotated[_NumericDate | None, _FROZEN] = None
    """When the user logged in, in seconds since 1970 (OpenID Connect Core §2)."""
    acr: Annotated[str | None, _FROZEN] = None
    """The level at which the user logged in (OpenID Connect Core §2)."""
    session_exp: Annotated[_NumericDate | None, _FROZEN] = None
    """When the session ends, despite refreshes; in refresh tokens only; Tokenward's own claim."""
    csrf: Annotated[str | None, _FROZEN] = None
    """The value that a request must repeat if the token travels in a cookie."""
    cnf: Annotated[Confirmation | None, _FROZEN] = None
    """The key to which the token is bound (RFC 7800 §3.1); None: a bearer token."""

    act: Annotated[Actor | None, _FROZEN] = None
    """Who acts for the subject (RFC 8693 §4.1); None: the subject itself."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - Pydantic's own
        """Refuse a subclass that redefines a registered claim."""
        super().__pydantic_init_subclass__(**kwargs)
        check_registered(cls)

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        source: Any,  # noqa: ANN401 - Pydantic's own
        handler: GetCoreSchemaHandler,
        /,
    ) -> CoreSchema:
        """Read registered claims by their own names, even if the subclass is configured otherwise."""
        schema = handler(source)
        # While Claims itself is built, all its fields are registered claims.
        names = None if cls.__mro__[1] is BaseModel else RESERVED_CLAIMS
        fix_fields(handler.resolve_ref_schema(schema), names)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe this class for clients: its docstring is about Python. Pydantic calls this."""
        schema = handler(core_schema)
        if cls is Claims:
            handler.resolve_ref_schema(schema)["description"] = "The claims of a token."
        return schema

    @property
    def extra(self) -> dict[str, JsonValue]:
        """The claims that have no field in the model."""
        return self.__pydantic_extra__ or {}

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes, one by one."""
        return frozenset(self.scope.split() if isinstance(self.scope, str) else self.scope)

    @property
    def audiences(self) -> frozenset[str]:
        """The audiences, one by one."""
        if self.aud is None:
            return frozenset()
        return frozenset((self.aud,) if isinstance(self.aud, str) else self.aud)

    @property
    def expires_at(self) -> datetime | None:
        """`exp` as a date in UTC."""
        return None if self.exp is None else datetime.fromtimestamp(self.exp, UTC)

    @property
    def issued_at(self) -> datetime | None:
        """`iat` and `iat_ms` as a date in UTC."""
        issued_at = exact_issue_time(self.iat, self.iat_ms)
        return None if issued_at is None else datetime.fromtimestamp(issued_at, UTC)


RESERVED_CLAIMS: Final = frozenset(Claims.model_fields)
"""The claims that only the engine sets (see `TokenEngine.issue`)."""
_ACCESSORS: Final = frozenset({"audiences", "expires_at", "extra", "issued_at", "scopes"})


def check_registered(model: type[Claims]) -> None:
    """Refuse a model that redefines registered claims, directly or through a base class.

    Raises:
        TypeError: a field, an attribute or a property replaces a registered claim, or the model
            defines `__getattribute__`.
    """
    if model is Claims:
        return
    redefined = sorted((RESERVED_CLAIMS | _ACCESSORS) & inspect.get_annotations(model).keys())
    if not redefined:
        redefined = sorted(
            name
            for name in RESERVED_CLAIMS | _ACCESSORS
            if _owner(model, name) is not (Claims if name in _ACCESSORS else None)
            or (name in RESERVED_CLAIMS and not _is_ours(model.model_fields.get(name), name))
        )
    if redefined:
        msg = (
            f"{model.__name__} redefines {', '.join(redefined)}: registered claims and the "
            "properties of Claims cannot be redefined. Rename the field and give it an alias."
        )
        raise TypeError(msg)
    if _owner(model, "__getattribute__") is not object:
        msg = f"{model.__name__} must not define __getattribute__: the engine reads claims as attributes."
        raise TypeError(msg)


def _owner(model: type, name: str) -> type | None:
    """Return the class that defines an attribute of a model, without running its code."""
    return next((base for base in model.__mro__ if name in vars(base)), None)


def _is_ours(field: FieldInfo | None, name: str) -> bool:
    ours = Claims.model_fields[name]
    return field is not None and (field.annotation, field.metadata, field.default, field.frozen) == (
        ours.annotation, ours.metadata, ours.default, ours.frozen
    )  # fmt: skip


def exact_issue_time(iat: float | None, iat_ms: int) -> float | None:
    """Return ``iat`` with the milliseconds of ``iat_ms``, in seconds since 1970."""
    return None if iat is None else iat + iat_ms / 1000
