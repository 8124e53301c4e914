"""An engine that is configured by its environment alone. Needs ``tokenward[settings]``.

::

    TOKENWARD_KEYS_DIR=/etc/shop/keys
    TOKENWARD_ISSUER=https://shop.example
    TOKENWARD_AUDIENCE=shop-api
    TOKENWARD_STORE_URL=redis://redis:6379/0

    engine = engine_from_settings(claims_model=ShopClaims)

A variable that begins with ``TOKENWARD_`` and is not a setting is refused, because it is probably a
setting that somebody misspelt.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, NoReturn, Self

from pydantic import Field, SecretStr, model_validator

from tokenward.errors import ConfigurationError
from tokenward.jose.algorithms import algorithm_named
from tokenward.jose.key_source import KeySource
from tokenward.keys.jwks_file import jwks_file_ring
from tokenward.keys.ring import KeyRing
from tokenward.policy import StoreOutage, TokenPolicy, TypeSource
from tokenward.settings.field_types import (
    Duration,
    ExtraRegisteredClaims,
    LifetimeOrNever,
    Names,
    TokenTypes,
)
from tokenward.settings.key_sources import (
    issuer_keys,
    key_directory_ring,
    pem_file_ring,
    remote_keys,
    secret_file_ring,
)
from tokenward.settings.store_urls import store_at, store_kind
from tokenward.settings.strict_settings import SettingsConfigDict, StrictSettings
from tokenward.stores.protocol import RevocationStore

__all__ = ["KEY_SETTINGS", "POLICY_SETTINGS", "TokenwardSettings"]

KEY_SETTINGS: Final = (
    "secret", "secret_file", "pem_file", "keys_dir", "jwks_file", "jwks_url", "oidc_issuer",
)  # fmt: skip
"""Where the keys come from: one of these."""
POLICY_SETTINGS: Final = tuple(
    name for name, field in TokenPolicy.__dataclass_fields__.items() if field.init
)
"""What makes the `TokenPolicy`: the names of its own fields."""

_USUAL: Final = TokenPolicy()


class TokenwardSettings(StrictSettings):
    """Every setting, by the name of its variable without ``TOKENWARD_``, in small letters.

    Durations are seconds (``900``), a number with a unit (``15m``, ``12h``, ``30d``) or ISO 8601
    (``PT15M``); names are separated by commas, or a JSON list.

    ``TokenwardSettings(_env_file=".env")`` reads a file besides, and ``_env_prefix="SHOP_"`` other
    variables: for two engines in one process, of whose prefixes none begins with the other.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="TOKENWARD_")

    secret: SecretStr | None = None
    """An HMAC secret, which signs and verifies."""
    secret_file: Path | None = None
    """A file with an HMAC secret; a line break at its end does not belong to it."""
    pem_file: Path | None = None
    """A file with a PEM key: private, or public to verify only."""
    pem_password: SecretStr | None = None
    """The password of an encrypted `pem_file`."""
    keys_dir: Path | None = None
    """A directory of keys, as ``tokenward keys generate`` makes it."""
    jwks_file: Path | None = None
    """A file with a JSON Web Key Set; its first key signs, if the file has private keys."""
    jwks_url: str | None = None
    """The address of somebody else's JSON Web Key Set; it only verifies."""
    oidc_issuer: str | None = None
    """An OpenID Connect issuer, whose keys are found by discovery; it is the `issuer` as well."""
    algorithm: str | None = None
    """The algorithm of a secret or a PEM key; by default HS256, RS256 or what the curve says.

    With `jwks_url` and `oidc_issuer`: the only one that is accepted.
    """
    kid: str | None = None
    """The key id of a secret or a PEM key; see `Key` for the default."""

    issuer: str | None = None
    """See `TokenPolicy.issuer`, as for all that follow down to `extra_registered_claims`."""
    audience: Names | None = None
    """One or several names."""
    access_lifetime: LifetimeOrNever = _USUAL.access_lifetime
    """A duration, or ``never``."""
    refresh_lifetime: LifetimeOrNever = _USUAL.refresh_lifetime
    """A duration, or ``never``."""
    session_lifetime: Duration | None = None
    """A duration."""
    reuse_grace: Duration = _USUAL.reuse_grace
    """A duration, at most 60 seconds."""
    max_token_age: Duration | None = None
    """A duration."""
    leeway: Duration = _USUAL.leeway
    """A duration."""
    required_claims: Names = tuple(sorted(_USUAL.required_claims))
    """Names of claims."""
    type_source: TypeSource = _USUAL.type_source
    """``claim``, ``typ`` or ``always-access``."""
    integer_subjects: bool = _USUAL.integer_subjects
    """``true`` or ``false``."""
    issuer_optional_in: TokenTypes = ()
    """``access``, ``refresh`` or both."""
    max_token_bytes: Annotated[int, Field(ge=1)] = _USUAL.max_token_bytes
    """A number of bytes."""
    signature_cache_entries: Annotated[int, Field(ge=0)] = _USUAL.signature_cache_entries
    """A number of tokens; zero switches the memory off."""
    signature_cache_bytes: Annotated[int, Field(ge=0)] = _USUAL.signature_cache_bytes
    """A number of bytes; zero switches the memory off."""
    store_outage: StoreOutage = _USUAL.store_outage
    """``refuse`` or ``accept``."""
    extra_registered_claims: ExtraRegisteredClaims = ()
    """``csrf``, ``nbf`` or both."""

    store_url: SecretStr | None = None
    """The revocation store; without one nothing can be revoked or refreshed.

    ``memory://`` (``memory://single-process`` does not warn), ``sqlite+aiosqlite:///file``,
    ``postgresql+asyncpg://...``, ``redis://...``, ``rediss://...`` or ``unix://...``.
    """
    store_prefix: str | None = None
    """What the names of tables, or the keys in Redis, begin with."""
    store_schema: str | None = None
    """The schema of the tables in PostgreSQL."""
    store_timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How long any one call to the store may take."""

    # Here once more, so that type checkers do not make one of the fields alone.
    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - whatever the fields take
        """Read the environment; see the class, and `StrictSettings` for what is refused.

        Args:
            values: settings that come before it, ``_env_file`` and ``_env_prefix``.

        Raises:
            ConfigurationError: a variable is unknown, empty, wrong or contradicts another; the
                message names the variables, and no value.
        """
        super().__init__(**values)

    def to_policy(self) -> TokenPolicy:
        """Give the rules.

        Raises:
            ConfigurationError: they cannot be meant; never for settings that have been built.
        """
        rules: dict[str, Any] = {name: getattr(self, name) for name in POLICY_SETTINGS}
        if self.audience is not None and len(self.audience) == 1:
            # Written as one text then, which more readers understand than a list of one.
            rules["audience"] = self.audience[0]
        if self.oidc_issuer is not None:
            rules["issuer"] = self.oidc_issuer
        return TokenPolicy(**rules)

    def to_keys(self) -> KeySource:
        """Load the keys, or make ready to fetch them.

        Raises:
            ConfigurationError: no source is set, or the keys cannot be read or used.
        """
        algorithm, kid = self.algorithm, self.kid
        hmac = algorithm or "HS256"
        if self.secret is not None:
            return KeyRing.from_secret(self.secret.get_secret_value(), algorithm=hmac, kid=kid)
        if self.secret_file is not None:
            return secret_file_ring(self.secret_file, algorithm=hmac, kid=kid)
        if self.pem_file is not None:
            password = self.pem_password.get_secret_value() if self.pem_password else None
            return pem_file_ring(self.pem_file, algorithm=algorithm, password=password, kid=kid)
        if self.jwks_file is not None:
            return jwks_file_ring(self.jwks_file)
        return self._kept_elsewhere()

    def _kept_elsewhere(self) -> KeySource:
        if self.keys_dir is not None:
            return key_directory_ring(self.keys_dir)
        if self.jwks_url is not None:
            return remote_keys(self.jwks_url, self.algorithm)
        if self.oidc_issuer is not None:
            return issuer_keys(self.oidc_issuer, self.algorithm)
        msg = f"There are no keys: set one of {', '.join(map(self.variable, KEY_SETTINGS))}."
        raise ConfigurationError(msg)

    def to_store(self) -> RevocationStore | None:
        """Make the store; nothing is sent to it yet. None where none is set.

        Raises:
            ConfigurationError: its URL cannot be used, or its extra is not installed.
        """
        if self.store_url is None:
            return None
        return store_at(
            self.store_url.get_secret_value(),
            prefix=self.store_prefix,
            timeout_seconds=self.store_timeout_seconds,
            schema=self.store_schema,
        )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        sources = [name for name in KEY_SETTINGS if getattr(self, name) is not None]
        if len(sources) > 1:
            _refuse(*sources, because="keys come from one place")
        source = sources[0] if sources else None
        if source is not None:
            self._check_key_options(source)
        if None not in {self.issuer, self.oidc_issuer} and self.issuer != self.oidc_issuer:
            _refuse("issuer", "oidc_issuer", because="they name two issuers")
        self._check_store()
        self.to_policy()
        return self

    def _check_key_options(self, source: str) -> None:
        if self.pem_password is not None and source != "pem_file":
            _refuse("pem_password", source, because="only a PEM file has a password")
        if self.algorithm is not None and source in {"keys_dir", "jwks_file"}:
            _refuse("algorithm", source, because="these keys name their own")
        if self.kid is not None and source not in {"secret", "secret_file", "pem_file"}:
            _refuse("kid", source, because="these keys have ids of their own")
        if self.algorithm is not None:
            is_hmac = algorithm_named(self.algorithm).key_type == "oct"
            if is_hmac != source.startswith("secret"):
                _refuse("algorithm", source, because="the algorithm does not take such a key")

    def _check_store(self) -> None:
        names = ("store_prefix", "store_schema", "store_timeout_seconds")
        given = [name for name in names if getattr(self, name) is not None]
        if self.store_url is None:
            if given:
                _refuse(given[0], "store_url", because="there is no store without an address")
            return
        url = self.store_url.get_secret_value()
        kind = store_kind(url)
        if kind == "memory" and given:
            _refuse(given[0], "store_url", because="memory takes nothing of the kind")
        if self.store_schema is not None and not url.startswith("postgresql"):
            _refuse("store_schema", "store_url", because="only PostgreSQL has schemas")


def _refuse(*names: str, because: str) -> NoReturn:
    both = " and ".join(f"{{{name}}}" for name in names)
    msg = f"{both} contradict each other: {because}."
    raise ConfigurationError(msg)
