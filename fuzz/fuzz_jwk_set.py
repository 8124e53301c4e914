"""The JWK set of another issuer (RFC 7517 §5), and its metadata: any bytes as the response."""

import contextlib
import json
from collections.abc import Iterator

from fuzz.harness import fuzz, instrumented
from fuzz.vectors import examples_of_keys, public_part

with instrumented(__name__):
    from tokenward import KeyRing
    from tokenward.errors import ConfigurationError, InvalidTokenError
    from tokenward.keys.discovery import jwks_url
    from tokenward.keys.fetching import FetchedDocument, freshness_seconds
    from tokenward.keys.jwk_set import JwkSet
    from tokenward.keys.outages import UnusableResponseError

_ISSUER = "https://login.example"
_ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
_MOST_KEYS = 100


def check(data: bytes) -> None:
    """Read a key set, with and without a list of algorithms, and the metadata that lead to it."""
    for algorithms in (None, _ALGORITHMS):
        _read(data, algorithms)
    with contextlib.suppress(ConfigurationError):
        KeyRing.from_jwk_set(data)

    try:
        url = jwks_url(data, _ISSUER, allow_loopback=False, plain_http_hosts=())
    except (UnusableResponseError, ConfigurationError):
        pass
    else:
        assert (url.scheme, url.userinfo) == ("https", b"")
        assert url.host, "Keys would be fetched from nowhere."

    seconds = freshness_seconds(FetchedDocument(b"", data.decode("latin-1"), "0", ""))
    assert seconds is None or 0 <= seconds <= 10**9


def _read(data: bytes, algorithms: frozenset[str] | None) -> None:
    try:
        found = JwkSet.read(data, algorithms=algorithms, known=None)
    except UnusableResponseError:
        return

    again = JwkSet.read(data, algorithms=algorithms, known=found)
    assert again.keys == found.keys, "A key that stays in a set is another object."
    assert 0 < len(found) <= _MOST_KEYS
    for each in found.published:
        assert not each.key.can_sign, "A private key of a set is used."
        assert each.key.algorithm.key_type != "oct", "A secret of a set is used."
        assert not (algorithms is not None and algorithms.isdisjoint(each.key.algorithm_names)), (
            "A key of another algorithm is used."
        )
        _find(found, each.kid, each.key.algorithm.name)


def _find(found: JwkSet, kid: str | None, algorithm: str) -> None:
    try:
        key = found.find(kid=kid, algorithm=algorithm)
    except InvalidTokenError:
        if kid is not None:
            raise
        return
    assert algorithm in key.algorithm_names


def seeds() -> Iterator[bytes]:
    """Return sets of the keys of the RFCs, metadata, and directives of caches."""
    jwks = [{**public_part(each["jwk"]), "kid": each["source"]} for each in examples_of_keys()]
    public = [jwk for jwk in jwks if jwk["kty"] != "oct"]
    yield json.dumps({"keys": [*jwks, {"kty": "EC"}, 1, None, {**public[0], "kid": None}]}).encode()
    for jwk in public:
        yield json.dumps({"keys": [jwk, {**jwk, "use": None, "key_ops": None}]}).encode()
        yield json.dumps({"keys": [{**jwk, "use": "jwt-svid"}, {**jwk, "kid": "2"}]}).encode()
    yield json.dumps({"keys": [each["jwk"] for each in examples_of_keys()]}).encode()
    yield json.dumps({"issuer": _ISSUER, "jwks_uri": _ISSUER + "/jwks.json"}).encode()
    yield json.dumps({"issuer": _ISSUER, "jwks_uri": "http://user@127.0.0.1:80/?a#b"}).encode()
    yield b'public, max-age="300", max-age=60, no-store'


if __name__ == "__main__":
    fuzz(check)
