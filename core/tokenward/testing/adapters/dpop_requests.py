"""Requests with DPoP proofs, each with the response that every adapter must send (RFC 9449)."""

import hashlib
import json
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from tokenward.jose.codec import b64url_encode
from tokenward.jose.key import Key
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Answer, Case
from tokenward.testing.adapters.service import Headers, bearer, shop_token
from tokenward.testing.adapters.tokens import NOW, SECRET, signed

__all__ = ["ALGORITHMS", "DPOP_CASES", "PUBLIC_URL", "UNBOUND", "bound_token", "dpop_headers"]

PUBLIC_URL: Final = "https://api.example"
ALGORITHMS: Final = ("ES256", "Ed25519", "PS256")
UNBOUND: Final = shop_token(scope="orders:read")
_KEY: Final = Key.generate("ES256")
_OTHER_KEY: Final = Key.generate("ES256")
_NUMBERS: Final = count()
_ALGS: Final = f'algs="{" ".join(ALGORITHMS)}"'


def bound_token(key: Key = _KEY, **changes: object) -> str:
    """Return an access token that is bound to a key."""
    return shop_token(**{"scope": "orders:read", "cnf": {"jkt": key.thumbprint}, **changes})


_BOUND: Final = bound_token()


def _jwk(key: Key = _KEY, /, **changes: Any) -> dict[str, object]:
    jwk = {name: value for name, value in key.public_jwk().items() if name in _MATERIAL}
    return _changed(jwk, changes)


_MATERIAL: Final = {"kty", "crv", "x", "y", "n", "e"}


def _changed(members: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return members with changes; `...` removes one."""
    both = {**members, **changes}
    return {name: value for name, value in both.items() if value is not ...}


def _hash(token: str) -> str:
    return b64url_encode(hashlib.sha256(token.encode()).digest())


def _proof(
    *,
    token: str = _BOUND,
    key: Key = _KEY,
    head: Mapping[str, object] | bytes = {},
    **changes: object,
) -> str:
    """Return a proof for GET /bound at the time of the contract, with any fault."""
    if not isinstance(head, bytes):
        public = _KEY if key.thumbprint is None else key
        header = {"typ": "dpop+jwt", "alg": key.algorithm.name, "jwk": _jwk(public)}
        head = json.dumps(_changed(header, head)).encode()
    payload = {
        "jti": f"proof {next(_NUMBERS)}",
        "htm": "GET",
        "htu": f"{PUBLIC_URL}/bound",
        "iat": int(NOW),
        "ath": _hash(token),
    }
    return signed(_changed(payload, changes), key=key, header=head)


def dpop_headers(proof: str | None = None, token: str = _BOUND, **changes: Any) -> Headers:
    """Return the headers of a request with a bound token and its proof."""
    text = _proof(token=token, **changes) if proof is None else proof
    return ((b"authorization", b"DPoP " + token.encode()), (b"dpop", text.encode()))


def _raw(payload: str) -> Headers:
    """Return the headers of a request whose proof has this payload, as it is written."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": _jwk()}
    proof = signed(payload.encode(), key=_KEY, header=json.dumps(header).encode())
    return dpop_headers(proof)


_says: Final = dpop_headers


def _heads(**changes: Any) -> Headers:
    return dpop_headers(head=changes)


def _jwks(**changes: Any) -> Headers:
    return dpop_headers(head={"jwk": _jwk(**changes)})


def _answer(status: int, code: str, detail: str, error: str) -> Answer:
    challenge = f'DPoP realm="api", error="{error}", error_description="{detail}", {_ALGS}'
    return Answer(status, {"detail": detail, "code": code}, challenge)


def _bad(check: str) -> Answer:
    detail = f"The DPoP proof is not valid. Check: {check}."
    return _answer(401, "dpop_proof_invalid", detail, "invalid_dpop_proof")


def _in_dpop(answer: Answer, error: str = "invalid_token") -> Answer:
    return _answer(answer.status, answer.body["code"], answer.body["detail"], error)


def _either(answer: Answer) -> Answer:
    return Answer(401, answer.body, f'Bearer realm="api", {answer.challenge}')


