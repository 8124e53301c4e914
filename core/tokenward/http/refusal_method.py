"""`Authenticator.refusal`: the response for an error, with the challenge of one service."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from tokenward.claims.model import Claims
from tokenward.errors import TokenError
from tokenward.http.carriers import Carrier
from tokenward.http.dpop_header import DPOP_HEADER
from tokenward.http.key_binding import DpopChecks
from tokenward.http.refusal import Refusal
from tokenward.http.requirement import Requirement
from tokenward.http.resource_metadata import ResourceMetadata

__all__ = ["RefusalMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class RefusalMethod(Generic[ClaimsT]):
    """The method `refusal` of `Authenticator`, whose constructor sets the attributes."""

    carriers: tuple[Carrier, ...]
    dpop: DpopChecks | None
    realm: str
    resource: ResourceMetadata | None

    def refusal(
        self,
        error: TokenError,
        requirement: Requirement[ClaimsT] | None = None,
        *,
        further_scopes: Sequence[str] = (),
    ) -> Refusal:
        """Return the HTTP response for an error, with this authenticator's challenge.

        Args:
            error: the error that `authenticate` or another method raised.
            requirement: what the route requires, if known.
            further_scopes: as for `authenticate`.
        """
        scheme, realm, resource = self.carriers[0].scheme, self.realm, self.resource
        algorithms: Sequence[str] = ()
        if self.dpop is not None:
            algorithms = self.dpop.algorithms
            if requirement is not None and requirement.dpop == "required":
                scheme = DPOP_HEADER.scheme
        if resource is None:
            return Refusal.from_error(error, scheme=scheme, realm=realm, dpop_algorithms=algorithms)

        scopes = () if requirement is None else requirement.sufficient_scopes(further_scopes)
        return Refusal.from_error(
            error,
            scheme=scheme,
            realm=realm,
            resource_metadata=resource.url,
            scopes=scopes,
            dpop_algorithms=algorithms,
        )
