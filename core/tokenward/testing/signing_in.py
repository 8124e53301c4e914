"""Log a test client in without a password."""

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from tokenward._arguments import kind_of
from tokenward.claims.actor import Actor
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import ConfigurationError
from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import Carrier
from tokenward.http.cookies import CookieCarrier
from tokenward.http.dpop_header import DPOP_HEADER
from tokenward.http.request import RequestView
from tokenward.http.token_auth import BaseTokenAuth
from tokenward.testing.clients import Prove, SendingClient, added_cookies, client_for
from tokenward.testing.dpop import DpopClient
from tokenward.testing.event_loop import run_coroutine
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey

__all__ = ["SignedIn", "signed_in"]

ClientT = TypeVar("ClientT")

_NOT_SENT: Final = (
    "The client would not send the token. Browsers send the cookies of a CookieCarrier only over "
    "https, so create the client with base_url='https://testserver'; with development=True only to "
    "localhost: base_url='http://localhost'."
)


def signed_in(  # noqa: PLR0913 - each is one part of a login
    client: ClientT,
    auth: BaseTokenAuth[Any, Any, Any],
    subject: str,
    *,
    scopes: Collection[str] = (),
    claims: Mapping[str, object] | None = None,
    fresh: bool = False,
    acr: str | None = None,
    actor: Actor | None = None,
    dpop: bool = False,
    engine: TokenEngine[Any] | None = None,
) -> "SignedIn[ClientT]":
    """Log a test client in for a block, without a password: its requests carry real tokens.

    ::

        with signed_in(client, auth, "alice", scopes=["orders:read"]):          # a sync test
            assert client.get("/orders").status_code == 200

        async with signed_in(client, auth, "alice", scopes=["orders:read"]):    # an async test
            assert (await client.get("/orders")).status_code == 200

    The app verifies the tokens as usual. The first carrier of `auth` that fits receives the access
    token: a header, or the cookies of a `CookieCarrier` with its CSRF header. A header that the test
    passes to a request takes precedence. At the end of the block the client has the same headers
    and cookies as before.

    With ``dpop=True`` the tokens are bound to a new key (RFC 9449), and each request has a new proof of
    this key, with the nonce if proofs need one. A proof that the test passes takes precedence.

    Args:
        client: a test client of FastAPI, Starlette, Litestar or Quart, or an httpx client.
        auth: the `TokenAuth` of the app.
        subject: the user; becomes ``sub``.
        scopes: the scopes that the token grants.
        claims: your own claims.
        fresh: whether the user has just logged in.
        acr: the level at which the user logged in.
        actor: who acts for the user; None: the user in person.
        dpop: whether the tokens are bound to a key, as ``required(dpop="required")`` demands.
        engine: issues the tokens. Needed only if the engine of `auth` is an `Issuers`.

    Raises:
        ConfigurationError: no carrier of `auth` is a header or a `CookieCarrier`, the client would
            not send the token, `dpop` is set and `auth` has no `DpopVerifier`, or an argument of the
            token is invalid (see `TokenEngine.issue`).
        TypeError: `client` or `auth` has another type, or the engine of `auth` issues no tokens.
        RuntimeError: `with` inside a running event loop: write ``async with``.

    Not checked: that the app uses `auth`. With `dpop`, Quart's ``follow_redirects`` repeats a proof,
    which is refused.
    """
    if not isinstance(auth, BaseTokenAuth):
        msg = f"auth must be the TokenAuth of the app, not {kind_of(auth)}."
        raise TypeError(msg)
    issuer = auth.authenticator.engine if engine is None else engine
    if not isinstance(issuer, TokenEngine):
        msg = (
            "The engine of auth issues no tokens: pass engine=, the engine that should issue them."
        )
        raise TypeError(msg)
    proofs = _Proofs(auth.authenticator) if dpop else None

    async def issue() -> TokenPair:
        options: dict[str, Any] = {"scopes": scopes, "claims": claims, "fresh": fresh}
        options |= {"acr": acr, "actor": actor, "bound_to": proofs and proofs.key}
        if issuer.policy.type_source == "claim":
            return await issuer.issue_pair(subject, **options)
        token = await issuer.issue(subject, **options)  # the policy knows no refresh tokens
        return TokenPair(token, refresh_token="", expires_in=None)

    return SignedIn(client, auth.authenticator, issue, proofs)