_OK: Final = a.ok(sub="alice")
_OTHERS_KEY: Final = _in_dpop(a.unbound())
_UNKNOWN_KEY: Final = _in_dpop(a.UNKNOWN_BINDING)
_MISSING: Final = Answer(401, a.MISSING.body, f'DPoP realm="api", {_ALGS}')
_EITHER_MISSING: Final = _either(_MISSING)
_EITHER_OTHERS_KEY: Final = _either(_OTHERS_KEY)
_EITHER_UNKNOWN_KEY: Final = _either(_UNKNOWN_KEY)
_EITHER_EXPIRED: Final = Answer(
    401, a.EXPIRED.body, f'{a.EXPIRED.challenge}, DPoP realm="api", {_ALGS}'
)
_EXPIRED: Final = _in_dpop(a.EXPIRED)
_TWO: Final = _in_dpop(a.TWO_CREDENTIALS, "invalid_request")
_GOOD: Final = _proof()
_HEAD, _BODY, _SIGNATURE = _GOOD.split(".")
_SHORT_RSA: Final[dict[str, Any]] = {"kty": "RSA", "n": "u" * 86, "e": "AQAB"}
_D: Final = b64url_encode(b"d" * 32)
_DEEP: Final = "[" * 300 + "]" * 300


def _htu(name: str, htu: object, answer: Answer, path: str = "/bound") -> Case:
    return Case(f"§4.3 htu {name}", path, _says(htu=htu), answer)


_TARGETS: Final = [
    _htu("upper case of scheme and host", "HTTPS://API.Example/bound", _OK),
    _htu("default port", "https://api.example:443/bound", _OK),
    _htu("empty port", "https://api.example:/bound", _OK),
    _htu("query ignored", "https://api.example/bound?x=1", _OK),
    _htu("fragment ignored", "https://api.example/bound#x", _OK),
    _htu("needless percent-encoding", "https://api.example/b%6fund", _OK),
    _htu("query of the request ignored", "https://api.example/bound", _OK, "/bound?x=1"),
    _htu("absent", ..., _bad("htu")),
    _htu("null", None, _bad("htu")),
    _htu("a list", ["https://api.example/bound"], _bad("htu")),
    _htu("empty", "", _bad("htu")),
    _htu("path alone", "/bound", _bad("htu")),
    _htu("other path", "https://api.example/other", _bad("htu")),
    _htu("other case of the path", "https://api.example/Bound", _bad("htu")),
    _htu("final slash", "https://api.example/bound/", _bad("htu")),
    _htu("dot segments", "https://api.example/x/../bound", _bad("htu")),
    _htu("other host", "https://evil.example/bound", _bad("htu")),
    _htu("longer host", "https://api.example.evil.example/bound", _bad("htu")),
    _htu("user information", "https://api.example@evil.example/bound", _bad("htu")),
    _htu("user information before the host", "https://x@api.example/bound", _bad("htu")),
    _htu("other port", "https://api.example:8443/bound", _bad("htu")),
    _htu("plain http", "http://api.example/bound", _bad("htu")),
    _htu("other scheme", "ftp://api.example/bound", _bad("htu")),
    _htu("white space", " https://api.example/bound", _bad("htu")),
    _htu("line feed", "https://api.example/bound\n", _bad("htu")),
    _htu("not ASCII", "https://api.example/böund", _bad("htu")),
    _htu("lone surrogate", "https://api.example/\ud800", _bad("form")),
    _htu("encoded slash", "https://api.example%2Fbound", _bad("htu")),
    _htu("Host of the request", "http://shop.example/bound", _bad("htu")),
]  # fmt: skip

