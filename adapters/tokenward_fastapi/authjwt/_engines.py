"""The engines of one configuration, each built when it is first used."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import uuid4

from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward_fastapi.authjwt._claims import AuthJWTClaims, check_subject
from tokenward_fastapi.authjwt._denylist import Denylist, DenylistCallback
from tokenward_fastapi.authjwt._keys import SettingsKeys
from tokenward_fastapi.authjwt.config import LoadConfig, as_lifetime

__all__ = ["Engines"]

# Without exp: the settings allow tokens that never expire.
_REQUIRED_CLAIMS: Final = frozenset({"sub", "jti", "type"})


class Engines:
    """One engine that verifies tokens, and one for each algorithm that signs them."""

    def __init__(
        self,
        settings: LoadConfig,
        current_callback: Callable[[], DenylistCallback | None],
        loaded_keys: SettingsKeys | None = None,
    ) -> None:
        """Store what the engines are built from.

        Args:
            settings: the configuration.
            current_callback: returns the denylist callback of the moment.
            loaded_keys: used if they are those of the settings: loading an RSA key takes long.
        """
        self.settings = settings
        if loaded_keys is None or not loaded_keys.are_of(settings):
            loaded_keys = SettingsKeys(settings)
        self.keys = loaded_keys
        self._denylist = Denylist(settings, current_callback)
        self._verifier: TokenEngine[AuthJWTClaims] | None = None
        self._signers: dict[str, TokenEngine[AuthJWTClaims]] = {}

    @property
    def verifier(self) -> TokenEngine[AuthJWTClaims]:
        """The engine that verifies tokens; with a private key or a secret it can also issue them.

        Raises:
            RuntimeError: the settings have no key to verify with.
            ValueError: an algorithm is unknown, or its key does not fit it.
        """
        if self._verifier is None:
            self._verifier = self._build_verifier()
        return self._verifier

    def signer(self, algorithm: str) -> TokenEngine[AuthJWTClaims]:
        """Return the engine that signs with an algorithm.

        Raises:
            RuntimeError: the settings have no key for the algorithm.
            ValueError: the algorithm is unknown, or its key does not fit it.
        """
        if algorithm not in self._signers:
            self._signers[algorithm] = TokenEngine(
                KeyRing(self.keys.signing_key(algorithm)),
                # No audience: a token has only the audience that the caller passes.
                policy=self._policy(issuer=self.settings.authjwt_encode_issuer),
                claims_model=AuthJWTClaims,
                new_jti=_new_jti,
            )
        return self._signers[algorithm]

    def _build_verifier(self) -> TokenEngine[AuthJWTClaims]:
        settings = self.settings
        active, *others = self.keys.verification_keys()
        engine: TokenEngine[AuthJWTClaims] = TokenEngine(
            KeyRing(active, verifiers=others),
            policy=self._policy(
                issuer=settings.authjwt_decode_issuer, audience=settings.authjwt_decode_audience
            ),
            claims_model=AuthJWTClaims,
            new_jti=_new_jti,
        )
        engine.after_decode(check_subject)
        if settings.authjwt_denylist_enabled:
            engine.is_revoked(self._denylist.is_revoked)
        return engine

    def _policy(
        self,
        *,
        issuer: str | None,
        audience: str | set[str] | list[str] | None = None,
    ) -> TokenPolicy:
        settings = self.settings
        leeway = settings.authjwt_decode_leeway
        has_csrf = settings.in_cookies and settings.authjwt_cookie_csrf_protect

        return TokenPolicy(
            issuer=issuer,
            audience=audience,
            access_lifetime=as_lifetime(settings.authjwt_access_token_expires),
            refresh_lifetime=as_lifetime(settings.authjwt_refresh_token_expires),
            leeway=leeway if isinstance(leeway, timedelta) else timedelta(seconds=leeway),
            required_claims=_REQUIRED_CLAIMS,
            # The reference accepted integer subjects and wrote the issuer into access tokens only.
            integer_subjects=True,
            issuer_optional_in={"refresh"},
            extra_registered_claims={"nbf", "csrf"} if has_csrf else {"nbf"},
        )


def _new_jti() -> str:
    return str(uuid4())
