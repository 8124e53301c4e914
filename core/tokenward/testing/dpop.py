"""A client that sends DPoP proofs, for tests."""

import hashlib
import json
from collections.abc import Callable, Mapping

from tokenward.jose.codec import b64url_encode
from tokenward.jose.key import Key
from tokenward.sessions.clock import system_time
from tokenward.tokens.identity import new_identity

__all__ = ["DpopClient"]


class DpopClient:
    """Makes proofs with a key that only this client has (RFC 9449 §4).

    ::

        client = DpopClient("https://api.example")
        response = await http.get("/orders", headers=client.headers("GET", "/orders", token))
    """

    def __init__(
        self,
        public_url: str,
        *,
        algorithm: str = "ES256",
        clock: Callable[[], float] = system_time,
    ) -> None:
        """Generate a key.

        Args:
            public_url: the `public_url` of the `DpopVerifier`.
            algorithm: the algorithm of the key.
            clock: returns the time of the proofs; usually the clock of the engine.

        Raises:
            ConfigurationError: the algorithm is unknown.
        """
        self._public_url = public_url.rstrip("/")
        self._key = Key.generate(algorithm)
        self._clock = clock

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the key: the ``cnf.jkt`` of a token that is bound to it."""
        return self._key.thumbprint or ""

    def headers(
        self, method: str, path: str, token: str, *, nonce: str | None = None
    ) -> dict[str, str]:
        """Return the headers of a request: the token, and a new proof.

        Args:
            method: the request method.
            path: the path, without query.
            token: the access token.
            nonce: the nonce of the service, from the header ``DPoP-Nonce`` of its last response.
        """
        proof = self.proof(method, path, token=token, nonce=nonce)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def proof(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        nonce: str | None = None,
        changes: Mapping[str, object] = {},
    ) -> str:
        """Return a new proof, the value of the header ``DPoP``.

        Args:
            method: the request method.
            path: the path, without query.
            token: the token that the request carries; None: the proof has no ``ath``, as at a
                token endpoint.
            nonce: as for `headers`.
            changes: members of the payload that replace or extend its own.
        """
        header = {
            "typ": "dpop+jwt",
            "alg": self._key.algorithm.name,
            "jwk": _without_names(self._key.public_jwk()),
        }
        payload: dict[str, object] = {
            "jti": new_identity(),
            "htm": method,
            "htu": self._public_url + path,
            "iat": int(self._clock()),
        }
        if token is not None:
            payload["ath"] = b64url_encode(hashlib.sha256(token.encode()).digest())
        if nonce is not None:
            payload["nonce"] = nonce
        members = (header, {**payload, **changes})
        message = ".".join(b64url_encode(json.dumps(each).encode()) for each in members)
        return f"{message}.{b64url_encode(self._key.sign(message.encode()))}"


def _without_names(jwk: Mapping[str, object]) -> dict[str, object]:
    """Return the members that hold key material; ``kid``, ``use`` and ``alg`` are not needed."""
    return {name: value for name, value in jwk.items() if name not in {"kid", "use", "alg"}}