_HEADERS: Final = [
    Case("§4.3 no proof", "/bound", _says()[:1], _bad("missing")),
    Case("§4.3 two headers", "/bound", (*_says(), (b"dpop", _GOOD.encode())), _bad("several")),
    Case("§4.3 the same twice", "/bound", (*dpop_headers(_GOOD), (b"dpop", _GOOD.encode())), _bad("several")),
    Case("§4.3 two in one header", "/bound", dpop_headers(f"{_GOOD}, {_GOOD}"), _bad("form")),
    Case("§4.3 empty", "/bound", dpop_headers(""), _bad("form")),
    Case("§4.3 two segments", "/bound", dpop_headers(f"{_HEAD}.{_BODY}"), _bad("form")),
    Case("§4.3 five segments", "/bound", dpop_headers(f"{_GOOD}.{_BODY}.{_BODY}"), _bad("form")),
    Case("§4.3 padding", "/bound", dpop_headers(f"{_GOOD}=="), _bad("form")),
    Case("§4.3 not ASCII", "/bound", (*dpop_headers("x")[:1], (b"dpop", b"\xff.\xfe.\x80")), _bad("form")),
    Case("§4.3 a JSON serialisation", "/bound", dpop_headers('{"payload":"e30"}'), _bad("form")),
    Case("§4.3 longer than 4 KiB", "/bound", _says(more="x" * 4_096), _bad("form")),
    Case("§4.3 100 KB", "/bound", dpop_headers("x" * 100_000), _bad("form")),
    Case("§4.3 a header that is no JSON", "/bound", dpop_headers(head=b"{"), _bad("form")),
    Case("§4.3 a header that is a list", "/bound", dpop_headers(head=b"[]"), _bad("form")),
    Case("§4.3 a deep header", "/bound", dpop_headers(head=f'{{"typ":{_DEEP}}}'.encode()), _bad("form")),
    Case("§4.3 alg twice", "/bound", dpop_headers(head=b'{"alg":"none","alg":"ES256"}'), _bad("form")),
    Case("§4.3 no typ", "/bound", _heads(typ=...), _bad("typ")),
    Case("§4.3 typ JWT", "/bound", _heads(typ="JWT"), _bad("typ")),
    Case("§4.3 typ of an access token", "/bound", _heads(typ="at+jwt"), _bad("typ")),
    Case("§4.3 typ in capitals", "/bound", _heads(typ="DPOP+JWT"), _bad("typ")),
    Case("§4.3 typ a list", "/bound", _heads(typ=["dpop+jwt"]), _bad("typ")),
    Case("§4.3 no alg", "/bound", _heads(alg=...), _bad("alg")),
    Case("§4.3 alg none", "/bound", dpop_headers(f"{b64url_encode(json.dumps({'typ': 'dpop+jwt', 'alg': 'none', 'jwk': _jwk()}).encode())}.{_BODY}."), _bad("alg")),
    Case("§4.3 alg symmetric", "/bound", dpop_headers(key=Key.from_secret(SECRET), head={"jwk": {"kty": "oct", "k": b64url_encode(SECRET.encode())}}), _bad("alg")),
    Case("§4.3 alg unknown", "/bound", _heads(alg="XS256"), _bad("alg")),
    Case("§4.3 alg that is not accepted", "/bound", _heads(alg="ES384"), _bad("alg")),
    Case("§4.3 alg of another family", "/bound", _heads(alg="PS256"), _bad("jwk")),
    Case("§4.3 alg a list", "/bound", _heads(alg=["ES256"]), _bad("alg")),
    Case("§4.3 crit", "/bound", _heads(crit=["exp"]), _bad("header")),
    Case("§4.3 b64", "/bound", _heads(b64=False), _bad("header")),
    Case("§4.3 no jwk", "/bound", _heads(jwk=...), _bad("jwk")),
    Case("§4.3 jwk null", "/bound", _heads(jwk=None), _bad("jwk")),
    Case("§4.3 jwk text", "/bound", _heads(jwk=json.dumps(_jwk())), _bad("jwk")),
    Case("§4.3 jwk empty", "/bound", _heads(jwk={}), _bad("jwk")),
    Case("§4.3 jwk by a URL alone", "/bound", _heads(jwk=..., jku="https://evil.example/jwks"), _bad("jwk")),
    Case("§4.3 private member d", "/bound", _jwks(d=_D), _bad("jwk")),
    Case("§4.3 private member null", "/bound", _jwks(d=None), _bad("jwk")),
    Case("§4.3 private member of RSA", "/bound", _jwks(oth=[]), _bad("jwk")),
    Case("§4.3 private member k", "/bound", _jwks(k=_D), _bad("jwk")),
    Case("§4.3 symmetric key", "/bound", _heads(jwk={"kty": "oct", "k": _D}), _bad("jwk")),
    Case("§4.3 point not on its curve", "/bound", _jwks(x=_D), _bad("jwk")),
    Case("§4.3 coordinate missing", "/bound", _jwks(y=...), _bad("jwk")),
    Case("§4.3 coordinate a number", "/bound", _jwks(y=1), _bad("jwk")),
    Case("§4.3 another curve", "/bound", _jwks(crv="P-384"), _bad("jwk")),
    Case("§4.3 short RSA key", "/bound", _heads(alg="PS256", jwk=_SHORT_RSA), _bad("jwk")),
    Case("§4.3 jwk for encryption", "/bound", _jwks(use="enc"), _bad("jwk")),
    Case("§4.3 jwk with another alg", "/bound", _jwks(alg="ES384"), _bad("jwk")),
    Case("§4.3 jwk names its use", "/bound", _jwks(use="sig", alg="ES256", kid="mine", key_ops=["verify"]), _OK),
    Case("§4.3 forged", "/bound", dpop_headers(signed({}, key=_OTHER_KEY, header={"typ": "dpop+jwt", "alg": "ES256", "jwk": _jwk()})), _bad("signature")),
    Case("§4.3 no signature", "/bound", dpop_headers(f"{_HEAD}.{_BODY}."), _bad("signature")),
    Case("§4.3 another payload", "/bound", dpop_headers(f"{_HEAD}.{_BODY[:-8]}AAAAAAAA.{_SIGNATURE}"), _bad("signature")),
]  # fmt: skip

