"""The drop-in and native routes in one app accept each other's tokens."""

from typing import Annotated

import pytest
from fastapi import Depends

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, Service, configure, old_token
from tests.core import key_material
from tests.core.key_material import EC_KEY, RSA_KEY, private_text, public_text, rsa_from
from tests.support import SECRET
from tokenward import Claims, Key, KeyRing, MemoryStore, TokenEngine
from tokenward_fastapi import TokenAuth
from tokenward_fastapi.authjwt import AuthJWT, AuthJWTClaims

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

RSA, EC = private_text(RSA_KEY).decode(), private_text(EC_KEY).decode()
OTHER_RSA = private_text(
    rsa_from({name: key_material.OTHER_RSA[name] for name in key_material.JWKS["RSA"]})
).decode()
CONFIGURATIONS = {
    "HS256": ({}, KeyRing.from_secret(SECRET)),
    "RS256": (
        {
            "algorithm": "RS256",
            "private_key": RSA,
            "public_key": public_text(RSA_KEY).decode(),
        },
        KeyRing.from_pem(RSA),
    ),
    "ES256": (
        {"algorithm": "ES256", "private_key": EC, "public_key": public_text(EC_KEY).decode()},
        KeyRing.from_pem(EC),
    ),
}


def add_native(service: Service, engine: TokenEngine[Claims]) -> None:
    """Add a native route with an engine."""
    native = TokenAuth(engine)

    @service.app.get("/native")
    async def root(claims: Annotated[Claims, Depends(native.required())]) -> dict[str, object]:
        return {"sub": claims.sub}


@pytest.mark.parametrize("algorithm", CONFIGURATIONS)
@pytest.mark.parametrize("is_own", [True, False])
async def test_each_accepts_tokens_of_the_other(
    service: Service, algorithm: str, is_own: bool
) -> None:
    """With the same keys, this holds for the engine of the drop-in and for a native engine."""
    settings, ring = CONFIGURATIONS[algorithm]
    configure(service.auth, **settings)
    engine = service.auth.engine() if is_own else TokenEngine(ring, store=MemoryStore())
    add_native(service, engine)
    ours = await service.auth().create_access_token(42, fresh=True)
    theirs = await engine.issue("alice", fresh=True)
    pair = await engine.issue_pair("alice")

    assert await service.send("/native", ours) == (200, {"sub": "42"})
    assert (await service.send("/fresh", theirs))[1]["sub"] == "alice"
    assert (await service.send("/refresh", pair.refresh_token))[1]["sub"] == "alice"
    assert (await service.send("/native", await service.auth().create_refresh_token("a")))[0] == 401


async def test_a_refresh_token_of_the_drop_in_starts_a_native_session(service: Service) -> None:
    """A native engine with a store exchanges the drop-in's refresh tokens for pairs."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), store=MemoryStore())
    pair = await engine.refresh(await service.auth().create_refresh_token("alice"))

    assert (await service.send("/required", pair.access_token))[1]["sub"] == "alice"


async def test_engine_returns_one_engine_for_each_configuration(auth: type[AuthJWT]) -> None:
    """`engine()` returns one engine for each configuration, which uses the denylist."""
    configure(auth, **BOTH, denylist_enabled=True)
    auth.token_in_denylist_loader(lambda raw: raw["sub"] == "mallory")
    engine = auth.engine()
    claims = await engine.decode(await auth().create_access_token("alice"))

    assert engine is auth.engine()
    assert isinstance(claims, AuthJWTClaims)
    assert claims.csrf
    with pytest.raises(Exception, match="The token has been revoked"):
        await engine.decode(old_token(sub="mallory"))
    configure(auth)
    assert engine is not auth.engine()


@pytest.mark.parametrize("subject", [1, 10**30, -1])
async def test_integer_subjects_of_the_reference(service: Service, subject: int) -> None:
    """An integer subject in a token of the reference is accepted and stays an integer."""
    add_native(service, service.auth.engine())
    token = old_token(sub=subject)

    assert (await service.send("/required", token))[1]["sub"] == subject
    assert await service.send("/native", token) == (200, {"sub": str(subject)})


@pytest.mark.parametrize("subject", ["alice", "9" * 5000])
async def test_a_false_marker_of_an_integer_subject(service: Service, subject: str) -> None:
    """A signed token that falsely claims an integer subject is refused without an internal error."""
    assert (await service.send("/required", old_token(sub=subject, int_sub=True)))[0] == 422


async def test_keys_of_other_algorithms_are_separate(auth: type[AuthJWT]) -> None:
    """One secret is used for each accepted symmetric algorithm, with a single warning."""
    configure(auth, secret_key="short", decode_algorithms=["HS256", "HS512"])
    with pytest.warns(UserWarning, match="can be guessed") as caught:
        engine = auth.engine()

    assert len(caught) == 1
    with pytest.warns(UserWarning, match="can be guessed"):
        weak = Key.from_weak_secret("short", algorithm="HS512")
    assert (await engine.decode(old_token(key=weak))).sub == "alice"


@pytest.mark.parametrize("private", [EC, OTHER_RSA])
async def test_verifying_needs_no_usable_private_key(auth: type[AuthJWT], private: str) -> None:
    """A service that only verifies needs no usable private key, and trusts only the public one."""
    settings, _ = CONFIGURATIONS["RS256"]
    token = await configure(auth, **settings)().create_access_token("alice")
    configure(auth, **{**settings, "private_key": private})

    assert await auth().get_jti(token)
    if private is OTHER_RSA:
        with pytest.raises(Exception, match="Signature verification failed"):
            await auth().get_jti(await auth().create_access_token("alice"))


@pytest.mark.parametrize("data", [5, [], None, "alice"])
def test_claims_are_read_from_a_dictionary(data: object) -> None:
    """The claims model refuses anything but a dictionary, as other claims models do."""
    with pytest.raises(ValueError, match="valid dictionary"):
        AuthJWTClaims.model_validate(data)
