"""Where an issuer publishes its keys: OpenID Connect Discovery, RFC 8414."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.keys.fetching import checked_url
from tokenward.keys.jwk_set import UnusableJwkSetError, read_object

if TYPE_CHECKING:
    import httpx

__all__ = ["WellKnown", "jwks_url", "metadata_url"]

WellKnown: TypeAlias = Literal["openid-configuration", "oauth-authorization-server"]


def metadata_url(issuer: str, well_known: WellKnown) -> str:
    """Return the URL of the metadata of an issuer (OpenID Connect Discovery §4, or RFC 8414 §3).

    Raises:
        ConfigurationError: the issuer is not a URL that `checked_url` accepts, or has a query.
    """
    checked_url(issuer, "issuer")
    if "?" in issuer:
        msg = "issuer must be a URL without a query (OpenID Connect Discovery §4)."
        raise ConfigurationError(msg)

    scheme, _, rest = issuer.partition("://")
    host, slash, path = rest.partition("/")
    path = (slash + path).removesuffix("/")
    # RFC 8414 §3.1 puts the well-known part before the path, OpenID Connect after it.
    suffix = f"/.well-known/{well_known}"
    path = path + suffix if well_known == "openid-configuration" else suffix + path
    return f"{scheme}://{host}{path}"


def jwks_url(metadata: bytes, issuer: str, *, allow_loopback: bool) -> "httpx.URL":
    """Return the URL of the JWK set in the metadata of an issuer.

    Args:
        metadata: the document at `metadata_url`.
        issuer: the issuer, which the metadata must name exactly.
        allow_loopback: whether the URL may be plain http to this machine.

    Raises:
        UnusableJwkSetError: the metadata is not JSON, is of another issuer, or has no ``jwks_uri``.
        ConfigurationError: the URL is not one that `checked_url` accepts.
    """
    members = read_object(metadata)
    url = members.get("jwks_uri")
    # OpenID Connect Discovery §4.3 and RFC 8414 §3.3: identical, or another issuer could answer for it.
    if members.get("issuer") != issuer or not isinstance(url, str):
        raise UnusableJwkSetError
    return checked_url(url, "jwks_uri", allow_loopback=allow_loopback)
