"""Settings that contradict each other, which are refused before anything is built."""

from typing import TYPE_CHECKING, Final, NoReturn

from tokenward.errors import ConfigurationError
from tokenward.jose.algorithms import algorithm_named
from tokenward.keys.remote_options import checked_seconds
from tokenward.settings.store_urls import store_kind

if TYPE_CHECKING:
    from tokenward.settings.model import TokenwardSettings

__all__ = ["check_introspection", "check_key_options", "check_sources", "check_store"]

_FETCHED: Final = frozenset({"jwks_url", "oidc_issuer", "introspection_url"})
_NO_HEADER: Final = "an answer has no header"
_NO_SIGNATURE: Final = "no signature is verified"
_NOT_OF_ANSWERS: Final = {
    "algorithm": _NO_SIGNATURE, "kid": _NO_SIGNATURE, "profile": _NO_HEADER,
}  # fmt: skip
_INTROSPECTION: Final = (
    "introspection_client_id", "introspection_client_secret", "introspection_client_secret_file",
    "introspection_timeout", "introspection_active_for", "introspection_inactive_for",
)  # fmt: skip


def check_sources(settings: "TokenwardSettings", names: tuple[str, ...]) -> str | None:
    """Return the one setting that says how tokens are verified; None: there is none.

    Args:
        settings: the settings.
        names: the settings of which at most one may be set.

    Raises:
        ConfigurationError: there are several, or the issuers differ.
    """
    sources = [name for name in names if getattr(settings, name) is not None]
    if len(sources) > 1:
        _refuse(*sources, because="there must be one source of keys, or one endpoint")
    issuers = {settings.issuer, settings.oidc_issuer}
    if None not in issuers and len(issuers) > 1:
        _refuse("issuer", "oidc_issuer", because="the issuers differ")
    return sources[0] if sources else None


def check_key_options(settings: "TokenwardSettings", source: str) -> None:
    """Refuse an option that the source of the keys does not have.

    Raises:
        ConfigurationError: there is one.
    """
    if settings.plain_http_hosts and source not in _FETCHED:
        _refuse("plain_http_hosts", source, because="these keys are not fetched")
    if settings.pem_password is not None and source != "pem_file":
        _refuse("pem_password", source, because="only a PEM file has a password")
    if settings.secret_encoding is not None and not source.startswith("secret"):
        _refuse("secret_encoding", source, because="only a secret has an encoding")
    if settings.algorithm is not None and source in {"keys_dir", "jwks_file"}:
        _refuse("algorithm", source, because="these keys have their own algorithms")
    if settings.kid is not None and source not in {"secret", "secret_file", "pem_file"}:
        _refuse("kid", source, because="these keys have their own ids")
    if settings.algorithm is not None:
        is_hmac = algorithm_named(settings.algorithm).key_type == "oct"
        if is_hmac != source.startswith("secret"):
            _refuse("algorithm", source, because="the algorithm is for another type of key")


def check_introspection(settings: "TokenwardSettings") -> None:
    """Refuse an endpoint without credentials, and options without an endpoint.

    Raises:
        ConfigurationError: there is one.
    """
    if settings.introspection_url is None:
        for name in _INTROSPECTION:
            if getattr(settings, name) is not None:
                _refuse(name, "introspection_url", because="the option requires an endpoint")
        return

    for name, because in _NOT_OF_ANSWERS.items():
        if getattr(settings, name) is not None:
            _refuse(name, "introspection_url", because=because)
    if settings.type_source == "typ":
        _refuse("type_source", "introspection_url", because=_NO_HEADER)
    secrets = ("introspection_client_secret", "introspection_client_secret_file")
    given = [name for name in secrets if getattr(settings, name) is not None]
    if len(given) > 1:
        _refuse(*given, because="there must be one secret")
    if settings.introspection_client_id is None or not given:
        msg = (
            "introspection_url requires introspection_client_id, and introspection_client_secret_file "
            "or introspection_client_secret: the endpoint must know who asks."
        )
        raise ConfigurationError(msg)
    if settings.introspection_timeout is not None:
        checked_seconds(settings.introspection_timeout, "introspection_timeout")


def check_store(settings: "TokenwardSettings") -> None:
    """Refuse an option that the store does not have.

    Raises:
        ConfigurationError: there is one.
    """
    names = ("store_prefix", "store_schema", "store_timeout_seconds")
    given = [name for name in names if getattr(settings, name) is not None]
    if settings.store_url is None:
        if given:
            _refuse(given[0], "store_url", because="a store requires a URL")
        return

    url = settings.store_url.get_secret_value()
    kind = store_kind(url)
    if kind == "memory" and given:
        _refuse(given[0], "store_url", because="a store in memory has no such option")
    if settings.store_schema is not None and (kind != "sql" or url.startswith("sqlite")):
        because = "only PostgreSQL, MariaDB and MySQL have schemas"
        _refuse("store_schema", "store_url", because=because)


def _refuse(*names: str, because: str) -> NoReturn:
    both = " and ".join(f"{{{name}}}" for name in names)
    msg = f"{both} contradict each other: {because}."
    raise ConfigurationError(msg)
