"""Other libraries verify our tokens with the published keys, over a real server."""

import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import jwt
import pytest
import uvicorn
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from tests.support import NOW, FrozenClock
from tokenward import Key, KeyPublisher, KeyRing, RemoteKeySet, TokenEngine, TokenPolicy
from tokenward.http import RequestView

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]


def app_of(publisher):
    """Return a service without a framework."""

    async def app(scope, receive, send):
        answer = publisher.respond(RequestView(scope), scope["path"])
        headers = [(name.lower().encode(), text.encode()) for name, text in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return app


@asynccontextmanager
async def served(ring):
    """Serve the keys of a ring on a port of this machine and yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        publisher = KeyPublisher(ring, issuer=address)
        config = uvicorn.Config(app_of(publisher), lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield address
        finally:
            server.should_exit = True
            await task


def issue_with(ring, issuer):
    """Return an engine with the ring and the issuer."""
    policy = TokenPolicy(issuer=issuer, audience="shop-api")
    return TokenEngine(ring, policy=policy, clock=FrozenClock(NOW))


async def claims_by_pyjwt(client, token, algorithm, issuer):
    """Verify a token as a service with PyJWT does."""
    key = await asyncio.to_thread(client.get_signing_key_from_jwt, token)
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience="shop-api",
        issuer=issuer,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_pyjwt_verifies_with_the_published_set(algorithm):
    """A client with a cached set can verify a key that was pending when the set was fetched.

    PyJWT's client does not fetch again within half a minute, so it has only the cached set.
    """
    ring = KeyRing(Key.generate(algorithm), verifiers=[Key.from_secret("s" * 32)])
    successor = Key.generate(algorithm)
    ring.publish(successor)
    async with served(ring) as issuer:
        engine = issue_with(ring, issuer)
        client = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")
        token = await engine.issue("alice")
        assert (await claims_by_pyjwt(client, token, algorithm, issuer))["sub"] == "alice"

        ring.rotate(successor, verify_for=timedelta(days=1), now=NOW)
        later = await engine.issue("bob")
        assert jwt.get_unverified_header(later)["kid"] == successor.kid
        assert (await claims_by_pyjwt(client, later, algorithm, issuer))["sub"] == "bob"
        assert (await claims_by_pyjwt(client, token, algorithm, issuer))["sub"] == "alice"

        ring.rotate(Key.generate(algorithm), verify_for=timedelta(0), now=NOW)
        fresh = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")
        with pytest.raises(jwt.PyJWKClientError):
            await claims_by_pyjwt(fresh, later, algorithm, issuer)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "Ed25519"])
async def test_joserfc_verifies_with_the_published_set(algorithm):
    """The joserfc library finds the set through the issuer's metadata, imports it and verifies a token."""
    ring = KeyRing(Key.generate(algorithm), pending=[Key.generate("EdDSA", kid="next")])
    async with served(ring) as issuer, httpx.AsyncClient() as client:
        token = await issue_with(ring, issuer).issue("alice")
        where = f"{issuer}/.well-known/oauth-authorization-server"
        metadata = (await client.get(where)).json()
        keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())

    assert metadata["issuer"] == issuer
    assert algorithm in metadata["access_token_signing_alg_values_supported"]
    assert joserfc_jwt.decode(token, keys, algorithms=[algorithm]).claims["sub"] == "alice"


async def test_a_plain_client_caches_by_the_tag():
    """A client gets 304 for the current entity tag, and no body for HEAD."""
    async with served(KeyRing.generate()) as issuer, httpx.AsyncClient() as client:
        url = f"{issuer}/.well-known/jwks.json"
        first = await client.get(url)
        again = await client.get(url, headers={"If-None-Match": first.headers["etag"]})
        head = await client.head(url)

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert head.headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize("well_known", ["openid-configuration", "oauth-authorization-server"])
async def test_another_engine_finds_the_keys(well_known):
    """An engine that is configured with the issuer verifies its tokens before and after a rotation."""
    ring = KeyRing.generate()
    async with served(ring) as issuer:
        ours = issue_with(ring, issuer)
        keys = RemoteKeySet.from_issuer(issuer, well_known=well_known)
        policy = TokenPolicy(issuer=issuer, audience="shop-api")
        async with keys:
            theirs = TokenEngine(keys, policy=policy, clock=FrozenClock(NOW))
            assert (await theirs.decode(await ours.issue("alice"))).sub == "alice"
            token = await ours.issue("bob")
            ring.rotate(Key.generate("ES256"), verify_for=timedelta(days=1), now=NOW)
            assert (await theirs.decode(token)).sub == "bob"
