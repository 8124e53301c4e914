"""The engines behind one configuration, each built when it is first needed."""

import contextlib
import inspect
import warnings
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

from tokenward import NEVER, Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import InvalidKeyError
from tokenward.keys import WeakSecretWarning
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt.config import LoadConfig, as_lifetime

__all__ = ["DenylistCallback", "Engines", "MissingCallbackError"]

DenylistCallback: TypeAlias = Callable[[dict[str, Any]], Awaitable[object] | object]

_SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
_ASYMMETRIC: Final = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in ("256", "384", "512")
) | {"ES256K", "EdDSA"}
# Without exp, because tokens may have no end.
_REQUIRED: Final = frozenset({"sub", "jti", "type"})


class MissingCallbackError(RuntimeError):
    """The deny-list is on, and there is nobody to ask."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "A token_in_denylist_callback must be provided via the "
            "'@AuthJWT.token_in_denylist_loader' if authjwt_denylist_enabled is 'True'"
        )


class Engines:
    """The engines of one configuration: one that verifies, and one for each algorithm that signs."""

    def __init__(
        self, settings: LoadConfig, callback_of: Callable[[], DenylistCallback | None]
    ) -> None:
        """Take the settings, and what gives the deny-list's callback of the moment."""
        self.settings = settings
        self._callback_of = callback_of
        self._verifier: TokenEngine[AuthJWTClaims] | None = None
        self._signers: dict[str, TokenEngine[AuthJWTClaims]] = {}
        self._keys: dict[tuple[str, str], Key] = {}
        self._has_warned = False

    @property
    def verifier(self) -> TokenEngine[AuthJWTClaims]:
        """The engine that judges tokens; it can issue some, too, where it has a key for that.

        Raises:
            RuntimeError: there is no key to verify with.
            ValueError: an algorithm is unknown, or its key is unfit.
        """
        if self._verifier is None:
            self._verifier = self._build_verifier()
        return self._verifier

    def signer(self, algorithm: str) -> TokenEngine[AuthJWTClaims]:
        """Give the engine that signs with an algorithm.

        Raises:
            RuntimeError: there is no key for it.
            ValueError: it is unknown, or its key is unfit.
        """
        if algorithm not in self._signers:
            self._signers[algorithm] = TokenEngine(
                KeyRing(self._key(algorithm, "private")),
                # No audience: a token has the one that it is given, and no other.
                policy=self._policy(issuer=self.settings.authjwt_encode_issuer),
                claims_model=AuthJWTClaims,
                new_jti=_new_jti,
            )
        return self._signers[algorithm]

    def _build_verifier(self) -> TokenEngine[AuthJWTClaims]:
        settings = self.settings

        keys = self._verifying_keys()
        engine: TokenEngine[AuthJWTClaims] = TokenEngine(
            KeyRing(keys[0], verifiers=keys[1:]),
            policy=self._policy(
                issuer=settings.authjwt_decode_issuer, audience=settings.authjwt_decode_audience
            ),
            claims_model=AuthJWTClaims,
            new_jti=_new_jti,
        )
        if settings.authjwt_denylist_enabled:
            engine.is_revoked(self._is_denied)
        return engine

    async def _is_denied(self, claims: AuthJWTClaims) -> bool:
        if claims.type not in self.settings.authjwt_denylist_token_checks:
            return False
        callback = self._callback_of()
        if callback is None:
            raise MissingCallbackError
        answer = callback(claims.as_dict())
        if inspect.isawaitable(answer):
            answer = await answer
        return bool(answer)

    def _policy(
        self,
        *,
        issuer: str | None,
        audience: str | set[str] | list[str] | None = None,
    ) -> TokenPolicy:
        settings = self.settings
        leeway = settings.authjwt_decode_leeway
        access = as_lifetime(settings.authjwt_access_token_expires)
        refresh = as_lifetime(settings.authjwt_refresh_token_expires)
        has_csrf = settings.in_cookies and settings.authjwt_cookie_csrf_protect
        return TokenPolicy(
            issuer=issuer,
            audience=audience,
            access_lifetime=NEVER if access is None else access,
            refresh_lifetime=NEVER if refresh is None else refresh,
            leeway=leeway if isinstance(leeway, timedelta) else timedelta(seconds=leeway),
            required_claims=_REQUIRED,
            # The reference took numbers for subjects, and wrote the issuer into access tokens alone.
            integer_subjects=True,
            issuer_optional_in={"refresh"},
            extra_registered_claims={"nbf", "csrf"} if has_csrf else {"nbf"},
        )

    def _verifying_keys(self) -> list[Key]:
        """Give a key for each algorithm that has one, that of new tokens first."""
        settings = self.settings
        names = list(settings.authjwt_decode_algorithms or [settings.authjwt_algorithm])
        names.sort(key=lambda name: name != settings.authjwt_algorithm)
        keys: list[Key] = []
        failures: list[Exception] = []
        for name in dict.fromkeys(names):
            try:
                keys.append(self._verifying_key(name))
            except (RuntimeError, InvalidKeyError) as failure:
                failures.append(failure)
        if not keys:
            raise failures[0]
        return keys

    def _verifying_key(self, algorithm: str) -> Key:
        key = self._key(algorithm, "public")
        # The private key of the same pair verifies the same tokens, and can sign besides.
        with contextlib.suppress(RuntimeError, InvalidKeyError):
            private = self._key(algorithm, "private")
            if private.kid == key.kid:
                return private
        return key

    def _key(self, algorithm: str, half: Literal["private", "public"]) -> Key:
        if algorithm in _SYMMETRIC:
            half = "private"
        elif algorithm not in _ASYMMETRIC:
            msg = f"Algorithm {algorithm} could not be found"
            raise ValueError(msg)
        if (algorithm, half) not in self._keys:
            make = self._secret_key if algorithm in _SYMMETRIC else self._pem_key
            self._keys[algorithm, half] = make(algorithm, half)
        return self._keys[algorithm, half]

    def _secret_key(self, algorithm: str, _half: str) -> Key:
        secret = self.settings.authjwt_secret_key
        if secret is None:
            msg = f"authjwt_secret_key must be set when using symmetric algorithm {algorithm}"
            raise RuntimeError(msg)
        with warnings.catch_warnings(record=True, action="always") as weaknesses:
            key = Key.from_weak_secret(secret, algorithm=algorithm)
        # Said once: it is one secret, however many algorithms it serves.
        if weaknesses and not self._has_warned:
            warnings.warn(str(weaknesses[0].message), WeakSecretWarning, stacklevel=2)
            self._has_warned = True
        return key

    def _pem_key(self, algorithm: str, half: str) -> Key:
        settings = self.settings
        pem = settings.authjwt_private_key if half == "private" else settings.authjwt_public_key
        if pem is None:
            msg = f"authjwt_{half}_key must be set when using asymmetric algorithm {algorithm}"
            raise RuntimeError(msg)
        key = Key.from_pem(pem, algorithm=algorithm)
        used = (settings.authjwt_algorithm, *(settings.authjwt_decode_algorithms or ()))
        first = next((name for name in used if name in _ASYMMETRIC), algorithm)
        if algorithm == first:
            return key
        # One key pair under two algorithms is two keys, and these need two ids.
        return Key.from_pem(pem, algorithm=algorithm, kid=f"{key.kid}.{algorithm}")


def _new_jti() -> str:
    return str(uuid4())
