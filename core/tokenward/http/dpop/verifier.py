"""Verifies the DPoP proofs of requests (RFC 9449)."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from tokenward._arguments import check_methods, kind_of
from tokenward.errors import ConfigurationError, DpopNonceRequiredError, DpopProofError
from tokenward.http.dpop.nonces import DpopNonces
from tokenward.http.dpop.proofs import Expected, Proof, ProofChecker
from tokenward.http.dpop.replays import ReplayCheck
from tokenward.http.dpop.targets import PublicUrls
from tokenward.http.key_binding import CheckedProof
from tokenward.http.request import RequestView
from tokenward.jose.algorithms import algorithm_named
from tokenward.stores.protocol import OF_STORES, RevocationStore

__all__ = ["DpopVerifier", "ReplayOutage"]

ReplayOutage: TypeAlias = Literal["refuse", "accept"]
"""The values of `replay_outage`."""

_HEADER: Final = b"dpop"
_ALGORITHMS: Final = ("ES256", "Ed25519", "EdDSA", "ES384", "ES512", "PS256", "RS256")
_MAX_AGE: Final = timedelta(minutes=1)
_LEEWAY: Final = timedelta(seconds=10)
_LONGEST: Final = timedelta(minutes=5)


class DpopVerifier:
    """Verifies the proofs that clients send with tokens that are bound to their keys.

    ::

        dpop = DpopVerifier("https://api.example", store=store)
        auth = TokenAuth(engine, dpop=dpop)

    The checks are those of RFC 9449 §4.3, in this order: there is exactly one proof; its form; the
    type, the algorithm and the public key in its header; the key is that of the token; the
    signature; ``htm``, ``htu``, ``iat``, ``jti`` and ``ath``; the nonce; and that the proof was not
    used before.
    """

    def __init__(
        self,
        public_url: str | Collection[str],
        *,
        store: RevocationStore,
        algorithms: Collection[str] = _ALGORITHMS,
        max_age: timedelta = _MAX_AGE,
        leeway: timedelta = _LEEWAY,
        nonces: DpopNonces | None = None,
        replay_outage: ReplayOutage = "refuse",
    ) -> None:
        """Set what proofs must say.

        Args:
            public_url: the URL under which clients know the service, also behind a proxy; with the
                path that a proxy removes. The path of the request is appended to it. Several: a
                proof may be for any of them. It is never read from the request, because a service
                that receives a proof could send it on with its own name in ``Host``.
            store: remembers used proofs. All instances of the service must share it. It keeps one
                record for each request until the proof has expired, and an hour longer.
            algorithms: the accepted algorithms; challenges name them.
            max_age: the maximum age of a proof; at most 5 minutes.
            leeway: how far the clock of a client may be ahead; at most 5 minutes.
            nonces: the nonces that proofs must contain; None: a proof needs no nonce, so a client
                may make proofs in advance.
            replay_outage: if `store` does not answer: ``"refuse"`` the request (503), or
                ``"accept"`` a proof that may have been used before; each use is logged.
                `TokenPolicy.store_outage` has no effect on proofs.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        if not isinstance(nonces, DpopNonces | None):
            msg = f"nonces must be a DpopNonces, not {kind_of(nonces)}: pass DpopNonces(secret)."
            raise ConfigurationError(msg)
        if replay_outage not in ("refuse", "accept"):
            msg = "replay_outage must be 'refuse' or 'accept'."
            raise ConfigurationError(msg)
        check_methods(store, OF_STORES, "store", "store=MemoryStore()")
        for name, value in (("max_age", max_age), ("leeway", leeway)):
            if not isinstance(value, timedelta) or not timedelta(0) <= value <= _LONGEST:
                msg = f"{name} must be a timedelta from zero to 5 minutes."
                raise ConfigurationError(msg)
        self.algorithms: tuple[str, ...] = _checked_algorithms(algorithms)
        """The accepted algorithms."""
        self._max_age = max_age.total_seconds()
        urls = PublicUrls(public_url)
        self.public_urls: tuple[str, ...] = urls.urls
        """The URLs under which clients know the service."""
        self._checker = ProofChecker(
            urls,
            self.algorithms,
            max_age_seconds=self._max_age,
            leeway_seconds=leeway.total_seconds(),
        )
        self._nonces = nonces
        self._replays = ReplayCheck(store, accepts_outage=replay_outage == "accept")

    def check(
        self,
        request: RequestView,
        *,
        now: float,
        token: bytes | None = None,
        thumbprint: str | None = None,
    ) -> CheckedProof:
        """Return the proof of a request that has passed all checks but one; then call `consume`.

        Args:
            request: the request, or a WebSocket handshake.
            now: the time, in seconds since 1970.
            token: the token that the request carries, whose hash the proof must contain; None: the
                proof needs no hash, as at a token endpoint (RFC 9449 §5).
            thumbprint: the key to which the token is bound (``cnf.jkt``); None: any key.

        Raises:
            DpopProofError: the proof is missing or invalid.
            DpopNonceRequiredError: the proof lacks the current nonce.
            KeyBindingError: the proof was made with another key than `thumbprint`.

        Not checked: that the proof was not used before; and the token itself.
        """
        # The handshake of a WebSocket is a GET request (RFC 6455 §4.1).
        expected = Expected(request.method or "GET", request.raw_path, token, thumbprint)
        proof = self._checker.check(request.header_values(_HEADER), expected, now)
        if self._nonces is not None:
            self._check_nonce(self._nonces, proof, now)
        return proof

    async def consume(self, proof: CheckedProof, now: float) -> None:
        """Refuse a proof that was used before, and record it.

        Args:
            proof: the result of `check`, after all other checks of the request.
            now: the time, in seconds since 1970.

        Raises:
            DpopProofError: the proof was used before.
            StoreUnavailableError: the store failed, and an outage is not accepted.
        """
        await self._replays.consume(proof, proof.iat + self._max_age, now)

    def nonce(self, now: float) -> str | None:
        """Return the nonce for new proofs; None: they need none.

        Args:
            now: the time, in seconds since 1970.
        """
        return None if self._nonces is None else self._nonces.current(now)

    def _check_nonce(self, nonces: DpopNonces, proof: Proof, now: float) -> None:
        if proof.nonce is not None and not isinstance(proof.nonce, str):
            raise DpopProofError(check="nonce")
        if proof.nonce is None or not nonces.accepts(proof.nonce, now):
            raise DpopNonceRequiredError(nonces.current(now))


def _checked_algorithms(names: Collection[str]) -> tuple[str, ...]:
    """Return the names of asymmetric algorithms.

    Raises:
        ConfigurationError: there is none, or one is unknown or symmetric.
    """
    if isinstance(names, str) or not isinstance(names, Collection) or not names:
        msg = "algorithms must list at least one algorithm, as in algorithms=['ES256']."
        raise ConfigurationError(msg)
    if any(algorithm_named(name).key_type == "oct" for name in names):
        msg = "algorithms must be asymmetric: everyone could sign with the key in a proof."
        raise ConfigurationError(msg)
    return tuple(dict.fromkeys(names))
