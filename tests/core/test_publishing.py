"""The published keys of a service: the documents, their caching, and what they never contain."""

import json
from datetime import timedelta

import pytest

from tests.support import NOW, SECRET
from tokenward import ConfigurationError, Key, KeyPublisher, KeyRing
from tokenward.http import RequestView

ISSUER = "https://shop.example"
JWKS = "/.well-known/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


class CountingKey(Key):
    """A key that counts how often it is exported."""

    __slots__ = ("shown",)

    def public_jwk(self):
        """Count the call, then export."""
        self.shown = getattr(self, "shown", 0) + 1
        return super().public_jwk()


def request(*conditions, method="GET"):
    """Return a request with these If-None-Match values."""
    headers = [(b"if-none-match", value) for value in conditions]
    return RequestView({"type": "http", "method": method, "headers": headers})


def ask(publisher, path=JWKS, *conditions, method="GET"):
    """Return the response to a request."""
    return publisher.respond(request(*conditions, method=method), path)


def test_the_key_set_is_that_of_the_ring():
    """The key set has the pending, active and verify-only keys, with its media type (RFC 7517 §5)."""
    old = Key.generate("RS256", kid="old")
    ring = KeyRing(Key.generate(kid="now"), verifiers=[old], pending=[Key.generate(kid="next")])
    answer = ask(KeyPublisher(ring))

    assert json.loads(answer.body) == ring.public_jwks()
    assert sorted(key["kid"] for key in json.loads(answer.body)["keys"]) == ["next", "now", "old"]
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_no_secret_and_no_private_member_is_published():
    """For a ring with secrets and private keys only public members are published."""
    ring = KeyRing(
        Key.generate("RS256"), verifiers=[Key.from_secret(SECRET, kid="s"), Key.generate("ES256")]
    )
    keys = json.loads(ask(KeyPublisher(ring)).body)["keys"]

    assert len(keys) == 2
    for key in keys:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def test_the_metadata_lead_to_the_keys():
    """Issuer, key set URL and algorithms are at both well-known paths (RFC 8414 §3 and §5)."""
    ring = KeyRing(Key.generate(), verifiers=[Key.generate("ES256"), Key.from_secret(SECRET)])
    publisher = KeyPublisher(ring, issuer=ISSUER)

    assert publisher.paths == (JWKS, METADATA, OPENID)
    for path in (METADATA, OPENID):
        answer = ask(publisher, path)
        assert answer.headers["Content-Type"] == "application/json"
        assert json.loads(answer.body) == {
            "issuer": ISSUER,
            "jwks_uri": ISSUER + JWKS,
            "access_token_signing_alg_values_supported": ["ES256", "Ed25519"],
        }


@pytest.mark.parametrize(
    ("issuer", "origin", "paths"),
    [
        (ISSUER + "/", ISSUER, (METADATA, OPENID)),
        (f"{ISSUER}:8443", f"{ISSUER}:8443", (METADATA, OPENID)),
        (f"{ISSUER}/eu", ISSUER, (f"{METADATA}/eu", f"/eu{OPENID}")),
        (f"{ISSUER}/eu/shop/", ISSUER, (f"{METADATA}/eu/shop", f"/eu/shop{OPENID}")),
        ("http://localhost:8000", "http://localhost:8000", (METADATA, OPENID)),
        ("http://127.0.0.1", "http://127.0.0.1", (METADATA, OPENID)),
        ("http://[::1]:1", "http://[::1]:1", (METADATA, OPENID)),
    ],
)
def test_an_issuer_with_a_path(issuer, origin, paths):
    """The issuer's path follows one well-known path and precedes the other, without a final slash."""
    publisher = KeyPublisher(KeyRing.generate(), issuer=issuer)

    assert publisher.paths == (JWKS, *paths)
    for path in paths:
        document = json.loads(ask(publisher, path).body)
        assert (document["issuer"], document["jwks_uri"]) == (issuer, origin + JWKS)


def test_without_an_issuer_there_is_the_key_set_alone():
    """Without an issuer there is only the key set."""
    assert KeyPublisher(KeyRing.generate()).paths == (JWKS,)


def test_further_metadata_are_added():
    """Additional metadata, such as endpoints, are added to those of the publisher."""
    further = {"token_endpoint": f"{ISSUER}/token", "response_types_supported": ["code"]}
    publisher = KeyPublisher(KeyRing.generate(), issuer=ISSUER, metadata=further)

    assert json.loads(ask(publisher, METADATA).body).items() >= further.items()


