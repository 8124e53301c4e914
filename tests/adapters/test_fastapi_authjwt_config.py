"""The configuration of the drop-in: each setting, its default and its invalid values."""

from datetime import timedelta

import pytest
from pydantic import BaseModel, ValidationError

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import configure
from tests.support import SECRET
from tokenward import ConfigurationError
from tokenward_fastapi.authjwt import AuthJWT

auth = authjwt_service.auth  # a fixture

DEFAULTS = {
    "token_location": {"headers"},
    "secret_key": None,
    "public_key": None,
    "private_key": None,
    "algorithm": "HS256",
    "decode_algorithms": None,
    "decode_leeway": 0,
    "encode_issuer": None,
    "decode_issuer": None,
    "decode_audience": None,
    "denylist_enabled": False,
    "denylist_token_checks": {"access", "refresh"},
    "header_name": "Authorization",
    "header_type": "Bearer",
    "access_token_expires": timedelta(minutes=15),
    "refresh_token_expires": timedelta(days=30),
    "access_cookie_key": "access_token_cookie",
    "refresh_cookie_key": "refresh_token_cookie",
    "access_cookie_path": "/",
    "refresh_cookie_path": "/",
    "cookie_max_age": None,
    "cookie_domain": None,
    "cookie_secure": False,
    "cookie_samesite": None,
    "cookie_csrf_protect": True,
    "access_csrf_cookie_key": "csrf_access_token",
    "refresh_csrf_cookie_key": "csrf_refresh_token",
    "access_csrf_cookie_path": "/",
    "refresh_csrf_cookie_path": "/",
    "access_csrf_header_name": "X-CSRF-Token",
    "refresh_csrf_header_name": "X-CSRF-Token",
    "csrf_methods": {"POST", "PUT", "PATCH", "DELETE"},
}
CHANGES = {
    "token_location": ["headers", "cookies"],
    "secret_key": "another secret, long enough to be one",
    "public_key": "a public key",
    "private_key": "a private key",
    "algorithm": "HS512",
    "decode_algorithms": ["HS256", "HS512"],
    "decode_leeway": timedelta(seconds=5),
    "encode_issuer": "us",
    "decode_issuer": "them",
    "decode_audience": ["a", "b"],
    "denylist_enabled": True,
    "denylist_token_checks": ["refresh"],
    "header_name": "X-Token",
    "header_type": "JWT",
    "access_token_expires": 60,
    "refresh_token_expires": False,
    "access_cookie_key": "a",
    "refresh_cookie_key": "b",
    "access_cookie_path": "/a",
    "refresh_cookie_path": "/b",
    "cookie_max_age": 60,
    "cookie_domain": "shop.example",
    "cookie_secure": True,
    "cookie_samesite": "strict",
    "cookie_csrf_protect": False,
    "access_csrf_cookie_key": "c",
    "refresh_csrf_cookie_key": "d",
    "access_csrf_cookie_path": "/c",
    "refresh_csrf_cookie_path": "/d",
    "access_csrf_header_name": "X-A",
    "refresh_csrf_header_name": "X-B",
    "csrf_methods": ["POST", "GET"],
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_default(name: str) -> None:
    """Before any settings are loaded, each has the reference's default under the reference's name."""
    assert getattr(AuthJWT, f"_{name}") == DEFAULTS[name]


@pytest.mark.parametrize("name", CHANGES)
def test_loaded(auth: type[AuthJWT], name: str) -> None:
    """A loaded setting can be read under the reference's name from the class and its objects."""
    configure(auth, **{name: CHANGES[name]})

    assert getattr(auth, f"_{name}") == getattr(auth(), f"_{name}") == CHANGES[name]


def test_the_tables_contain_every_setting() -> None:
    """The tables above contain every setting."""
    assert CHANGES.keys() == DEFAULTS.keys()
    assert len(DEFAULTS) == 32


def test_before_a_request_there_is_no_token() -> None:
    """The class and a new object have no token."""
    assert AuthJWT._token is None
    assert AuthJWT()._token is None


class Settings(BaseModel):
    """Names in another case, and a setting of another library."""

    AUTHJWT_SECRET_KEY: str = SECRET
    AuthJWT_Algorithm: str = "HS384"
    database_url: str = "postgresql://"
    authjwt_cookie_samesite: str | None = None


def test_a_pydantic_model(auth: type[AuthJWT]) -> None:
    """A model is accepted with names in any case; settings of other libraries are ignored."""

    @auth.load_config
    def get_config() -> Settings:
        return Settings()

    assert (auth._algorithm, auth._secret_key) == ("HS384", SECRET)
    assert get_config() == Settings()


def test_loading_again_replaces_everything(auth: type[AuthJWT]) -> None:
    """Settings that the second configuration does not name return to their defaults."""
    configure(auth, header_name="X-Token", algorithm="HS512")
    configure(auth, header_type="JWT")

    assert (auth._header_name, auth._algorithm, auth._header_type) == (
        "Authorization",
        "HS256",
        "JWT",
    )


def test_none_is_the_default(auth: type[AuthJWT]) -> None:
    """None means the default, so that CSRF protection stays on; only the header's type can be None."""
    configure(auth, **dict.fromkeys(DEFAULTS))

    assert auth._cookie_csrf_protect is True
    assert auth._header_type is None
    assert auth._access_token_expires == timedelta(minutes=15)


@pytest.mark.parametrize(
    "given", [None, 1, "text", {"authjwt_secret_key": "x"}, [1], [("a", 1, 2)], [(1, 2)]]
)
def test_neither_model_nor_list(auth: type[AuthJWT], given: object) -> None:
    """Anything but a model or a list of pairs is refused with the reference's message."""
    with pytest.raises(TypeError, match="Config must be pydantic 'BaseSettings' or list of tuple"):
        auth.load_config(lambda: given)


def test_no_function(auth: type[AuthJWT]) -> None:
    """Settings that are not a function are refused with the same message."""
    with pytest.raises(TypeError, match="Config must be pydantic"):
        auth.load_config([("authjwt_secret_key", "x")])  # type: ignore[type-var]


BAD = [
    ("token_location", "headers"),
    ("token_location", {"body"}),
    ("token_location", set()),
    ("secret_key", b"bytes of a secret"),
    ("secret_key", ""),
    ("public_key", 1),
    ("private_key", 1),
    ("algorithm", 1),
    ("decode_algorithms", "HS256"),
    ("decode_algorithms", []),
    ("decode_leeway", True),
    ("decode_leeway", "much"),
    ("decode_leeway", -1),
    ("encode_issuer", 1),
    ("decode_issuer", 1),
    ("decode_audience", 1),
    ("decode_audience", []),
    ("denylist_enabled", "yes"),
    ("denylist_token_checks", {"access", "other"}),
    ("header_name", ""),
    ("header_name", "two words"),
    ("header_type", 1),
    ("header_type", "two words"),
    ("access_token_expires", True),
    ("access_token_expires", "soon"),
    ("refresh_token_expires", True),
    ("access_cookie_key", "a;b"),
    ("refresh_cookie_key", 1),
    ("access_cookie_path", "no/slash"),
    ("refresh_csrf_cookie_path", "/;"),
    ("cookie_max_age", "60"),
    ("cookie_domain", "a b"),
    ("cookie_secure", 1),
    ("cookie_samesite", "Lax"),
    ("cookie_csrf_protect", 0),
    ("access_csrf_cookie_key", "a b"),
    ("access_csrf_header_name", 1),
    ("csrf_methods", {"BREW"}),
    ("csrf_methods", {1}),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_an_invalid_value_keeps_the_old_configuration(
    auth: type[AuthJWT], name: str, value: object
) -> None:
    """An invalid value raises a ValidationError that does not contain the value."""
    configure(auth, header_name="X-Before")
    with pytest.raises(ValidationError) as caught:
        configure(auth, **{name: value})

    assert "bytes of a secret" not in str(caught.value)
    assert auth._header_name == "X-Before"


async def test_methods_are_named_in_any_case(auth: type[AuthJWT]) -> None:
    """The methods that need a CSRF token may be in lower case."""
    configure(auth, csrf_methods={"post", "Get"})

    assert auth._csrf_methods == {"POST", "GET"}


def test_a_subclass_has_its_parents_configuration_until_it_loads_one(auth: type[AuthJWT]) -> None:
    """A subclass that loads settings does not change those of its parent."""

    class Child(auth):
        pass

    configure(auth, header_name="X-Parent")
    assert Child._header_name == "X-Parent"
    configure(Child, header_name="X-Child")
    assert (Child._header_name, auth._header_name) == ("X-Child", "X-Parent")


async def test_an_object_uses_the_current_configuration(auth: type[AuthJWT]) -> None:
    """An object created before `load_config` issues and reads tokens with the new settings."""
    authorize = auth()
    before = await authorize.create_access_token("alice")
    configure(auth, algorithm="HS384")
    after = await authorize.create_access_token("alice")

    assert (await authorize.get_unverified_jwt_headers(after))["alg"] == "HS384"
    assert await authorize.get_jti(after)
    with pytest.raises(Exception, match="The specified alg value is not allowed"):
        await authorize.get_jti(before)


def test_properties_of_the_locations(auth: type[AuthJWT]) -> None:
    """An object has a property for each location of tokens."""
    assert (auth().jwt_in_headers, auth().jwt_in_cookies) == (True, False)
    configure(auth, token_location={"cookies"})
    assert (auth().jwt_in_headers, auth().jwt_in_cookies) == (False, True)


@pytest.mark.parametrize("leeway", [301, timedelta(minutes=5, seconds=1)])
async def test_a_leeway_above_five_minutes_is_refused_at_the_first_call(auth, leeway):
    """The maximum of the core applies, and the error names the setting."""
    configure(auth, decode_leeway=leeway)
    with pytest.raises(ConfigurationError, match=r"leeway must be .* to 5 minutes"):
        await auth().create_access_token("alice")
