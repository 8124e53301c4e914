"""The settings of an engine, and the keys, the policy and the store that they configure.

A variable that begins with ``TOKENWARD_`` and is not a setting is refused, because it is probably a
misspelt setting.
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
    ClaimRulesText,
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
"""The sources of the keys; exactly one is set."""
POLICY_SETTINGS: Final = tuple(
    name for name, field in TokenPolicy.__dataclass_fields__.items() if field.init
)
"""The fields of the `TokenPolicy`, each of which is a setting of the same name."""

_DEFAULTS: Final = TokenPolicy()


class TokenwardSettings(StrictSettings):
    """All settings. Each field is a variable without its prefix ``TOKENWARD_``, in lower case.

    Durations are seconds (``900``), a number with a unit (``15m``, ``12h``, ``30d``) or ISO 8601
    (``PT15M``). Lists of names are separated by commas, or JSON.

    ``TokenwardSettings(_env_file=".env")`` also reads a file. ``_env_prefix="SHOP_"`` replaces the
    prefix, for two engines in one process; neither prefix may begin with the other.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="TOKENWARD_")

    secret: SecretStr | None = None
    """An HMAC secret, which signs and verifies."""
    secret_file: Path | None = None
    """A file with an HMAC secret; a line break at its end is ignored."""
    pem_file: Path | None = None
    """A file with a PEM key: private, or public to verify only."""
    pem_password: SecretStr | None = None
    """The password of an encrypted `pem_file`."""
    keys_dir: Path | None = None
    """A directory of keys, as created by ``tokenward keys generate``."""
    jwks_file: Path | None = None
    """A file with a JSON Web Key Set; its first key signs, if the file has private keys."""
    jwks_url: str | None = None
    """The URL of the JSON Web Key Set of another issuer; its keys only verify."""
    oidc_issuer: str | None = None
    """An OpenID Connect issuer: its keys are found by discovery, and it is the `issuer` too."""
    algorithm: str | None = None
    """The algorithm of a secret or a PEM key; by default HS256, RS256 or that of the curve.

    With `jwks_url` and `oidc_issuer`: the only algorithm that is accepted.
    """
    kid: str | None = None
    """The key id of a secret or a PEM key; see `Key` for the default."""

    issuer: str | None = None
    """See `TokenPolicy.issuer`. The same applies to all fields up to `extra_registered_claims`."""
    audience: Names | None = None
    """One or several names."""
    audience_claim: str = _DEFAULTS.audience_claim
    """The name of a claim."""
    access_lifetime: LifetimeOrNever = _DEFAULTS.access_lifetime
    """A duration, or ``never``."""
    refresh_lifetime: LifetimeOrNever = _DEFAULTS.refresh_lifetime
    """A duration, or ``never``."""
    session_lifetime: Duration | None = None
    """A duration."""
    reuse_grace: Duration = _DEFAULTS.reuse_grace
    """A duration, at most 60 seconds."""
    max_token_age: Duration | None = None
    """A duration."""
    leeway: Duration = _DEFAULTS.leeway
    """A duration."""
    required_claims: Names = tuple(sorted(_DEFAULTS.required_claims))
    """Names of claims."""
    type_source: TypeSource = _DEFAULTS.type_source
    """``claim``, ``typ`` or ``always-access``."""
    access_token_claims: ClaimRulesText | None = None
    """A JSON object."""
    accept_id_tokens: bool = _DEFAULTS.accept_id_tokens
    """``true`` or ``false``."""
    integer_subjects: bool = _DEFAULTS.integer_subjects
    """``true`` or ``false``."""
    issuer_optional_in: TokenTypes = ()
    """``access``, ``refresh`` or both."""
    max_token_bytes: Annotated[int, Field(ge=1)] = _DEFAULTS.max_token_bytes
    """A number of bytes."""
    signature_cache_entries: Annotated[int, Field(ge=0)] = _DEFAULTS.signature_cache_entries
    """A number of tokens; zero turns the cache off."""
    signature_cache_bytes: Annotated[int, Field(ge=0)] = _DEFAULTS.signature_cache_bytes
    """A number of bytes; zero turns the cache off."""
    store_outage: StoreOutage = _DEFAULTS.store_outage
    """``refuse`` or ``accept``."""
    extra_registered_claims: ExtraRegisteredClaims = ()
    """``csrf``, ``nbf`` or both."""

    store_url: SecretStr | None = None
    """The revocation store; without one, tokens can be neither revoked nor refreshed.

    ``memory://`` (``memory://single-process``: without a warning), ``sqlite+aiosqlite:///file``,
    ``postgresql+asyncpg://...``, ``redis://...``, ``rediss://...`` or ``unix://...``.
    """
    store_prefix: str | None = None
    """The prefix of the table names, or of the keys in Redis."""
    store_schema: str | None = None
    """The schema of the tables in PostgreSQL."""
    store_timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The maximum duration of one call to the store."""

    # Repeated here, because type checkers would otherwise derive a signature from the fields.
    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the types of the fields
        """Read the environment.

        Args:
            values: settings, which override the environment; ``_env_file`` and ``_env_prefix``.

        Raises:
            ConfigurationError: a setting is unknown, empty, invalid or contradicts another. The
                message names the variables, never a value.
        """
        super().__init__(**values)

    def to_policy(self) -> TokenPolicy:
        """Return the policy.

        Raises:
            ConfigurationError: the policy is invalid; not for settings that were built without error.
        """
        rules: dict[str, Any] = {name: getattr(self, name) for name in POLICY_SETTINGS}
        if self.audience is not None and len(self.audience) == 1:
            # Written to tokens as text, which more readers understand than a list of one name.
            rules["audience"] = self.audience[0]

        if self.oidc_issuer is not None:
            rules["issuer"] = self.oidc_issuer
        return TokenPolicy(**rules)

    def to_keys(self) -> KeySource:
        """Return the keys, loaded, or fetched when the first token arrives.

        Raises:
            ConfigurationError: no source of keys is set, or the keys are unreadable or unusable.
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
        return self._directory_or_remote_keys()

    def _directory_or_remote_keys(self) -> KeySource:
        if self.keys_dir is not None:
            return key_directory_ring(self.keys_dir)
        if self.jwks_url is not None:
            return remote_keys(self.jwks_url, self.algorithm)
        if self.oidc_issuer is not None:
            return issuer_keys(self.oidc_issuer, self.algorithm)
        msg = f"No keys are configured: set one of {', '.join(map(self.variable, KEY_SETTINGS))}."
        raise ConfigurationError(msg)

    def to_store(self) -> RevocationStore | None:
        """Return the store, or None without one; nothing is sent to it yet.

        Raises:
            ConfigurationError: the URL is unusable, or the extra for the store is not installed.
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
            _refuse(*sources, because="there must be one source of keys")
        source = sources[0] if sources else None
        if source is not None:
            self._check_key_options(source)

        if None not in {self.issuer, self.oidc_issuer} and self.issuer != self.oidc_issuer:
            _refuse("issuer", "oidc_issuer", because="the issuers differ")
        self._check_store()
        self.to_policy()
        return self

    def _check_key_options(self, source: str) -> None:
        if self.pem_password is not None and source != "pem_file":
            _refuse("pem_password", source, because="only a PEM file has a password")
        if self.algorithm is not None and source in {"keys_dir", "jwks_file"}:
            _refuse("algorithm", source, because="these keys have their own algorithms")
        if self.kid is not None and source not in {"secret", "secret_file", "pem_file"}:
            _refuse("kid", source, because="these keys have their own ids")
        if self.algorithm is not None:
            is_hmac = algorithm_named(self.algorithm).key_type == "oct"
            if is_hmac != source.startswith("secret"):
                _refuse("algorithm", source, because="the algorithm is for another type of key")

    def _check_store(self) -> None:
        names = ("store_prefix", "store_schema", "store_timeout_seconds")
        given = [name for name in names if getattr(self, name) is not None]
        if self.store_url is None:
            if given:
                _refuse(given[0], "store_url", because="a store requires a URL")
            return

        url = self.store_url.get_secret_value()
        kind = store_kind(url)
        if kind == "memory" and given:
            _refuse(given[0], "store_url", because="a store in memory has no such option")
        if self.store_schema is not None and not url.startswith("postgresql"):
            _refuse("store_schema", "store_url", because="only PostgreSQL has schemas")


def _refuse(*names: str, because: str) -> NoReturn:
    both = " and ".join(f"{{{name}}}" for name in names)
    msg = f"{both} contradict each other: {because}."
    raise ConfigurationError(msg)
