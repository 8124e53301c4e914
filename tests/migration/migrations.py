"""The migrations of the pages: where each program logs in and what its protected route answers."""

from dataclasses import dataclass, field

import httpx

from tests.migration.programs import DATE, Page, load

ALICE = {"username": "alice", "password": "wonderland"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One page, with what its program needs to be tested."""

    page: str
    """The name of the page, without ``migrating-`` and ``.md``."""
    replaced: tuple[str, ...]
    """The names of the old library that no program contains after the last step."""
    login: str = "/login"
    form: bool = False
    name: str = "alice"
    me: str = "/me"
    answer: dict[str, str] = field(default_factory=lambda: {"username": "alice"})
    issues_from: int = 2
    """The first step after which the program issues tokens of Tokenward."""
    refreshes: bool = False
    """Whether the old library has refresh tokens."""
    has_pairs: bool = True
    """Whether the new program issues refresh tokens."""
    edits: tuple[tuple[str, str], ...] = ()
    """Replacements in the program before the migration, for another library of the same page."""

    def text(self) -> Page:
        """Return the page."""
        return Page(f"migrating-{self.page}.md")

    @property
    def last(self) -> int:
        """The last step, after which old tokens are refused."""
        return max(self.text().steps)

    @property
    def has_former_engine(self) -> bool:
        """Whether old tokens have a separate engine."""
        return "FormerEngine" in self.text().program_at(1)

    def app_at(self, step, *, until):
        """Return the app after a step; old tokens are accepted until a time."""
        program = self.text().program_at(step)
        for before, after in self.edits if step < self.issues_from else ():
            assert before in program or step, before
            program = program.replace(before, after)
        return load(program, until=until if DATE in program else None).app

    async def log_in(self, client, **changes):
        """Return the response of a login."""
        data = {**ALICE, "username": self.name, **changes}
        content = {"data": data} if self.form else {"json": data}
        return await client.post(self.login, **content)

    async def ask(self, client, token):
        """Return the response of the protected route to a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await client.get(self.me, headers=headers)


TUTORIAL = Migration(
    page="fastapi-tutorial",
    replaced=("jwt.", "OAuth2PasswordBearer", "SECRET_KEY", "FormerEngine"),
    login="/token",
    form=True,
    me="/users/me",
)
MIGRATIONS = {
    "tutorial with PyJWT": TUTORIAL,
    "tutorial with python-jose": Migration(
        page=TUTORIAL.page,
        replaced=TUTORIAL.replaced,
        login=TUTORIAL.login,
        form=True,
        me=TUTORIAL.me,
        edits=(("import jwt\n", "from jose import jwt\n"), ("jwt.PyJWTError", "jwt.JWTError")),
    ),
    "authx": Migration(page="authx", replaced=("authx", "AuthX", "security."), refreshes=True),
    "flask-jwt-extended": Migration(
        page="flask-jwt-extended",
        replaced=("flask", "JWTManager", "get_jwt"),
        answer={"username": "alice", "plan": "free"},
        issues_from=1,
        refreshes=True,
    ),
    "quart-jwt-extended": Migration(
        page="quart-jwt-extended",
        replaced=("quart_jwt_extended", "JWTManager", "identity"),
        answer={"username": "alice", "plan": "free"},
        refreshes=True,
    ),
    "Litestar": Migration(
        page="litestar-jwt",
        replaced=("litestar.security", "jwt_auth", "extras", "FormerEngine"),
        answer={"username": "alice", "plan": "free"},
    ),
    "fastapi-users": Migration(
        page="fastapi-users",
        replaced=("JWTStrategy", "FormerEngine"),
        login="/auth/login",
        form=True,
        name="alice@shop.example",
        has_pairs=False,
        answer={"email": "alice@shop.example"},
    ),
}


class _WsgiTransport(httpx.AsyncBaseTransport):
    """Calls a WSGI app, as `httpx.WSGITransport` does for a synchronous client."""

    def __init__(self, app):
        self._transport = httpx.WSGITransport(app)

    async def handle_async_request(self, request):
        await request.aread()
        response = self._transport.handle_request(request)
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.read()
        )


def client_of(app):
    """Return a client of an ASGI app, or of a Flask app."""
    is_flask = type(app).__module__.startswith("flask.")
    transport = _WsgiTransport(app) if is_flask else httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="https://shop.example")
