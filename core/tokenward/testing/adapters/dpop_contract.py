"""The part of the contract about tokens that are bound to a DPoP key (RFC 9449)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tokenward.http.dpop import DpopNonces, DpopVerifier
from tokenward.stores.memory import MemoryStore
from tokenward.stores.protocol import Consumed, Consumption
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.dpop_requests import (
    ALGORITHMS,
    DPOP_CASES,
    PUBLIC_URL,
    bound_token,
    dpop_headers,
)
from tokenward.testing.adapters.exchanges import assert_answer, assert_exchange
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.service import STORE_SECRET, client_of, contract_engine
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward.testing.clock import FrozenClock
from tokenward.testing.dpop import DpopClient

__all__ = ["DpopContract"]

_SECRET = "a-secret-of-more-than-thirty-two-bytes-for-nonces"


class _FailingStore(MemoryStore):
    """A store that cannot remember a proof."""

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Fail as a connection does that breaks after the store has recorded the proof."""
        await super().consume(consumption, now=now)
        raise ConnectionError(STORE_SECRET)


class DpopContract(AdapterFixtures):
    """Tests of proofs: each check of RFC 9449 §4.3, and what a service accepts without them."""

    @pytest.fixture(scope="class")
    @classmethod
    def dpop_app(cls) -> object:
        """Return a service for the requests that do not depend on each other."""
        if "dpop" in cls.lacks:
            return None
        return cls().dpop_service(FrozenClock())

    @pytest.fixture
    async def dpop_client(self, dpop_app: object) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client of that service."""
        async with client_of(dpop_app) as client:
            yield client

    def dpop_service(self, clock: FrozenClock, **options: Any) -> object:
        """Return a service with a verifier that has these options."""
        options = {"store": MemoryStore(single_process=True), "algorithms": ALGORITHMS, **options}
        return self.build_dpop(contract_engine(clock), DpopVerifier(PUBLIC_URL, **options))

    @needs("dpop")
    @pytest.mark.parametrize("case", DPOP_CASES, ids=lambda case: case.name)
    async def test_proof(
        self, dpop_client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A request with a proof gets exactly its response; a refusal contains no part of it."""
        await assert_exchange(dpop_client, case, caplog)

    @needs("dpop")
    async def test_a_proof_is_used_once(self, clock: FrozenClock) -> None:
        """§11.1: of many concurrent requests with one proof, one is accepted, and no later one."""
        headers = list(dpop_headers())
        async with client_of(self.dpop_service(clock)) as client:
            responses = await asyncio.gather(
                *(client.get("/bound", headers=headers) for _ in range(8))
            )
            clock.advance(59.9)
            late = await client.get("/bound", headers=headers)
            clock.advance(0.1)
            expired = await client.get("/bound", headers=headers)

        assert sorted(each.status_code for each in responses) == [200] + [401] * 7
        codes = {each.json()["code"] for each in (*responses, late) if each.status_code == 401}
        assert codes == {"dpop_proof_invalid"}
        assert "Check: jti." in late.json()["detail"]
        assert "Check: iat." in expired.json()["detail"]

    @needs("dpop")
    async def test_instances_share_what_was_used(self, clock: FrozenClock) -> None:
        """§11.1: a proof that one instance has accepted is refused by another with the same store."""
        store, headers = MemoryStore(single_process=True), list(dpop_headers())
        statuses = []
        for _ in range(2):
            async with client_of(self.dpop_service(clock, store=store)) as client:
                statuses.append((await client.get("/bound", headers=headers)).status_code)

        assert statuses == [200, 401]

    @needs("dpop")
    async def test_a_refused_proof_is_not_used_up(self, clock: FrozenClock) -> None:
        """§11.1: a proof is recorded after all other checks, so a wrong path does not use it up."""
        headers = list(dpop_headers())
        async with client_of(self.dpop_service(clock)) as client:
            wrong = await client.get("/bound-orders", headers=headers)
            right = await client.get("/bound", headers=headers)

        assert (wrong.status_code, right.status_code) == (401, 200)

    @needs("dpop")
    async def test_two_guards_need_one_proof(self, dpop_client: httpx.AsyncClient) -> None:
        """A proof that several guards of one request require is verified and used up once."""
        headers = list(dpop_headers(htu=f"{PUBLIC_URL}/bound-twice"))
        first = await dpop_client.get("/bound-twice", headers=headers)
        second = await dpop_client.get("/bound-twice", headers=headers)

        assert (first.status_code, second.status_code) == (200, 401)

    @needs("dpop")
    async def test_a_nonce_is_required(self, clock: FrozenClock) -> None:
        """§9: without a valid nonce the client gets one, and repeats the request with it."""
        nonces = DpopNonces(_SECRET, interval=timedelta(minutes=5))
        forged = DpopNonces(_SECRET[::-1]).current(clock())
        async with client_of(self.dpop_service(clock, nonces=nonces)) as client:

            async def ask(**changes: Any) -> httpx.Response:
                return await client.get("/bound", headers=list(dpop_headers(**changes)))

            refused = [await ask(), await ask(nonce=forged), await ask(nonce="")]
            nonce = refused[0].headers["dpop-nonce"]
            accepted = await ask(nonce=nonce)
            wrong_type = [await ask(nonce=each) for each in (7, [nonce], {"a": 1}, True)]
            clock.advance(300)
            previous = await ask(nonce=nonce, iat=clock())
            clock.advance(300)
            old = await ask(nonce=nonce, iat=clock())

        for each in (*refused, old):
            assert each.json()["code"] == "dpop_nonce_required"
            assert each.headers["www-authenticate"].startswith(
                'DPoP realm="api", error="use_dpop_nonce", '
            )
        assert {each.headers["dpop-nonce"] for each in refused} == {nonce}
        assert old.headers["dpop-nonce"] != nonce
        assert (accepted.status_code, previous.status_code) == (200, 200)
        assert [each.json()["code"] for each in wrong_type] == ["dpop_proof_invalid"] * 4

    @needs("dpop")
    async def test_an_outage_is_refused(
        self, clock: FrozenClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A proof that may have been used before is refused with 503, unless the verifier accepts it."""
        store, case = _FailingStore(single_process=True), Case("", "/bound", (), a.OUT_OF_ORDER)
        async with client_of(self.dpop_service(clock, store=store)) as client:
            response = await client.get(case.path, headers=list(dpop_headers()))
        service = self.dpop_service(clock, store=store, replay_outage="accept")
        async with client_of(service) as client:
            accepted = await client.get(case.path, headers=list(dpop_headers()))
            forged = await client.get(case.path, headers=list(dpop_headers(ath="x")))

        assert_answer(response, case.answer)
        assert (accepted.status_code, forged.status_code) == (200, 401)
        assert STORE_SECRET not in caplog.text

    @needs("dpop")
    async def test_a_session_of_a_bound_client(self, clock: FrozenClock) -> None:
        """§5: a pair is bound to the key of the login; its refresh token needs the proof of that key."""
        key, other = (DpopClient(PUBLIC_URL, clock=clock) for _ in range(2))
        async with client_of(self.dpop_service(clock)) as client:

            async def ask(path: str, owner: DpopClient | None, token: str = "") -> httpx.Response:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                if owner is not None:
                    headers["DPoP"] = owner.proof("POST", path)
                return await client.post(path, headers=headers)

            first = (await ask("/login", key)).json()
            refused = [
                await ask("/refresh", None, first["refresh_token"]),
                await ask("/refresh", other, first["refresh_token"]),
            ]
            second = (await ask("/refresh", key, first["refresh_token"])).json()
            third = (await ask("/refresh", key, second["refresh_token"])).json()
            headers = key.headers("GET", "/bound", third["access_token"])
            accepted = await client.get("/bound", headers=headers)
            stolen = other.headers("GET", "/bound", third["access_token"])
            denied = await client.get("/bound", headers=stolen)

        assert {each.json()["code"] for each in refused} == {"token_binding_invalid"}
        assert (accepted.status_code, denied.status_code) == (200, 401)

    @needs("dpop")
    async def test_a_login_without_a_proof(self, clock: FrozenClock) -> None:
        """§5: a client that sends no proof gets bearer tokens, which a proof binds at a refresh."""
        key = DpopClient(PUBLIC_URL, clock=clock)
        async with client_of(self.dpop_service(clock)) as client:
            pair = (await client.post("/login")).json()
            bearer = {"Authorization": f"Bearer {pair['access_token']}"}
            statuses = [
                (await client.get(path, headers=bearer)).status_code
                for path in ("/either", "/bound")
            ]
            bad = await client.post("/login", headers={"DPoP": key.proof("POST", "/bound")})
            proof = key.proof("POST", "/refresh")
            headers = {"Authorization": f"Bearer {pair['refresh_token']}", "DPoP": proof}
            bound = (await client.post("/refresh", headers=headers)).json()
            again = {"Authorization": f"Bearer {bound['refresh_token']}", "DPoP": proof}
            replayed = await client.post("/refresh", headers=again)
            headers = key.headers("GET", "/bound", bound["access_token"])
            accepted = await client.get("/bound", headers=headers)

        assert (statuses, accepted.status_code) == ([200, 401], 200)
        assert {each.json()["code"] for each in (bad, replayed)} == {"dpop_proof_invalid"}

    @needs("dpop", "websockets")
    @pytest.mark.parametrize("scheme", ["https", "wss"])
    async def test_a_handshake_needs_a_proof(self, dpop_app: object, scheme: str) -> None:
        """The proof of a WebSocket handshake is for GET and the URL of the WebSocket."""
        url = f"{scheme}://api.example/ws"
        accepted = await open_websocket(dpop_app, "/ws", headers=dpop_headers(htu=url))
        refused = await open_websocket(dpop_app, "/ws", headers=dpop_headers(htu=url, htm="POST"))
        bare = await open_websocket(
            dpop_app, "/ws", headers=((b"authorization", b"DPoP " + bound_token().encode()),)
        )

        assert (accepted.accepted, refused.status, bare.status) == (True, 401, 401)
