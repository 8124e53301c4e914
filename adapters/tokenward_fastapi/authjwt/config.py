"""The settings of the drop-in: their names, defaults and checks."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from tokenward import NEVER, BearerHeader, CsrfCheck
from tokenward.http import render_cookie
from tokenward.policy import Lifetime

__all__ = ["LoadConfig", "as_lifetime", "load_settings", "validated_settings"]

ItemT = TypeVar("ItemT")

_Text: TypeAlias = Annotated[StrictStr, Field(min_length=1)]
_Several: TypeAlias = Annotated[set[ItemT] | list[ItemT], Field(min_length=1)]
_Location: TypeAlias = Literal["headers", "cookies"]
_Kind: TypeAlias = Literal["access", "refresh"]
_Method: TypeAlias = Annotated[
    Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


def _check_leeway(leeway: object) -> object:
    # Pydantic would accept True as one second.
    seconds = timedelta(seconds=leeway) if isinstance(leeway, int) else leeway
    if isinstance(leeway, bool) or (isinstance(seconds, timedelta) and seconds < timedelta(0)):
        msg = "The leeway must be a number of seconds or a timedelta, and must not be negative"
        raise ValueError(msg)
    return leeway


class LoadConfig(BaseModel):
    """Every setting with its default; unknown names are ignored.

    None stands for the default of a setting. The exception is ``authjwt_header_type``, where None
    means that the header holds the token without a scheme.
    """

    # No value appears in an error, because it may be a key.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        str_strip_whitespace=True, hide_input_in_errors=True, frozen=True
    )

    authjwt_token_location: _Several[_Location] = {"headers"}
    authjwt_secret_key: _Text | None = None
    authjwt_public_key: _Text | None = None
    authjwt_private_key: _Text | None = None
    authjwt_algorithm: _Text = "HS256"
    authjwt_decode_algorithms: Annotated[list[_Text], Field(min_length=1)] | None = None
    authjwt_decode_leeway: Annotated[StrictInt | timedelta, BeforeValidator(_check_leeway)] = 0
    authjwt_encode_issuer: _Text | None = None
    authjwt_decode_issuer: _Text | None = None
    authjwt_decode_audience: _Text | _Several[_Text] | None = None
    authjwt_denylist_enabled: StrictBool = False
    authjwt_denylist_token_checks: set[_Kind] | list[_Kind] = {"access", "refresh"}
    authjwt_header_name: _Text = "Authorization"
    authjwt_header_type: StrictStr | None = "Bearer"
    authjwt_access_token_expires: StrictBool | StrictInt | timedelta = timedelta(minutes=15)
    authjwt_refresh_token_expires: StrictBool | StrictInt | timedelta = timedelta(days=30)
    authjwt_access_cookie_key: _Text = "access_token_cookie"
    authjwt_refresh_cookie_key: _Text = "refresh_token_cookie"
    authjwt_access_cookie_path: _Text = "/"
    authjwt_refresh_cookie_path: _Text = "/"
    authjwt_cookie_max_age: StrictInt | None = None
    authjwt_cookie_domain: _Text | None = None
    authjwt_cookie_secure: StrictBool = False
    authjwt_cookie_samesite: Literal["strict", "lax", "none"] | None = None
    authjwt_cookie_csrf_protect: StrictBool = True
    authjwt_access_csrf_cookie_key: _Text = "csrf_access_token"
    authjwt_refresh_csrf_cookie_key: _Text = "csrf_refresh_token"
    authjwt_access_csrf_cookie_path: _Text = "/"
    authjwt_refresh_csrf_cookie_path: _Text = "/"
    authjwt_access_csrf_header_name: _Text = "X-CSRF-Token"
    authjwt_refresh_csrf_header_name: _Text = "X-CSRF-Token"
    authjwt_allowed_origins: set[StrictStr] | list[StrictStr] = set()
    """Other origins than the service's own whose pages may open a WebSocket with a cookie."""
    authjwt_csrf_methods: set[_Method] | list[_Method] = {"POST", "PUT", "PATCH", "DELETE"}

    @field_validator("authjwt_access_token_expires", "authjwt_refresh_token_expires")
    @classmethod
    def _refuse_true(cls, expires: bool | int | timedelta) -> bool | int | timedelta:  # noqa: FBT001
        if expires is True:
            msg = (
                "A lifetime must be a number of seconds, a timedelta, or False for a token that "
                "never expires"
            )
            raise ValueError(msg)
        return expires

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Let the core refuse names that a header or a cookie cannot have."""
        _ = self.bearer_header, self.csrf_check
        for kind in ("access", "refresh"):
            for cookie in (f"{kind}_cookie", f"{kind}_csrf_cookie"):
                render_cookie(
                    getattr(self, f"authjwt_{cookie}_key"),
                    "",
                    path=getattr(self, f"authjwt_{cookie}_path"),
                    domain=self.cookie_domain,
                )
        return self

    @property
    def accepted_algorithms(self) -> list[str]:
        """The algorithms that a token may be signed with."""
        return self.authjwt_decode_algorithms or [self.authjwt_algorithm]

    # Cached like the rest: each attribute of a Pydantic model that is read takes a while.
    @cached_property
    def in_headers(self) -> bool:
        """Whether tokens may come in headers."""
        return "headers" in self.authjwt_token_location

    @cached_property
    def in_cookies(self) -> bool:
        """Whether tokens may come in cookies."""
        return "cookies" in self.authjwt_token_location

    @property
    def cookie_domain(self) -> str | None:
        """The domain of the cookies, without a leading dot, which RFC 6265 §5.2.3 ignores."""
        domain = self.authjwt_cookie_domain
        return None if domain is None else domain.removeprefix(".")

    @cached_property
    def csrf_check(self) -> CsrfCheck:
        """The core's check of the origin of a WebSocket handshake."""
        return CsrfCheck(allowed_origins=self.authjwt_allowed_origins)

    @cached_property
    def bearer_header(self) -> BearerHeader | None:
        """The core's reader of the header; None if the header has no type."""
        scheme = self.authjwt_header_type
        reader = BearerHeader(name=self.authjwt_header_name, scheme=scheme or "Bearer")
        return reader if scheme else None


def as_lifetime(expires: bool | int | timedelta) -> Lifetime:  # noqa: FBT001
    """Return a lifetime for the core: `NEVER` for False, and zero for a negative lifetime."""
    if expires is False:
        return NEVER
    lifetime = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
    return max(lifetime, timedelta(0))


def load_settings(settings: Callable[[], object]) -> LoadConfig:
    """Return the settings that a user's function returns as a Pydantic model or a list of tuples.

    Raises:
        TypeError: `settings` is not a function, or returns something else.
        ValidationError: a value is invalid; the error does not contain it.
    """
    loaded = settings() if callable(settings) else None
    try:
        members = {name.lower(): value for name, value in loaded}  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        members = None
    if members is None:
        msg = "Config must be pydantic 'BaseSettings' or list of tuple"
        raise TypeError(msg)

    return validated_settings(members)


def validated_settings(values: Mapping[str, object]) -> LoadConfig:
    """Return the settings with the given values; the names begin with ``authjwt_``.

    Raises:
        ValidationError: a value is invalid; the error does not contain it.
    """
    # None stands for the default, except where it has another meaning.
    named = {
        name: value
        for name, value in values.items()
        if value is not None or name == "authjwt_header_type"
    }
    return LoadConfig.model_validate(named)
