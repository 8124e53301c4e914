"""The settings, as Pydantic checks them."""

from collections.abc import Callable
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

from tokenward import BearerHeader, CsrfCheck
from tokenward.http import render_cookie

__all__ = ["LoadConfig", "as_lifetime", "read_config"]

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
    # Pydantic makes one second of True.
    seconds = timedelta(seconds=leeway) if isinstance(leeway, int) else leeway
    if isinstance(leeway, bool) or (isinstance(seconds, timedelta) and seconds < timedelta(0)):
        msg = "The leeway is a number of seconds or a timedelta, and not negative"
        raise ValueError(msg)
    return leeway


class LoadConfig(BaseModel):
    """Every setting, with its default; names of others are ignored.

    None is the default of its setting, except for the type of the header: there it says that the
    header holds the bare token.
    """

    # Nothing that was given stands in an error: it may be a key.
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
    """Origins whose pages may open a WebSocket with a cookie, besides the service's own."""
    authjwt_csrf_methods: set[_Method] | list[_Method] = {"POST", "PUT", "PATCH", "DELETE"}

    @field_validator("authjwt_access_token_expires", "authjwt_refresh_token_expires")
    @classmethod
    def _refuse_true(cls, expires: bool | int | timedelta) -> bool | int | timedelta:  # noqa: FBT001
        if expires is True:
            msg = "A lifetime is a number of seconds, a timedelta, or False for a token without end"
            raise ValueError(msg)
        return expires

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Have the core refuse now what no header and no cookie can be called."""
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
    def in_headers(self) -> bool:
        """Whether headers are a location of tokens."""
        return "headers" in self.authjwt_token_location

    @property
    def in_cookies(self) -> bool:
        """Whether cookies are a location of tokens."""
        return "cookies" in self.authjwt_token_location

    @property
    def cookie_domain(self) -> str | None:
        """The domain of cookies, without the dot that RFC 6265 §5.2.3 ignores."""
        domain = self.authjwt_cookie_domain
        return None if domain is None else domain.removeprefix(".")

    @cached_property
    def csrf_check(self) -> CsrfCheck:
        """The core's check of where a handshake comes from."""
        return CsrfCheck(allowed_origins=self.authjwt_allowed_origins)

    @cached_property
    def bearer_header(self) -> BearerHeader:
        """The core's reader of the header; where it has no type, only its name counts."""
        return BearerHeader(
            name=self.authjwt_header_name, scheme=self.authjwt_header_type or "Bearer"
        )


def as_lifetime(expires: bool | int | timedelta) -> timedelta | None:  # noqa: FBT001
    """Give a lifetime, or None where there is no end; one below zero is over at once, too."""
    if expires is False:
        return None
    lifetime = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
    return max(lifetime, timedelta(0))


def read_config(settings: Callable[[], object]) -> LoadConfig:
    """Read what a user's function gives: a Pydantic model, or a list of tuples.

    Raises:
        TypeError: it gives something else, or is no function.
        ValidationError: a value cannot be used; it is not repeated.
    """
    given = settings() if callable(settings) else None
    try:
        members = {name.lower(): value for name, value in given}  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        members = None
    if members is None:
        msg = "Config must be pydantic 'BaseSettings' or list of tuple"
        raise TypeError(msg)
    means_something = {
        name: value
        for name, value in members.items()
        if value is not None or name == "authjwt_header_type"
    }
    return LoadConfig.model_validate(means_something)
