"""Where an issuer publishes its keys: OpenID Connect Discovery, RFC 8414."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.keys.fetching import checked_url
from tokenward.keys.jwk_set import read_object
from tokenward.keys.outages import UnusableResponseError
from tokenward.keys.remote_options import checked_hosts

if TYPE_CHECKING:
    import httpx

__all__ = ["WellKnown", "jwks_url", "metadata_url"]

WellKnown: TypeAlias = Literal["openid-configuration", "oauth-authorization-server"]


def metadata_url(
    issuer: str, well_known: WellKnown, *, url: str | None, plain_http_hosts: Collection[str]
) -> str:
    """Return the URL of the metadata of an issuer (OpenID Connect Discovery §4, or RFC 8414 §3).

    Args:
        issuer: the issuer.
        well_known: the kind of metadata.
        url: the address of the issuer in your own network; None: the issuer itself.
        plain_http_hosts: the hosts to which plain http is accepted.

    Raises:
        ConfigurationError: the issuer or the URL is not one that `checked_url` accepts, or has a
            query, or the hosts are invalid.
    """
    hosts = checked_hosts(plain_http_hosts)
    address = issuer if url is None else url
    for setting, value in (("issuer", issuer), ("url", address)):
        checked_url(value, setting, plain_http_hosts=hosts)
        if "?" in value:
            msg = f"{setting} must be a URL without a query (OpenID Connect Discovery §4)."
            raise ConfigurationError(msg)

    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    path = (slash + path).removesuffix("/")
    # RFC 8414 §3.1 puts the well-known part before the path, OpenID Connect after it.
    suffix = f"/.well-known/{well_known}"
    path = path + suffix if well_known == "openid-configuration" else suffix + path
    return f"{scheme}://{host}{path}"


def jwks_url(
    metadata: bytes, issuer: str, *, allow_loopback: bool, plain_http_hosts: Collection[str]
) -> "httpx.URL":
    """Return the URL of the JWK set in the metadata of an issuer.

    Args:
        metadata: the document at `metadata_url`.
        issuer: the issuer, which the metadata must name exactly.
        allow_loopback: whether the URL may be plain http to this machine.
        plain_http_hosts: the other hosts to which plain http is accepted.

    Raises:
        UnusableResponseError: the metadata is not JSON, is of another issuer, or has no
            ``jwks_uri``.
        ConfigurationError: the URL is not one that `checked_url` accepts.
    """
    members = read_object(metadata)
    named, url = members.get("issuer"), members.get("jwks_uri")
    # OpenID Connect Discovery §4.3 and RFC 8414 §3.3: identical, or another issuer could answer for it.
    if named != issuer:
        msg = "The metadata is of another issuer."
        if isinstance(named, str) and named.rstrip("/") == issuer.rstrip("/"):
            msg = "The issuer in the metadata differs from yours in the slash at the end."
        raise UnusableResponseError(msg)
    if not isinstance(url, str):
        msg = "The metadata has no jwks_uri."
        raise UnusableResponseError(msg)
    return checked_url(
        url, "jwks_uri", allow_loopback=allow_loopback, plain_http_hosts=plain_http_hosts
    )
