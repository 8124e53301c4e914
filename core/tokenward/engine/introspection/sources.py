"""What an engine for introspected tokens has in place of keys, signatures and the text of a token."""

import math
import re
from contextlib import AsyncExitStack
from typing import Final, Generic, Self, TypeVar
from weakref import ref

from tokenward.claims.model import Claims
from tokenward.engine.introspection.introspector import Introspector
from tokenward.errors import (
    MalformedTokenError,
    SigningKeyError,
    TokenRevokedError,
    UnknownKeyError,
)
from tokenward.jose.compact import CompactJws, VerifiedJws
from tokenward.jose.key import Key
from tokenward.jose.key_source import Closable, KeySource

__all__ = ["IntrospectedJws", "IntrospectionKeys", "TokenTexts"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

# RFC 6749 appendix A.12: visible characters. A token with others was never issued.
_TOKEN: Final = re.compile(r"[!-~]+")
_NOT_ACTIVE: Final = "The token is not active: it has expired, has been revoked, or is unknown."


class IntrospectionKeys:
    """No keys: the tokens have no signature. Closes the introspector, and the keys of signed answers."""

    can_sign: bool = False
    version: int = 0
    due_at: float = math.inf

    def __init__(self, introspector: Introspector) -> None:
        """Take what asks the endpoint."""
        self._introspector = introspector

    @property
    def sources(self) -> tuple[KeySource, ...]:
        """The keys of signed answers."""
        return self._introspector.key_sources

    async def prepare(self, now: float) -> None:
        """Do nothing: the keys of signed answers are fetched with an answer."""

    def find(self, *, kid: str | None, algorithm: str) -> Key:  # noqa: ARG002 - there is none
        """Raise `UnknownKeyError`."""
        raise UnknownKeyError

    async def fetch_for(self, kid: str | None, now: float) -> bool:  # noqa: ARG002 - there is none
        """Return False."""
        return False

    def signing_key(self) -> Key:
        """Raise `SigningKeyError`: the tokens are the issuer's."""
        raise SigningKeyError

    async def aclose(self) -> None:
        """Cancel the requests, and close the keys of signed answers."""
        async with AsyncExitStack() as stack:
            for source in self.sources:
                if isinstance(source, Closable):
                    stack.push_async_callback(source.aclose)
            stack.push_async_callback(self._introspector.aclose)


class IntrospectedJws(CompactJws):
    """Returns the members of an answer in place of the payload of a token."""

    __slots__ = ("_introspector",)

    def __init__(self, keys: KeySource, introspector: Introspector, *, max_bytes: int) -> None:
        """Take what asks the endpoint, and the maximum length of a token."""
        super().__init__(keys, max_bytes=max_bytes)
        self._introspector = introspector

    def __deepcopy__(self, memo: object) -> Self:
        """Return the object itself, which keeps nothing of an engine."""
        return self

    async def verify_or_fetch(self, text: str, now: float) -> VerifiedJws:
        """Return what the endpoint says about an active token.

        Raises:
            MalformedTokenError: the text has a character that no token has.
            TokenRevokedError: the token is not active.
            StoreUnavailableError: the endpoint did not answer in time, or not as it must.
        """
        if not _TOKEN.fullmatch(text):
            raise MalformedTokenError
        answer = await self._introspector.ask(text, now)
        if answer.payload is None:
            raise TokenRevokedError(_NOT_ACTIVE)
        return VerifiedJws(answer.payload, None, 0)


class TokenTexts(Generic[ClaimsT]):
    """The tokens of claims that are in use: to check claims again, the endpoint needs the token."""

    def __init__(self) -> None:
        """Start without claims."""
        self._texts: dict[int, tuple[ref[ClaimsT], str]] = {}

    def __deepcopy__(self, memo: object) -> Self:
        """Return an empty object: the copy of an engine has decoded nothing."""
        return type(self)()

    def __len__(self) -> int:
        """Count the claims that are in use."""
        return len(self._texts)

    def keep(self, claims: ClaimsT, text: str) -> None:
        """Keep the token of claims for as long as the claims exist."""
        name, texts = id(claims), self._texts
        # By identity, because claims may have values without a hash.
        texts[name] = ref(claims, lambda _: texts.pop(name, None)), text

    def text_of(self, claims: ClaimsT) -> str | None:
        """Return the token of claims; None: they are not an object that was kept."""
        kept, text = self._texts.get(id(claims), (None, ""))
        return text if kept is not None and kept() is claims else None