class _Proofs:
    """The key of a logged-in client, and its proofs."""

    def __init__(self, authenticator: Authenticator[Any]) -> None:
        """Generate a key that the verifier of a service accepts."""
        # Imported only for services with DPoP.
        from tokenward.http.dpop import DpopVerifier

        verifier = authenticator.dpop
        if not isinstance(verifier, DpopVerifier):
            msg = (
                "dpop=True needs a TokenAuth that verifies proofs: TokenAuth(engine, "
                "dpop=DpopVerifier('https://api.example', store=store))."
            )
            raise ConfigurationError(msg)
        url, algorithm = verifier.public_urls[0], verifier.algorithms[0]
        self._client = DpopClient(url, algorithm=algorithm, clock=authenticator.engine.now)
        self._verifier = verifier
        self._now = authenticator.engine.now
        self.key: ProvenKey = ProvenKey(self._client.thumbprint)

    def prove_with(self, token: str) -> Prove:
        """Return what makes the proofs of requests with a token."""

        def prove(method: str, path: str) -> str:
            nonce = self._verifier.nonce(self._now())
            return self._client.proof(method, path, token=token, nonce=nonce)

        return prove


class SignedIn(Generic[ClientT]):
    """A client that is logged in during a ``with`` or ``async with`` block; see `signed_in`."""

    def __init__(
        self,
        client: ClientT,
        authenticator: Authenticator[Any],
        issue: Callable[[], Coroutine[Any, Any, TokenPair]],
        proofs: _Proofs | None,
    ) -> None:
        """Prepare the login; `issue` returns its tokens, which are bound to the key of `proofs`."""
        self._client = client
        self._sending = client_for(client)
        self._authenticator = authenticator
        self._issue = issue
        self._proofs = proofs
        self._stack = ExitStack()

    def __enter__(self) -> ClientT:
        """Log the client in; return the client."""
        # The loop of the app: a store may belong to it.
        portal = getattr(self._client, "blocking_portal", getattr(self._client, "portal", None))
        if portal is not None and hasattr(portal, "call"):
            return self._begin(portal.call(self._issue))
        return self._begin(run_coroutine(self._issue, "async with signed_in(...)"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log the client out; the tokens stay valid."""
        self._stack.close()

    async def __aenter__(self) -> ClientT:
        """Log the client in; return the client."""
        return self._begin(await self._issue())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log the client out; the tokens stay valid."""
        self._stack.close()

    def _begin(self, pair: TokenPair) -> ClientT:
        with ExitStack() as stack:
            carrier = self._add_credentials(stack, pair)
            sent = carrier.read_token(self._sending.request_view(), "access")
            if sent != pair.access_token.encode():
                raise ConfigurationError(_NOT_SENT)
            self._stack = stack.pop_all()
        return self._client

    def _add_credentials(self, stack: ExitStack, pair: TokenPair) -> Carrier:
        """Add the tokens to the client, and return the carrier that reads them."""
        if self._proofs is not None:
            prove = self._proofs.prove_with(pair.access_token)
            authorization = f"{DPOP_HEADER.scheme} {pair.access_token}"
            stack.enter_context(self._sending.added_token(authorization, prove))
            return DPOP_HEADER
        for carrier in self._authenticator.carriers:
            if isinstance(carrier, CookieCarrier):
                stack.enter_context(_with_cookies(self._sending, carrier, pair))
                return carrier
            header = _header_of(carrier, pair.access_token)
            if header is not None:
                stack.enter_context(self._sending.added_headers(header))
                return carrier

        msg = (
            "No carrier of auth is a header or a CookieCarrier, so the client cannot send the token "
            "with every request: pass the token of engine.issue(...) in the test."
        )
        raise ConfigurationError(msg)


@contextmanager
def _with_cookies(client: SendingClient, carrier: CookieCarrier, pair: TokenPair) -> Iterator[None]:
    """Send the cookies of a pair, and its CSRF token in the header."""
    proof = {carrier.csrf.header: pair.csrf_token or ""}
    with added_cookies(client, carrier.set_cookies(pair)), client.added_headers(proof):
        yield


def _header_of(carrier: Carrier, token: str) -> Mapping[str, str] | None:
    """Return the header in which a carrier finds a token; None if it reads no header."""
    name = str(carrier.security_scheme.get("name", "Authorization"))
    for value in (f"{carrier.scheme} {token}", token):
        headers = [(name.lower().encode(), value.encode())]
        view = RequestView({"type": "http", "method": "GET", "headers": headers})
        if carrier.read_token(view, "access") == token.encode():
            return {name: value}
    return None