_PAYLOADS: Final = [
    Case("§4.3 a valid proof", "/bound", _says(), _OK),
    Case("§4.3 a payload that is a list", "/bound", _raw("[]"), _bad("form")),
    Case("§4.3 a payload that is no JSON", "/bound", _raw("{"), _bad("form")),
    Case("§4.3 a deep payload", "/bound", _raw(f'{{"jti":{_DEEP}}}'), _bad("form")),
    Case("§4.3 a name twice, the last counts", "/bound", _raw('{"htm":"GET","htm":"POST"}'), _bad("htm")),
    Case("§4.3 no htm", "/bound", _says(htm=...), _bad("htm")),
    Case("§4.3 htm of another method", "/bound", _says(htm="POST"), _bad("htm")),
    Case("§4.3 htm in lower case", "/bound", _says(htm="get"), _bad("htm")),
    Case("§4.3 htm a list", "/bound", _says(htm=["GET"]), _bad("htm")),
    Case("§4.3 method of the request", "/bound", _says(htm="POST"), _OK, method="POST"),
    Case("§4.3 no iat", "/bound", _says(iat=...), _bad("iat")),
    Case("§4.3 iat null", "/bound", _says(iat=None), _bad("iat")),
    Case("§4.3 iat text", "/bound", _says(iat=str(int(NOW))), _bad("iat")),
    Case("§4.3 iat true", "/bound", _says(iat=True), _bad("iat")),
    Case("§4.3 iat a list", "/bound", _says(iat=[NOW]), _bad("iat")),
    Case("§4.3 iat with a fraction", "/bound", _says(iat=NOW - 0.5), _OK),
    Case("§4.3 iat huge", "/bound", _says(iat=10**400), _bad("iat")),
    Case("§4.3 iat negative", "/bound", _says(iat=-1), _bad("iat")),
    Case("§4.3 iat NaN", "/bound", _raw(f'{{"htm":"GET","htu":"{PUBLIC_URL}/bound","iat":NaN}}'), _bad("iat")),
    Case("§4.3 iat infinite", "/bound", _raw(f'{{"htm":"GET","htu":"{PUBLIC_URL}/bound","iat":1e999}}'), _bad("iat")),
    Case("§11.1 iat too old", "/bound", _says(iat=NOW - 60), _bad("iat")),
    Case("§11.1 the oldest iat", "/bound", _says(iat=NOW - 59), _OK),
    Case("§11.1 iat in the future", "/bound", _says(iat=NOW + 11), _bad("iat")),
    Case("§11.1 a clock that is ahead", "/bound", _says(iat=NOW + 10), _OK),
    Case("§4.3 no jti", "/bound", _says(jti=...), _bad("jti")),
    Case("§4.3 jti empty", "/bound", _says(jti=""), _bad("jti")),
    Case("§4.3 jti a number", "/bound", _says(jti=7), _bad("jti")),
    Case("§4.3 jti of 256 letters", "/bound", _says(jti="x" * 256), _OK),
    Case("§4.3 jti too long", "/bound", _says(jti="x" * 257), _bad("jti")),
    Case("§4.3 jti a lone surrogate", "/bound", _says(jti="\ud800"), _bad("form")),
    Case("§4.3 no ath", "/bound", _says(ath=...), _bad("ath")),
    Case("§4.3 ath null", "/bound", _says(ath=None), _bad("ath")),
    Case("§4.3 ath of another token", "/bound", _says(ath=_hash(UNBOUND)), _bad("ath")),
    Case("§4.3 ath with padding", "/bound", _says(ath=_hash(_BOUND) + "="), _bad("ath")),
    Case("§4.3 ath the token itself", "/bound", _says(ath="x"), _bad("ath")),
    Case("§4.3 a nonce that is not required", "/bound", _says(nonce="x"), _OK),
]  # fmt: skip

