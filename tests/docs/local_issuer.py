"""An issuer in memory: it serves metadata and a JWK set as real providers do, over httpx."""

import base64
import datetime as dt
import json
from functools import cache

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.support import signed
from tokenward import Key, RemoteKeySet

CURVES = {"ES256": ec.SECP256R1}


class SigningKey:
    """A key of a provider, with the certificate that many providers publish with it."""

    def __init__(self, algorithm, kid):
        """Generate a key."""
        if algorithm in CURVES:
            private = ec.generate_private_key(CURVES[algorithm]())
        else:
            private = rsa.generate_private_key(65537, 2048)
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.key = Key.from_pem(pem, algorithm=algorithm, kid=kid)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
        begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, private.public_key(), 1, begin, begin.replace(2036))
            .sign(private, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )
        self.certificate = base64.b64encode(certificate).decode()
        digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - the definition of x5t
        digest.update(certificate)
        self.thumbprint = base64.urlsafe_b64encode(digest.finalize()).decode().rstrip("=")

    def jwk(self, members):
        """Return the JWK with the members that a provider publishes; a change to ... removes one."""
        known = {
            **self.key.public_jwk(),
            "x5c": [self.certificate],
            "x5t": self.thumbprint,
            "x5t#S256": self.thumbprint,
        }
        jwk = {name: value for name, value in known.items() if not name.startswith("x5")}
        for name, value in members.items():
            jwk[name] = known.get(name, True) if value is True else value
        return {name: value for name, value in jwk.items() if value is not ...}

    def token(self, header, payload):
        """Sign a token; a change to ... removes a claim."""
        members = {"alg": self.key.algorithm.name, "kid": self.key.kid, **header}
        claims = {name: value for name, value in payload.items() if value is not ...}
        return signed(claims, key=self.key, header=members)


@cache
def signing_key(algorithm, kid):
    """Return the key of an id; generated once for all tests."""
    return SigningKey(algorithm, kid)


class LocalIssuer:
    """Answers at exactly the URLs of a provider, and at no other."""

    def __init__(self, provider):
        """Publish the first key of a provider."""
        self.provider = provider
        self.asked = []
        self.keys = []
        self.is_down = False
        self.publish("2026-01")
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def publish(self, *kids):
        """Publish the keys with these ids from now on."""
        self.keys = [signing_key(self.provider.algorithm, kid) for kid in kids]

    def token(self, payload, *, kid="2026-01", header=None):
        """Issue a token; every kind of token has the provider's header unless one is named."""
        header = self.provider.header if header is None else header
        return signing_key(self.provider.algorithm, kid).token(header, payload)

    def key_set(self):
        """Return a class with this issuer in place of the internet, to use as `RemoteKeySet`."""
        client = self.client

        class LocalKeySet(RemoteKeySet):
            def __init__(self, url, **options):
                super().__init__(url, **{"client": client, **options})

        return LocalKeySet

    def _answer(self, request):
        self.asked.append(str(request.url))
        if self.is_down:
            return httpx.Response(500)
        provider = self.provider
        if provider.metadata_url is not None and request.url == provider.metadata_url:
            metadata = {"issuer": provider.payload["iss"], "jwks_uri": provider.jwks_url}
            return httpx.Response(200, content=json.dumps(metadata))
        if request.url != provider.jwks_url:
            return httpx.Response(404)
        members = [each.jwk(provider.jwk_members) for each in self.keys]
        body = {"keys": [*provider.other_keys, *members], **provider.set_members}
        return httpx.Response(200, content=json.dumps(body))
