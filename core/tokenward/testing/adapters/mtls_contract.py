"""The part of the contract about tokens that are bound to a certificate (RFC 8705)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import pytest

from tokenward.http.key_binding import CertificateSource
from tokenward.http.mtls import ForwardedCertificate, TlsCertificate
from tokenward.testing.adapters.answers import unbound
from tokenward.testing.adapters.exchanges import assert_exchange
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.mtls_requests import (
    CERTIFICATE,
    CLIENT_HEADERS,
    MTLS_CASES,
    OTHER_CERTIFICATE,
    THUMBPRINT,
    MtlsCase,
    certified,
    tls_of,
)
from tokenward.testing.adapters.service import bearer, client_of, contract_engine, shop_token
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket
from tokenward.testing.clock import FrozenClock

__all__ = ["MtlsContract"]

_SOURCES: Final[Mapping[str, CertificateSource]] = {
    "tls": TlsCertificate(),
    "envoy": ForwardedCertificate("envoy", proxies=["127.0.0.1"]),
    "escaped-pem": ForwardedCertificate(
        "escaped-pem", header="X-Client-Cert", proxies=["127.0.0.0/8"]
    ),
    "rfc9440": ForwardedCertificate("rfc9440", proxies=["10.0.0.7", "127.0.0.1"]),
}


def _connected(
    app: object, client: tuple[str, int] | None, tls: Mapping[str, object] | None
) -> Callable[..., Awaitable[None]]:
    """Return an app whose server reports this client and this TLS connection."""

    async def call(scope: dict[str, Any], receive: object, send: object) -> None:
        extensions = {**(scope.get("extensions") or {}), **({} if tls is None else {"tls": tls})}
        connection = {"client": client, "extensions": extensions}
        await app({**scope, **connection}, receive, send)  # type: ignore[operator] # an ASGI app

    return call


class MtlsContract(AdapterFixtures):
    """Tests of certificates: RFC 8705 §3 and §4, and who may forward a certificate."""

    @pytest.fixture(scope="class")
    @classmethod
    def mtls_apps(cls) -> dict[str, object]:
        """Return a service for each source of certificates."""
        if "mtls" in cls.lacks:
            return {}
        clock = FrozenClock()
        return {
            kind: cls().build_mtls(contract_engine(clock), source)
            for kind, source in _SOURCES.items()
        }

    @needs("mtls")
    @pytest.mark.parametrize(
        ("kind", "case"), MTLS_CASES, ids=[f"{kind}, {case.name}" for kind, case in MTLS_CASES]
    )
    async def test_certificate(
        self,
        mtls_apps: dict[str, object],
        kind: str,
        case: MtlsCase,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A request with a certificate gets exactly its response; a refusal contains no part of it."""
        async with client_of(_connected(mtls_apps[kind], case.client, case.tls)) as client:
            await assert_exchange(client, case, caplog)

    @needs("mtls")
    async def test_a_service_without_certificates_refuses_bound_tokens(
        self, app: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever the server or a header says about the client."""
        headers = bearer(shop_token(cnf={"x5t#S256": THUMBPRINT}))
        sent = (*headers, *(certified(kind) for kind in CLIENT_HEADERS))
        service = _connected(app, ("127.0.0.1", 1), tls_of(CERTIFICATE))
        refused = MtlsCase("", "/me", sent, unbound())
        async with client_of(service) as client:
            await assert_exchange(client, refused, caplog)

    @needs("mtls")
    async def test_section_4_a_session_of_a_bound_client(self, clock: FrozenClock) -> None:
        """A pair is bound to the certificate of the login; its refresh token needs it as well."""
        service = self.build_mtls(contract_engine(clock), _SOURCES["rfc9440"])
        own, other = certified("rfc9440"), certified("rfc9440", OTHER_CERTIFICATE)
        async with client_of(service) as client:

            async def refresh(token: str, *headers: tuple[bytes, bytes]) -> httpx.Response:
                return await client.post("/refresh", headers=[*bearer(token), *headers])

            first = (await client.post("/login", headers=[own])).json()
            refused = [
                await refresh(first["refresh_token"]),
                await refresh(first["refresh_token"], other),
                await refresh(first["refresh_token"], own, own),
            ]
            second = (await refresh(first["refresh_token"], own)).json()
            again = await refresh(first["refresh_token"])
            third = (await refresh(second["refresh_token"], own)).json()
            tokens = [*bearer(third["access_token"])]
            accepted = await client.get("/bound", headers=[*tokens, own])
            denied = await client.get("/bound", headers=[*tokens, other])

        codes = {each.json()["code"] for each in (*refused, again, denied)}
        assert codes == {"token_binding_invalid"}
        assert accepted.status_code == 200

    @needs("mtls")
    async def test_section_4_a_login_without_a_certificate(self, clock: FrozenClock) -> None:
        """It gets bearer tokens, which a certificate binds at a refresh; a forged one gets none."""
        service = self.build_mtls(contract_engine(clock), _SOURCES["rfc9440"])
        own = certified("rfc9440")
        async with client_of(service) as client:
            pair = (await client.post("/login")).json()
            statuses = [
                (await client.get(path, headers=[*bearer(pair["access_token"])])).status_code
                for path in ("/either", "/bound")
            ]
            headers = [*bearer(pair["refresh_token"]), own]
            bound = (await client.post("/refresh", headers=headers)).json()
            headers = [*bearer(bound["access_token"]), own]
            accepted = await client.get("/bound", headers=headers)
        async with client_of(_connected(service, ("203.0.113.9", 1), None)) as stranger:
            forged = await stranger.post("/login", headers=[own])

        assert (statuses, accepted.status_code) == ([200, 401], 200)
        assert (forged.status_code, forged.json()["code"]) == (401, "token_binding_invalid")

    @needs("mtls", "websockets")
    async def test_a_handshake_needs_the_certificate(self, mtls_apps: dict[str, object]) -> None:
        """The certificate is that of the connection of the WebSocket."""
        headers = bearer(shop_token(cnf={"x5t#S256": THUMBPRINT}))
        outcomes = [
            await open_websocket(
                mtls_apps["tls"],
                "/ws",
                headers=headers,
                extensions={**DENIAL_RESPONSE, "tls": tls_of(certificate)},
            )
            for certificate in (CERTIFICATE, OTHER_CERTIFICATE)
        ]
        assert [each.accepted for each in outcomes] == [True, False]
        assert outcomes[1].status == 401