@pytest.mark.parametrize("max_age", [0, 1, 300, 86_400])
def test_how_long_a_copy_is_good(max_age):
    """Clients may cache a document for `max_age`; zero is a valid value."""
    publisher = KeyPublisher(KeyRing.generate(), max_age=timedelta(seconds=max_age))
    unsaid = KeyPublisher(KeyRing.generate())

    assert ask(publisher).headers["Cache-Control"] == f"public, max-age={max_age}"
    assert ask(unsaid).headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"issuer": "shop"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "http://shop.example"}, "issuer"),
        ({"issuer": "http://localhost.evil.example"}, "issuer"),
        ({"issuer": f"{ISSUER}?a=b"}, "issuer"),
        ({"issuer": f"{ISSUER}#a"}, "issuer"),
        ({"issuer": f"{ISSUER}/a b"}, "issuer"),
        ({"issuer": f"{ISSUER}/{{path}}"}, "issuer"),
        ({"issuer": f"{ISSUER}/<path>"}, "issuer"),
        ({"issuer": f"{ISSUER}\n"}, "issuer"),
        ({"issuer": "https://user:word@shop.example"}, "issuer"),
        ({"jwks_path": "jwks.json"}, "jwks_path"),
        ({"jwks_path": "/"}, "jwks_path"),
        ({"jwks_path": "/{tenant}/jwks.json"}, "jwks_path"),
        ({"jwks_path": METADATA, "issuer": ISSUER}, "paths of the metadata"),
        ({"max_age": timedelta(seconds=-1)}, "max_age"),
        ({"max_age": 300}, "max_age"),
        ({"metadata": {"a": "b"}}, "needs an issuer"),
        ({"metadata": {"issuer": "b"}, "issuer": ISSUER}, "must not contain"),
        ({"metadata": {"jwks_uri": "b"}, "issuer": ISSUER}, "must not contain"),
        ({"metadata": {"a": float("nan")}, "issuer": ISSUER}, "cannot be written as JSON"),
    ],
)
def test_settings_that_cannot_be_meant(settings, fault):
    """Invalid settings are refused when the publisher is created."""
    with pytest.raises(ConfigurationError, match=fault):
        KeyPublisher(KeyRing.generate(), **settings)


def test_secrets_alone_are_not_published():
    """A ring without public keys is refused when the publisher is created."""
    with pytest.raises(ConfigurationError, match="only secrets"):
        KeyPublisher(KeyRing.from_secret(SECRET))


def test_a_ring_that_comes_to_hold_secrets_alone_shows_an_empty_set():
    """If a ring loses its public keys, the key set is empty and the algorithms omitted (RFC 8414 §3.2)."""
    ring = KeyRing.generate()
    publisher = KeyPublisher(ring, issuer=ISSUER)
    ring.replace(KeyRing.from_secret(SECRET))

    assert ask(publisher).body == b'{"keys":[]}'
    assert json.loads(ask(publisher, METADATA).body) == {
        "issuer": ISSUER,
        "jwks_uri": ISSUER + JWKS,
    }


def test_a_change_of_the_ring_is_seen_at_once():
    """The next request after a publish, a rotation, a retirement or a key's expiry shows the change."""
    ring = KeyRing.generate(kid="a")
    publisher = KeyPublisher(ring, issuer=ISSUER)

    def kids():
        return [key["kid"] for key in json.loads(ask(publisher).body)["keys"]]

    assert kids() == ["a"]
    ring.publish(Key.generate("ES256", kid="b"))
    assert kids() == ["a", "b"]
    ring.rotate(next(key for key in ring if key.kid == "b"), verify_for=timedelta(1), now=NOW)
    assert kids() == ["b", "a"]
    ring.drop_expired(NOW + 86_400)
    assert kids() == ["b"]
    assert "Ed25519" not in ask(publisher, METADATA).body.decode()


@pytest.mark.parametrize("with_now", [True, False])
def test_an_expired_key_is_not_shown(clock, with_now):
    """An expired key is no longer published, even if no engine uses the ring."""
    ring = KeyRing.generate(kid="a")
    publisher = KeyPublisher(ring, issuer=ISSUER, clock=clock)
    ring.rotate(
        Key.generate("ES256", kid="b"),
        verify_for=timedelta(hours=1),
        now=clock() if with_now else None,
    )
    kids = []
    for seconds in (0, 3_599, 1):
        clock.advance(seconds)
        kids.append([key["kid"] for key in json.loads(ask(publisher).body)["keys"]])

    assert kids == [["b", "a"], ["b", "a"], ["b"]]
    assert "Ed25519" not in ask(publisher, METADATA).body.decode()


