"""Settings of the drop-in that a program assigns to attributes, as with the reference."""

import gc
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection
from pydantic import ValidationError

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, Service, configure, old_token
from tests.adapters.test_fastapi_authjwt_config import BAD, CHANGES
from tests.adapters.test_fastapi_authjwt_keys import pair_of
from tests.support import SECRET
from tokenward.testing.adapters.service import client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError, RevokedTokenError

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

MISSING_SECRET = "authjwt_secret_key must be set when using symmetric algorithm HS256"


def of_class(auth: type[AuthJWT]) -> tuple[AuthJWT, object]:
    """Return an object, and its class as the target of assignments."""
    return auth(), auth


def of_object(auth: type[AuthJWT]) -> tuple[AuthJWT, object]:
    """Return an object, and the same object as the target of assignments."""
    authorize = auth()
    return authorize, authorize


TARGETS = pytest.mark.parametrize("target_of", [of_class, of_object])


@TARGETS
async def test_audience(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """An assigned audience is required from the next call on, and no longer after its removal."""
    authorize, target = target_of(auth)
    token = await authorize.create_access_token("alice", audience="bar")
    target._decode_audience = ["foo"]
    with pytest.raises(JWTDecodeError, match="Audience doesn't match"):
        await authorize.get_raw_jwt(token)
    with pytest.raises(JWTDecodeError, match='Token is missing the "aud" claim'):
        await authorize.get_jti(await authorize.create_access_token("alice"))

    target._decode_audience = "bar"
    assert await authorize.get_jti(token)
    target._decode_audience = ["foo"]
    del target._decode_audience
    with pytest.raises(JWTDecodeError, match="Invalid audience"):
        await authorize.get_raw_jwt(token)


@TARGETS
async def test_issuer(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """An assigned issuer is written into tokens, and required of them."""
    authorize, target = target_of(auth)
    without = await authorize.create_access_token("alice")
    target._decode_issuer = "urn:us"
    with pytest.raises(JWTDecodeError, match='Token is missing the "iss" claim'):
        await authorize.get_raw_jwt(without)

    target._encode_issuer = "urn:them"
    with pytest.raises(JWTDecodeError, match="Invalid issuer"):
        await authorize.get_raw_jwt(await authorize.create_access_token("alice"))
    target._encode_issuer = "urn:us"
    claims = await authorize.get_raw_jwt(await authorize.create_access_token("alice"))
    assert claims["iss"] == "urn:us"


@TARGETS
async def test_secret(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """A secret that is set to None is missing; another secret signs and verifies."""
    authorize, target = target_of(auth)
    token = await authorize.create_access_token("alice")
    target._secret_key = None
    for call in (authorize.create_access_token("alice"), authorize.get_raw_jwt(token)):
        with pytest.raises(RuntimeError, match=MISSING_SECRET):
            await call

    target._secret_key = SECRET[::-1]
    with pytest.raises(JWTDecodeError, match="Signature verification failed"):
        await authorize.get_raw_jwt(token)
    assert await authorize.get_jti(await authorize.create_access_token("alice"))


@TARGETS
async def test_key_pair(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """An algorithm and its keys may be assigned one after the other."""
    authorize, target = target_of(auth)
    target._algorithm = "RS256"
    with pytest.raises(RuntimeError, match="authjwt_private_key must be set when using asymmetric"):
        await authorize.create_access_token("alice")
    target._private_key = pair_of("RS256")["private_key"]
    token = await authorize.create_access_token("alice")
    with pytest.raises(RuntimeError, match="authjwt_public_key must be set when using asymmetric"):
        await authorize.get_raw_jwt(token)
    target._public_key = pair_of("RS256")["public_key"]
    assert await authorize.get_jti(token)


@TARGETS
async def test_lifetime(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """A lifetime of 0 and no expiry are told apart, although 0 equals False."""
    authorize, target = target_of(auth)
    for lifetime, has_expiry in ((False, False), (0, True), (False, False)):
        target._access_token_expires = lifetime
        token = await authorize.create_access_token("alice")
        if has_expiry:
            with pytest.raises(JWTDecodeError, match="Signature has expired"):
                await authorize.get_raw_jwt(token)
        else:
            assert "exp" not in await authorize.get_raw_jwt(token)


@TARGETS
async def test_denylist(auth: type[AuthJWT], target_of: Callable[..., Any]) -> None:
    """The denylist and its callback may be assigned; without a callback, tokens are not accepted."""
    authorize, target = target_of(auth)
    token = await authorize.create_access_token("alice")
    target._denylist_enabled = True
    with pytest.raises(RuntimeError, match="A token_in_denylist_callback must be provided via"):
        await authorize.get_raw_jwt(token)

    target._token_in_denylist_callback = staticmethod(lambda claims: claims["sub"] == "alice")
    with pytest.raises(RevokedTokenError):
        await authorize.get_raw_jwt(token)
    assert await authorize.get_jti(await authorize.create_access_token("bob"))

    target._token_in_denylist_callback = None
    with pytest.raises(RuntimeError, match="A token_in_denylist_callback must be provided via"):
        await authorize.get_raw_jwt(token)


async def test_callback_of_an_object_alone(auth: type[AuthJWT]) -> None:
    """An object's own callback is asked instead of that of its class, and by no other object."""
    configure(auth, denylist_enabled=True)
    auth.token_in_denylist_loader(lambda _claims: False)
    own = auth()
    token = await own.create_access_token("alice")
    assert await own.get_jti(token)
    own._token_in_denylist_callback = lambda _claims: True

    with pytest.raises(RevokedTokenError):
        await own.get_jti(token)
    assert await auth().get_jti(token)


async def test_settings_of_an_object_are_its_own(auth: type[AuthJWT]) -> None:
    """Another object of the class does not have them; the object follows its class in the rest."""
    own, other = auth(), auth()
    own._decode_audience = ["foo"]
    token = await other.create_access_token("alice", audience="bar")
    with pytest.raises(JWTDecodeError, match="Invalid audience"):
        await other.get_raw_jwt(token)
    with pytest.raises(JWTDecodeError, match="Audience doesn't match"):
        await own.get_raw_jwt(token)

    auth._secret_key = None
    with pytest.raises(RuntimeError, match=MISSING_SECRET):
        await own.get_raw_jwt(token)


async def test_a_list_that_is_changed_in_place(auth: type[AuthJWT]) -> None:
    """A change of the assigned list is in effect from the next call on."""
    auth._decode_audience = audience = ["foo"]
    token = await auth().create_access_token("alice", audience="bar")
    with pytest.raises(JWTDecodeError, match="Audience doesn't match"):
        await auth().get_raw_jwt(token)

    audience.append("bar")
    assert await auth().get_jti(token)
    audience.remove("bar")
    with pytest.raises(JWTDecodeError, match="Audience doesn't match"):
        await auth().get_raw_jwt(token)


async def test_the_body_of_a_subclass(auth: type[AuthJWT]) -> None:
    """A setting in the body of a subclass is in effect; its parent's is not changed."""

    class Child(auth):
        _decode_audience = ("foo",)

        @property
        def _decode_issuer(self) -> str:
            return "urn:us"

    token = await auth().create_access_token("alice", audience="foo")
    with pytest.raises(JWTDecodeError, match='Token is missing the "iss" claim'):
        await Child().get_raw_jwt(token)
    with pytest.raises(JWTDecodeError, match="Invalid audience"):
        await auth().get_raw_jwt(token)


async def test_a_subclass_follows_assignments_to_its_parent(auth: type[AuthJWT]) -> None:
    """A setting of the parent is in effect in a subclass that does not have it itself."""

    class Child(auth):
        pass

    token = await Child().create_access_token("alice")
    auth._decode_issuer = "urn:us"
    with pytest.raises(JWTDecodeError, match='Token is missing the "iss" claim'):
        await Child().get_raw_jwt(token)
    Child._decode_issuer = None
    assert await Child().get_jti(token)


async def test_pytest_monkeypatch(auth: type[AuthJWT], monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is patched for a test returns to its value afterwards."""
    token = await auth().create_access_token("alice")
    with monkeypatch.context() as patch:
        patch.setattr(auth, "_decode_issuer", "urn:us")
        with pytest.raises(JWTDecodeError, match='Token is missing the "iss" claim'):
            await auth().get_raw_jwt(token)

    assert await auth().get_jti(token)


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_can_be_assigned(auth: type[AuthJWT], name: str) -> None:
    """Each setting takes effect on the class and on an object, and `load_config` replaces it."""
    before = getattr(auth()._engines().settings, f"authjwt_{name}")
    own = auth()
    setattr(own, f"_{name}", CHANGES[name])
    assert getattr(own._engines().settings, f"authjwt_{name}") == CHANGES[name]
    assert getattr(auth()._engines().settings, f"authjwt_{name}") == before

    setattr(auth, f"_{name}", CHANGES[name])
    assert getattr(auth()._engines().settings, f"authjwt_{name}") == CHANGES[name]
    configure(auth)
    assert getattr(auth()._engines().settings, f"authjwt_{name}") == before


@pytest.mark.parametrize(("name", "value"), BAD)
async def test_an_invalid_value_is_refused_by_the_next_call(
    auth: type[AuthJWT], name: str, value: object
) -> None:
    """An assigned value is checked as one that is loaded: nothing is issued or accepted with it."""
    authorize = auth()
    token = await authorize.create_access_token("alice")
    setattr(auth, f"_{name}", value)
    for call in (authorize.create_access_token("alice"), authorize.get_raw_jwt(token)):
        with pytest.raises(ValidationError) as caught:
            await call
        assert "bytes of a secret" not in str(caught.value)

    delattr(auth, f"_{name}")


async def test_none_is_the_default(auth: type[AuthJWT]) -> None:
    """None stands for the default, so that CSRF protection stays on."""
    configure(auth, **BOTH, cookie_csrf_protect=False)
    auth._cookie_csrf_protect = None

    claims = await auth().get_raw_jwt(await auth().create_access_token("alice"))
    assert "csrf" in claims


async def test_location(service: Service) -> None:
    """Tokens are accepted only in the assigned locations, under the assigned names."""
    token = old_token()
    assert (await service.send("/required", token))[0] == 200
    service.auth._token_location = {"cookies"}
    service.auth._access_cookie_key = "own"
    assert await service.send("/required", token) == (401, "Missing cookie own")
    assert (await service.send("/required", own=token))[0] == 200
    assert service.auth().jwt_in_cookies
    assert not service.auth().jwt_in_headers


async def test_a_request(auth: type[AuthJWT]) -> None:
    """In a handler, a setting of the object concerns the token that a guard has accepted before."""
    app = FastAPI()

    @app.get("/")
    async def tenant(authorize: Annotated[AuthJWT, Depends(auth)]) -> str:
        await authorize.jwt_required()
        assert await authorize.get_jwt_subject() == "alice"
        authorize._decode_issuer = "urn:us"
        for reading in (authorize.get_jwt_subject, authorize.get_raw_jwt, authorize.jwt_required):
            with pytest.raises(JWTDecodeError, match='Token is missing the "iss" claim'):
                await reading()
        del authorize._decode_issuer
        return str(await authorize.get_jwt_subject())

    async with client_of(app) as client:
        headers = {"Authorization": f"Bearer {old_token()}"}
        assert (await client.get("/", headers=headers)).json() == "alice"


async def test_the_engine_of_the_class_stays(auth: type[AuthJWT]) -> None:
    """Without assignments, all objects use one engine, which an object's own settings leave alone."""
    configure(auth, decode_audience=["foo"], csrf_methods={"POST"})
    engine = auth.engine()
    auth()._decode_leeway = timedelta(seconds=1)
    own = auth()
    own._decode_leeway = timedelta(seconds=1)

    assert own._engines() is own._engines()
    assert own._engines().verifier is not engine
    assert auth()._engines().verifier is auth.engine() is engine


async def test_keys_are_loaded_once(auth: type[AuthJWT]) -> None:
    """Objects with their own settings share the keys of the class, unless they have other keys."""
    configure(auth, **pair_of("RS256"))
    own, other = auth(), auth()
    own._decode_issuer = "urn:us"
    other._private_key = pair_of("EdDSA")["private_key"]
    other._algorithm = "EdDSA"

    assert own._engines().keys is auth()._engines().keys
    headers = [
        await each.get_unverified_jwt_headers(await each.create_access_token("alice"))
        for each in (own, other, own)
    ]
    assert [header["alg"] for header in headers] == ["RS256", "EdDSA", "RS256"]


def test_an_object_is_freed_at_once(auth: type[AuthJWT]) -> None:
    """An object and its request are in no reference cycle, so that they do not fill the memory."""
    gc.disable()
    try:
        authorize = auth(HTTPConnection({"type": "http", "headers": []}))
        authorize._engines()
        freed = weakref.ref(authorize)
        del authorize
        assert freed() is None
    finally:
        gc.enable()
