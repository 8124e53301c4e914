"""Request bodies that are no login: every POST route of the three examples refuses or ignores them."""

import httpx
import pytest

from serving import app_of
from tests.e2e.pages import USER

JSON = "application/json"
DEEP = 100_000
MARK = b"do-not-repeat-me"  # a value that no response may repeat
HOSTILE = {
    "not UTF-8": (b"\xff\xfe" + MARK, JSON),
    "not UTF-8 in a string": b'{"username":"\xff","password":"%s"}' % MARK,
    "UTF-16": f'["{MARK.decode()}"]'.encode("utf-16"),
    "cut JSON": b'{"username":"%s' % MARK,
    "no JSON": MARK,
    "list": b'["%s"]' % MARK,
    "text": b'"%s"' % MARK,
    "number": b"1",
    "null": b"null",
    "no members": b"{}",
    "a missing member": b'{"password":"%s"}' % MARK,
    "a number as a member": b'{"username":1,"password":"%s"}' % MARK,
    "null as a member": b'{"username":null,"password":"%s"}' % MARK,
    "a list as a member": b'{"username":["%s"],"password":"x"}' % MARK,
    "a number as a device": b'{"username":"test","password":"test","device":1}',
    "an empty device": b'{"username":"test","password":"test","device":""}',
    "a long device": b'{"username":"test","password":"test","device":"%s"}' % (MARK * 10),
    "a device of two lines": b'{"username":"test","password":"test","device":"%s\\n"}' % MARK,
    "a device that is half a surrogate pair": b'{"username":"test","password":"test","device":"\\ud800"}',
    "NaN": b'{"username":NaN,"password":"%s"}' % MARK,
    "a number without end": b'{"username":1e999,"password":"%s"}' % MARK,
    "5,000 digits": b'{"username":%s,"password":"%s"}' % (b"9" * 5_000, MARK),
    "half a surrogate pair": b'{"username":["\\ud800"],"password":"%s"}' % MARK,
    "half a surrogate pair as a name": b'{"\\ud800":"%s"}' % MARK,
    "open brackets": b"[" * DEEP,
    "nested lists": b"[" * DEEP + b"]" * DEEP,
    "nested objects": b'{"username":' * DEEP,
    "nested lists as a member": b'{"username":%s}' % (b"[" * DEEP + b"]" * DEEP),
    "lists that Python can parse": b'{"username":%s}' % (b"[" * 500 + b"]" * 500),
    "nothing": b"",
    "nothing without a type": (b"", None),
    "a form": (b"username=%s&password=test" % MARK, "application/x-www-form-urlencoded"),
    "a multipart form": (b"--x\r\n\r\n%s\r\n--x--" % MARK, "multipart/form-data; boundary=x"),
    "a multipart form without boundary": (b"--x" + MARK, "multipart/form-data"),
    "MessagePack": (b"\x81\xa8username\xb0" + MARK, "application/x-msgpack"),
    "not UTF-8 in an unknown type": (b"\xff" + MARK, "a/b"),
    "not UTF-8 without a type": (b"\xff" + MARK, None),
    "an invalid type": (b"{}", "\xff/;;"),
}
TAKE_A_LOGIN = ["/login", "/session"]
TAKE_NO_BODY = {
    "/refresh": "refresh_token",
    "/session/refresh": "refresh_token",
    "/session/logout": "refresh_token",
    "/session/logout/everywhere": "refresh_token",
    "/orders": "access_token",
}


@pytest.fixture
async def client(framework):
    """Return a client of the example in one framework, which sees a crash as a 500."""
    transport = httpx.ASGITransport(app_of(framework), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        yield client


def content_of(name):
    """Return the body and the headers of one request."""
    body, kind = HOSTILE[name] if isinstance(HOSTILE[name], tuple) else (HOSTILE[name], JSON)
    return {
        "content": body,
        "headers": {} if kind is None else {"Content-Type": kind.encode("latin-1")},
    }


def test_these_are_all_post_routes():
    """A new route must be added to one of the two lists."""
    paths = app_of("fastapi").openapi()["paths"]
    posts = {path for path, operations in paths.items() if "post" in operations}
    assert posts == {*TAKE_A_LOGIN, *TAKE_NO_BODY}


@pytest.mark.parametrize("path", TAKE_A_LOGIN)
async def test_a_login_refuses_every_other_body(client, path):
    """The answer is a 400 in JSON, which sets no cookie and repeats nothing of the body."""
    for name in HOSTILE:
        answer = await client.post(path, **content_of(name))
        assert (name, answer.status_code) == (name, 400)
        assert isinstance(answer.json()["detail"], str)
        assert MARK.decode() not in answer.text
        assert "Set-Cookie" not in answer.headers
    assert (await client.post(path, json=USER)).status_code == 200


@pytest.mark.parametrize(("path", "kind"), TAKE_NO_BODY.items())
async def test_the_other_routes_ignore_the_body(client, path, kind):
    """With a token the answer is that of an empty body, without a token a 401 with its code."""
    for name in HOSTILE:
        request = content_of(name)
        answer = await client.post(path, **request)
        assert (name, answer.status_code) == (name, 401)
        assert answer.json()["code"] == "token_missing"

        token = (await client.post("/login", json=USER)).json()[kind]
        request["headers"]["Authorization"] = f"Bearer {token}"
        answer = await client.post(path, **request)
        assert (name, answer.status_code) == (name, 200)
        client.cookies.clear()
