"""The login at an identity provider with which a session began, so that the provider can end it."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.codec import b64url_encode
from tokenward.stores.identities import prefix_of
from tokenward.tokens.identity import new_identity

__all__ = ["LoginNames", "ProviderLogin", "denials_of", "names_in", "session_begun_by"]

# As a `PrefixedStore` would name it, so that no identity of an engine has this name.
_PREFIX: Final = prefix_of("provider-login")
# 132 bits of a SHA-256.
_LETTERS: Final = 22
_SID: Final = re.compile(
    rf"[0-9a-f]{{32}}:login:([A-Za-z0-9_-]{{{_LETTERS}}})?:([A-Za-z0-9_-]{{{_LETTERS}}})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLogin:
    """A login at an OpenID provider: the ``iss``, ``sub`` and ``sid`` of its verified ID token.

    Raises:
        TypeError: a value is not text.
        ConfigurationError: a value is empty, or `subject` and `session` are both None.
    """

    issuer: str
    """The ``iss``, exactly as in the ID token."""
    subject: str | None = None
    """The ``sub``. `TokenEngine.issue_pair` needs it."""
    session: str | None = None
    """The ``sid`` (OpenID Connect Back-Channel Logout §2.1); None: the provider sends none."""

    def __post_init__(self) -> None:
        """Validate the values."""
        for name in ("issuer", "subject", "session"):
            value = getattr(self, name)
            if value is None and name != "issuer":
                continue
            if not isinstance(value, str):
                msg = f"{name} must be text, not {kind_of(value)}: pass the claim of the ID token."
                raise TypeError(msg)
            if not value:
                msg = f"{name} must not be empty."
                raise ConfigurationError(msg)
        if self.subject is None and self.session is None:
            msg = "A ProviderLogin needs a subject, a session, or both."
            raise ConfigurationError(msg)


class LoginNames(NamedTuple):
    """The names in a store of the login with which a session began."""

    session: str | None
    subject: str


def session_begun_by(login: ProviderLogin) -> str:
    """Return a new ``sid`` that contains digests of a login.

    The ``sid`` is in every token of the session, and no claims model can hide it.

    Raises:
        TypeError: it is not a `ProviderLogin`.
        ConfigurationError: the login has no subject.
    """
    _check(login)
    if login.subject is None:
        msg = "A session needs the subject of its login: ProviderLogin(issuer=..., subject=...)."
        raise ConfigurationError(msg)
    of_session = "" if login.session is None else _digest("sid", login.issuer, login.session)
    kind = "sub-without-sid" if login.session is None else "sub"
    return f"{new_identity()}:login:{of_session}:{_digest(kind, login.issuer, login.subject)}"


def names_in(sid: str) -> LoginNames | None:
    """Return the names of the login in a ``sid``; None: the session did not begin with a login."""
    found = _SID.fullmatch(sid)
    if found is None:
        return None
    return LoginNames(found[1] and _PREFIX + found[1], _PREFIX + found[2])


def denials_of(login: ProviderLogin) -> list[tuple[Literal["session", "subject"], str]]:
    """Return what denies the sessions that began with a login: kinds of revocations, and names.

    A login without a session means all sessions of the subject. A login with a session means that
    session, and those of the subject of which the session at the provider is unknown.

    Raises:
        TypeError: it is not a `ProviderLogin`.
    """
    _check(login)
    denials: list[tuple[Literal["session", "subject"], str]] = []
    if login.session is not None:
        denials.append(("session", _PREFIX + _digest("sid", login.issuer, login.session)))
    if login.subject is not None:
        kinds = ("sub-without-sid",) if login.session is not None else ("sub", "sub-without-sid")
        names = [_PREFIX + _digest(kind, login.issuer, login.subject) for kind in kinds]
        denials += [("subject", name) for name in names]
    return denials


def _check(login: object) -> None:
    if not isinstance(login, ProviderLogin):
        msg = (
            f"The login must be a ProviderLogin, not {kind_of(login)}: "
            "pass ProviderLogin(issuer=..., subject=..., session=...)."
        )
        raise TypeError(msg)


def _digest(*parts: str) -> str:
    # JSON keeps the parts apart, and writes every text as ASCII.
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return b64url_encode(digest)[:_LETTERS]
