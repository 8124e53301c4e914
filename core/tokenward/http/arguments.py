"""Checks of the arguments of an `Authenticator`, and of requirements that it cannot check."""

from typing import Any

from tokenward._arguments import check_methods, kind_of
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import ConfigurationError
from tokenward.http.requirement import Requirement
from tokenward.http.resource_metadata import ResourceMetadata

__all__ = [
    "check_authenticator_arguments",
    "check_key_checks",
    "check_key_requirement",
    "check_without_request",
]


def check_authenticator_arguments(
    *, engine: object, realm: object, resource: object, dpop: object, mtls: object
) -> None:
    """Refuse arguments of `Authenticator` that have the wrong type.

    Raises:
        ConfigurationError: an argument is not what its name says; the message names the fix.
    """
    if isinstance(engine, type) or not isinstance(engine, TokenVerifier):
        msg = (
            f"engine must be a TokenEngine or Issuers, not {kind_of(engine)}: "
            "pass TokenEngine(KeyRing.from_secret(...))."
        )
        raise ConfigurationError(msg)
    if not isinstance(realm, str):
        msg = "realm must be a string, as in realm='api'."
        raise ConfigurationError(msg)
    if resource is not None and not isinstance(resource, ResourceMetadata):
        msg = f"resource must be a ResourceMetadata, not {kind_of(resource)}."
        raise ConfigurationError(msg)
    check_key_checks(dpop=dpop, mtls=mtls)


def check_key_checks(*, dpop: object, mtls: object) -> None:
    """Refuse objects that check no keys of clients; None is accepted.

    Raises:
        ConfigurationError: `dpop` is no `DpopVerifier`, or `mtls` no source of certificates.
    """
    if dpop is not None:
        example = "dpop=DpopVerifier('https://api.example', store=store)"
        check_methods(dpop, ("algorithms", "check", "consume", "nonce"), "dpop", example)
    if mtls is not None:
        check_methods(mtls, ("thumbprint",), "mtls", "mtls=TlsCertificate()")


def check_key_requirement(requirement: Requirement[Any], *, dpop: object, mtls: object) -> None:
    """Refuse a requirement that needs a check of keys, if there is none.

    Raises:
        ConfigurationError: it requires DPoP or a certificate.
    """
    if requirement.mtls == "required" and mtls is None:
        msg = "mtls='required' needs a source of certificates: TokenAuth(engine, mtls=TlsCertificate())."
        raise ConfigurationError(msg)
    if requirement.dpop == "required" and dpop is None:
        msg = (
            "dpop='required' needs a verifier: "
            "TokenAuth(engine, dpop=DpopVerifier('https://api.example', store=store))."
        )
        raise ConfigurationError(msg)


def check_without_request(requirement: object) -> None:
    """Refuse a requirement that a token without a request cannot meet.

    Raises:
        TypeError: it is not a `Requirement`.
        ConfigurationError: it is optional, or requires a bound token.
    """
    if not isinstance(requirement, Requirement):
        msg = (
            f"requirement must be a Requirement, not {kind_of(requirement)}: "
            "pass Requirement(scopes=['orders:read'])."
        )
        raise TypeError(msg)
    if requirement.optional:
        msg = (
            "verify always needs a token: pass a requirement that is not optional, and call "
            "verify only if there is a token."
        )
        raise ConfigurationError(msg)
    if requirement.is_for_bound_tokens:
        msg = (
            "verify knows no request, which would prove the key: omit dpop='required' and "
            "mtls='required'."
        )
        raise ConfigurationError(msg)