def test_documents_are_rendered_when_the_ring_changes_and_not_before():
    """A key is exported once per change of the ring, whatever the number of requests."""
    key = CountingKey.generate()
    ring = KeyRing(key)
    publisher = KeyPublisher(ring)
    at_first = key.shown
    for _ in range(10):
        ask(publisher)
    assert key.shown == at_first

    ring.publish(Key.generate())
    for _ in range(10):
        ask(publisher)
    assert key.shown == at_first + 1


def test_a_tag_is_strong_and_belongs_to_the_bytes():
    """Equal content has the same tag in every process; other content has another tag."""
    ring = KeyRing.generate()
    one, same = KeyPublisher(ring, issuer=ISSUER), KeyPublisher(ring, issuer=ISSUER)
    tag = ask(one).headers["ETag"]

    assert tag == ask(same).headers["ETag"]
    assert tag[0] == tag[-1] == '"'
    assert len(tag) == 45
    assert tag != ask(one, METADATA).headers["ETag"]
    assert tag != ask(KeyPublisher(KeyRing.generate())).headers["ETag"]


@pytest.mark.parametrize(
    "conditions",
    [
        ["{}"],
        ["W/{}"],
        ["*"],
        [" * "],
        ['"a", {}'],
        ['{},"a"'],
        ['"a",W/{} , W/"b"'],
        ['"a"', "{}"],
        [",, {} ,"],
        ['"a,b", {}'],
        ["\xff", "{}"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_the_document_is_told_so(conditions, method):
    """A tag that matches by weak comparison, or ``*``, gets 304 (RFC 9110 §13.1.2, §15.4.5)."""
    publisher = KeyPublisher(KeyRing.generate())
    tag = ask(publisher).headers["ETag"]
    sent = [value.replace("{}", tag).encode("latin-1") for value in conditions]
    answer = ask(publisher, JWKS, *sent, method=method)

    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers == {
        "Cache-Control": "public, max-age=300",
        "ETag": tag,
        "Access-Control-Allow-Origin": "*",
    }


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [""],
        ["\xff\xfe\x00"],
        ["{bare}"],
        ["'{bare}'"],
        ['"{bare}'],
        ['{bare}"'],
        ["w/{}"],
        ["W/ {}"],
        ["W/W/{}"],
        ["{} {}"],
        ["*, {bare}"],
        ["**"],
        ['"*"'],
        ['"' + "a" * 60_000],
        ['"a",' * 20_000],
        ["W/" * 20_000],
    ],
    ids=lambda value: str(value)[:12],
)
def test_who_has_something_else_gets_the_document(conditions):
    """Another tag, or a malformed one, gets the document."""
    publisher = KeyPublisher(KeyRing.generate())
    tag = ask(publisher).headers["ETag"]
    sent = [
        value.replace("{}", tag).replace("{bare}", tag.strip('"')).encode("latin-1")
        for value in conditions
    ]

    assert ask(publisher, JWKS, *sent).status == 200


def test_an_old_tag_gets_the_new_document():
    """A client with the tag from before a rotation gets the new document."""
    ring = KeyRing.generate()
    publisher = KeyPublisher(ring)
    tag = ask(publisher).headers["ETag"].encode()
    ring.publish(Key.generate())

    assert ask(publisher, JWKS, tag).status == 200


def test_head_has_the_headers_of_get():
    """HEAD gets the headers of GET without the body (RFC 9110 §9.3.2)."""
    publisher = KeyPublisher(KeyRing.generate())
    get, head = ask(publisher), ask(publisher, method="HEAD")

    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


@pytest.mark.parametrize("path", [JWKS, METADATA, OPENID])
def test_pages_of_every_origin_may_read_the_documents(path):
    """The documents are public: a page may read them, also with headers that need a preflight."""
    publisher = KeyPublisher(KeyRing.generate(), issuer=ISSUER)
    preflight = ask(publisher, path, method="OPTIONS")

    assert ask(publisher, path).headers["Access-Control-Allow-Origin"] == "*"
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "*",
        "Allow": "GET, HEAD, OPTIONS",
    }
