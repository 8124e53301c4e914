"""The settings of an engine, and the keys, the policy and the store that they configure.

A variable that begins with ``TOKENWARD_`` and is not a setting is refused, because it is probably a
misspelt setting.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, SecretStr, model_validator

from tokenward.errors import ConfigurationError
from tokenward.jose.hmac_secrets import SecretEncoding
from tokenward.jose.key_source import KeySource
from tokenward.keys.jwks_file import jwks_file_ring
from tokenward.keys.remote_options import checked_hosts
from tokenward.keys.ring import KeyRing
from tokenward.policy import Profile, StoreOutage, TokenPolicy, TypeSource
from tokenward.settings.contradictions import (
    check_introspection,
    check_key_options,
    check_sources,
    check_store,
)
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
from tokenward.settings.store_urls import store_at
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
    secret_encoding: SecretEncoding | None = None
    """``base64`` if the issuer decodes the secret from base64 or base64url."""
    pem_file: Path | None = None
    """A file with a PEM key: private, or a public key or certificate to verify only."""
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
    plain_http_hosts: Names = ()
    """Hosts of your own network that may be asked over plain http, for keys or about tokens."""
    algorithm: str | None = None
    """The algorithm of a secret or a PEM key; by default HS256, RS256 or that of the curve.

    With `jwks_url` and `oidc_issuer`: the only algorithm that is accepted.
    """
    kid: str | None = None
    """The key id of a secret or a PEM key; see `Key` for the default."""
    introspection_url: str | None = None
    """The endpoint that is asked about each token (RFC 7662), instead of keys; see `IntrospectedTokens`."""
    introspection_client_id: str | None = None
    """The name of this service at the endpoint."""
    introspection_client_secret: SecretStr | None = None
    """The password for `introspection_client_id`."""
    introspection_client_secret_file: Path | None = None
    """A file with this password; a line break at its end is ignored."""
    introspection_timeout: Duration | None = None
    """A duration, by default 5 seconds: the time limit of a request to the endpoint."""
    introspection_active_for: Duration | None = None
    """A duration, by default 30 seconds: how long the answer about an active token is cached."""
    introspection_inactive_for: Duration | None = None
    """A duration, by default 5 seconds: how long the answer about any other token is cached."""

    issuer: str | None = None
    """One issuer. `TokenPolicy` explains it and all fields up to `extra_registered_claims`."""
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
    subject_claim: str = _DEFAULTS.subject_claim
    """The name of a claim."""
    scope_claim: str = _DEFAULTS.scope_claim
    """The name of a claim."""
    required_claims: Names = tuple(sorted(_DEFAULTS.required_claims))
    """Names of claims."""
    type_source: TypeSource = _DEFAULTS.type_source
    """``claim``, ``typ`` or ``always-access``."""
    profile: Profile | None = None
    """``rfc9068``."""
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
    acr_levels: Names = ()
    """Levels of a login, from the weakest to the strongest."""
    extra_registered_claims: ExtraRegisteredClaims = ()
    """``csrf``, ``nbf`` or both."""

    store_url: SecretStr | None = None
    """The revocation store; without one, tokens can be neither revoked nor refreshed.

    ``memory://`` (``memory://single-process``: without a warning), ``sqlite+aiosqlite:///file``,
    ``postgresql+asyncpg://...``, ``postgresql+psycopg://...``, ``mysql+asyncmy://...``,
    ``redis://...``, ``rediss://...``, ``unix://...``, ``redis+sentinel://...`` or
    ``redis+cluster://...``.
    """
    store_prefix: str | None = None
    """The prefix of the table names, or of the keys in Redis."""
    store_schema: str | None = None
    """The schema of the tables in PostgreSQL, or the database in MariaDB and MySQL."""
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
        algorithm, kid, encoding = self.algorithm, self.kid, self.secret_encoding
        hmac = algorithm or "HS256"
        if self.secret is not None:
            secret = self.secret.get_secret_value()
            return KeyRing.from_secret(secret, algorithm=hmac, kid=kid, encoding=encoding)
        if self.secret_file is not None:
            return secret_file_ring(self.secret_file, algorithm=hmac, kid=kid, encoding=encoding)
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
            return remote_keys(self.jwks_url, self.algorithm, self.plain_http_hosts)
        if self.oidc_issuer is not None:
            return issuer_keys(self.oidc_issuer, self.algorithm, self.plain_http_hosts)
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
        checked_hosts(self.plain_http_hosts)
        source = check_sources(self, (*KEY_SETTINGS, "introspection_url"))
        check_introspection(self)
        if source is not None:
            check_key_options(self, source)
        check_store(self)
        self.to_policy()
        return self