_BINDING: Final = [
    Case("§7.1 a key of somebody else", "/bound", dpop_headers(key=_OTHER_KEY), _OTHERS_KEY),
    Case("§7.1 a token of somebody else", "/bound", dpop_headers(token=bound_token(_OTHER_KEY)), _OTHERS_KEY),
    Case("§7.1 an unbound token with a proof", "/bound", dpop_headers(token=UNBOUND), _OTHERS_KEY),
    Case("§7.1 a token bound to nothing", "/bound", dpop_headers(token=shop_token(cnf={})), _UNKNOWN_KEY),
    Case("§7.1 a token bound to an empty key", "/bound", dpop_headers(token=shop_token(cnf={"jkt": ""})), _OTHERS_KEY),
    Case("§7.1 a token bound to a certificate", "/bound", dpop_headers(token=shop_token(cnf={"x5t#S256": "x"})), _OTHERS_KEY),
    Case("§7.1 no token", "/bound", (), _MISSING),
    Case("§7.1 a proof without a token", "/bound", ((b"dpop", _proof().encode()),), _MISSING),
    Case("§7.1 a bearer token where DPoP is required", "/bound", bearer(UNBOUND), _MISSING),
    Case("§7.1 a bound token as bearer where DPoP is required", "/bound", (*bearer(_BOUND), _says()[1]), _MISSING),
    Case("§7.1 an expired token", "/bound", dpop_headers(token=bound_token(exp=NOW)), _EXPIRED),
    Case("§7.1 both schemes", "/bound", (*_says(), *bearer(_BOUND)), _TWO),
    Case("§7.1 the scheme in lower case", "/bound", ((b"authorization", b"dpop " + _BOUND.encode()), _says()[1]), _OK),
    Case("§7.2 no token where both are allowed", "/either", (), _EITHER_MISSING),
    Case("§7.2 a bearer token where both are allowed", "/either", bearer(UNBOUND), _OK),
    Case("§7.2 a bearer token with a needless proof", "/either", (*bearer(UNBOUND), _says()[1]), _OK),
    Case("§7.2 a bound token with its proof", "/either", dpop_headers(htu=f"{PUBLIC_URL}/either"), _OK),
    Case("§7.2 a bound token as bearer", "/either", bearer(_BOUND), _EITHER_OTHERS_KEY),
    Case("§7.2 a bound token as bearer with its proof", "/either", (*bearer(_BOUND), dpop_headers(htu=f"{PUBLIC_URL}/either")[1]), _EITHER_OTHERS_KEY),
    Case("§7.2 a token bound to a certificate as bearer", "/either", bearer(shop_token(cnf={"x5t#S256": "x"})), _EITHER_OTHERS_KEY),
    Case("§7.2 an unbound token with DPoP", "/either", dpop_headers(token=UNBOUND, htu=f"{PUBLIC_URL}/either"), _EITHER_OTHERS_KEY),
    Case("§7.2 an expired bearer token", "/either", bearer(shop_token(exp=NOW)), _EITHER_EXPIRED),
    Case("RFC 7800 §3 a key that nobody can check", "/either", bearer(shop_token(cnf={"kid": "x"})), _EITHER_UNKNOWN_KEY),
    Case("RFC 7800 §3 no key", "/either", bearer(shop_token(cnf={})), _EITHER_UNKNOWN_KEY),
    Case("RFC 7800 §3.1 another member beside the key", "/bound", dpop_headers(token=shop_token(cnf={"jkt": _KEY.thumbprint, "kid": "x"})), _OK),
    Case("scope, enough", "/bound-orders", dpop_headers(htu=f"{PUBLIC_URL}/bound-orders"), _OK),
    Case("optional, none", "/maybe-bound", (), a.ok(sub=None)),
    Case("optional, a proof alone", "/maybe-bound", ((b"dpop", _GOOD.encode()),), a.ok(sub=None)),
    Case("optional, bound", "/maybe-bound", dpop_headers(htu=f"{PUBLIC_URL}/maybe-bound"), _OK),
    Case("optional, forged", "/maybe-bound", dpop_headers(htu=f"{PUBLIC_URL}/maybe-bound", ath="x"), _bad("ath")),
]  # fmt: skip

DPOP_CASES: Final = [*_HEADERS, *_PAYLOADS, *_TARGETS, *_BINDING]
