"""Checks that a token which is bound to a key comes with the proof of that key (RFC 7800)."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from tokenward.claims.model import Claims
from tokenward.errors import KeyBindingError
from tokenward.http.dpop_header import DPOP_HEADER
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.tokens.proven_key import ProvenKey, check_binding_is_known

__all__ = [
    "CertificateSource",
    "CheckedProof",
    "DpopChecks",
    "KeyProof",
    "check_key_binding",
    "is_bound",
    "nonce_header",
]

_HEADER: Final = b"dpop"


class CheckedProof(Protocol):
    """A proof that has passed all checks but one: whether it was used before."""

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of its key."""
        ...

    @property
    def jti(self) -> str:
        """Its identity."""
        ...

    @property
    def iat(self) -> float:
        """When it was made, in seconds since 1970."""
        ...


class DpopChecks(Protocol):
    """What an authenticator needs of a `DpopVerifier`, which is imported only where it is used."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The accepted algorithms, which challenges name."""
        ...

    def check(
        self, request: RequestView, *, now: float, token: bytes | None, thumbprint: str | None
    ) -> CheckedProof:
        """Return the proof of a request that has passed all checks but one."""
        ...

    async def consume(self, proof: CheckedProof, now: float) -> None:
        """Refuse a proof that was used before, and record it."""
        ...

    def nonce(self, now: float) -> str | None:
        """Return the nonce for new proofs; None: they need none."""
        ...


class CertificateSource(Protocol):
    """Where an authenticator finds the certificate of a client; see `tokenward.http.mtls`."""

    def thumbprint(self, request: RequestView) -> str | None:
        """Return the ``x5t#S256`` of the client's certificate; None: the client has sent none."""
        ...


def is_bound(claims: Claims) -> bool:
    """Whether a token is bound to a key (RFC 7800 §3), also by a method that Tokenward does not know.

    A bound token must not be accepted as a bearer token (RFC 9449 §7.2, RFC 8705 §3). An
    `Authenticator` refuses it; an engine does not, because it does not see the request.

    Args:
        claims: the claims of a verified token.
    """
    return claims.cnf is not None


async def check_key_binding(
    request: RequestView,
    token: bytes,
    claims: Claims,
    requirement: Requirement[Any],
    dpop: DpopChecks | None,
    mtls: CertificateSource | None,
    now: float,
) -> None:
    """Refuse a bound token without the proof of its key, and a bearer token where none is accepted.

    Args:
        request: the request.
        token: its token.
        claims: the claims of the token, after all checks of the engine.
        requirement: what the route requires.
        dpop: verifies proofs; None: the service accepts no token that is bound to a DPoP key.
        mtls: finds certificates; None: the service accepts no token that is bound to one.
        now: the time, in seconds since 1970.

    Raises:
        KeyBindingError: the token is not bound as the route requires, is bound to another key, or
            did not arrive in ``Authorization: DPoP``, the client has not the certificate, or the
            token is bound by a method that is unknown.
        DpopProofError, DpopNonceRequiredError, StoreUnavailableError: see `DpopVerifier`.
    """
    check_binding_is_known(claims)
    jkt = None if claims.cnf is None else claims.cnf.jkt
    x5t_s256 = None if claims.cnf is None else claims.cnf.x5t_s256
    if x5t_s256 is not None or requirement.mtls == "required":
        # RFC 8705 §3: the certificate is that of this connection.
        found = None if mtls is None or x5t_s256 is None else mtls.thumbprint(request)
        if found is None or found != x5t_s256:
            raise KeyBindingError

    if dpop is None or DPOP_HEADER.read_token(request, requirement.type) != token:
        # RFC 9449 §7.2: a bound token is never accepted as a bearer token.
        if jkt is not None or requirement.dpop == "required":
            raise KeyBindingError
        return
    if jkt is None:
        raise KeyBindingError

    # A proof can be used once, and several guards may apply to one request.
    key = (dpop, token)
    if request.memo.get(key) is None:
        proof = dpop.check(request, now=now, token=token, thumbprint=jkt)
        await dpop.consume(proof, now)
        request.memo[key] = jkt


def nonce_header(request: RequestView, dpop: DpopChecks | None, now: float) -> Mapping[str, str]:
    """Return the header with the nonce for the next proof of a client (RFC 9449 §8.2).

    It is for responses that no cache may store.

    Args:
        request: a request, whose proof is valid if it has one.
        dpop: verifies proofs; None: proofs are ignored.
        now: the time, in seconds since 1970.
    """
    nonce = None if dpop is None or not request.header_values(_HEADER) else dpop.nonce(now)
    return {} if nonce is None else {"DPoP-Nonce": nonce}


class KeyProof:
    """What a request for tokens proves: a DPoP key, without ``ath`` (RFC 9449 §5), and a certificate."""

    def __init__(
        self,
        request: RequestView,
        dpop: DpopChecks | None,
        mtls: CertificateSource | None,
        now: float,
    ) -> None:
        """Check the proof and find the certificate.

        Args:
            request: the request.
            dpop: verifies the proof; None: proofs are ignored.
            mtls: finds the certificate; None: certificates are ignored.
            now: the time, in seconds since 1970.

        Raises:
            DpopProofError, DpopNonceRequiredError: see `DpopVerifier.check`.
            KeyBindingError: the certificate is ambiguous, or not from a proxy that is trusted.
        """
        self._dpop, self._now = dpop, now
        self._proof: CheckedProof | None = None
        self.key: ProvenKey | None = None
        """The key; None: the request proves none."""
        x5t_s256 = None if mtls is None else mtls.thumbprint(request)
        if dpop is not None and request.header_values(_HEADER):
            self._proof = dpop.check(request, now=now, token=None, thumbprint=None)
            self.key = ProvenKey(self._proof.thumbprint, x5t_s256)
        elif x5t_s256 is not None:
            self.key = ProvenKey(x5t_s256=x5t_s256)

    async def consume(self) -> None:
        """Refuse a proof that was used before. Call it last: only then a stranger leaves no record.

        Raises:
            DpopProofError, StoreUnavailableError: see `DpopVerifier.consume`.
        """
        if self._proof is not None and self._dpop is not None:
            await self._dpop.consume(self._proof, self._now)
