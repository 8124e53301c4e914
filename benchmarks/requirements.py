"""What each requirement of a route adds to the authentication of a request, without a framework.

``python -m benchmarks.requirements [--quick] [--write]`` from the root of the checkout. Every request carries a token that the engine
has seen before. ``--write`` puts the table into benchmarks/README.md.
"""

import argparse
import asyncio
import datetime as dt
import gc
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.document import with_blocks
from benchmarks.ratios import outcome
from benchmarks.tables import Table, conditions, number, ratio, today
from tokenward import Claims, KeyRing, MemoryStore, TokenEngine
from tokenward.claims import Actor
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward.http.dpop import DpopVerifier
from tokenward.http.mtls import ForwardedCertificate, certificate_thumbprint
from tokenward.testing import DpopClient
from tokenward.tokens import ProvenKey, ProviderLogin

DOCUMENT = Path("benchmarks/README.md")
URL = "https://api.example"
PROXY = "10.0.0.7"
ALGORITHMS = ("ES256", "ES384", "EdDSA", "PS256")
REQUESTS = 100
"""Of one block."""

Scope = dict[str, object]


class Case(NamedTuple):
    """A way to authenticate."""

    label: str
    scopes: Callable[[], Sequence[Scope]]
    """Makes the requests of one block."""
    requirement: Requirement[Claims]
    signature: Callable[[], object] | None = None
    """Verifies the signature of one proof, and does nothing else."""


def scope_of(*headers: tuple[str, str]) -> Scope:
    """Return the ASGI scope of a request."""
    return {
        "type": "http",
        "method": "GET",
        "path": "/orders",
        "raw_path": b"/orders",
        "query_string": b"",
        "client": (PROXY, 4711),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }


def certificate() -> tuple[str, str]:
    """Return a certificate as nginx forwards it, and its thumbprint."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today_utc = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today_utc)
        .not_valid_after(today_utc + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    return quote(pem), certificate_thumbprint(pem)


def signature_of(proof: str) -> Callable[[], object]:
    """Return a function that verifies the signature of a proof with a prepared key of PyJWT."""
    message, _, signature = proof.rpartition(".")
    header = jwt.get_unverified_header(proof)
    key = jwt.PyJWK(header["jwk"], header["alg"])
    raw, text = jwt.utils.base64url_decode(signature), message.encode()
    return lambda: key.Algorithm.verify(text, key.key, raw)


async def cases(engine: TokenEngine[Claims], login: ProviderLogin) -> list[Case]:
    """Return what is measured; the first case is what the others are compared with."""

    def always(token: str, *headers: tuple[str, str]) -> Callable[[], Sequence[Scope]]:
        return lambda: [
            scope_of(("Authorization", f"Bearer {token}"), *headers) for _ in range(REQUESTS)
        ]

    pem, thumbprint = certificate()
    plain = await engine.issue("alice")
    strong = await engine.issue("alice", acr="mfa", fresh=True)
    delegated = await engine.issue("alice", actor=Actor(sub="orders-api"))
    provided = (await engine.issue_pair("alice", provider_login=login)).access_token
    bound = await engine.issue("alice", bound_to=ProvenKey(x5t_s256=thumbprint))
    recent = dt.timedelta(minutes=10)
    found = [
        Case("`required()`", always(plain), Requirement()),
        Case(
            '`required(acr=["mfa"], max_age=...)`',
            always(strong),
            Requirement(acr=["mfa"], max_age=recent),
        ),
        Case(
            '`required(actor=["orders-api"])`', always(delegated), Requirement(actor=["orders-api"])
        ),
        Case("a session that began with `provider_login=`", always(provided), Requirement()),
        Case(
            '`required(mtls="required")`, the certificate in a header',
            always(bound, ("X-Client-Cert", pem)),
            Requirement(mtls="required"),
        ),
    ]
    for algorithm in ALGORITHMS:
        client = DpopClient(URL, algorithm=algorithm)
        token = await engine.issue("alice", bound_to=ProvenKey(jkt=client.thumbprint))

        def proofs(client: DpopClient = client, token: str = token) -> Sequence[Scope]:
            made = (client.headers("GET", "/orders", token) for _ in range(REQUESTS))
            return [scope_of(*each.items()) for each in made]

        signature = signature_of(client.proof("GET", "/orders", token=token))
        label = f'`required(dpop="required")`, {algorithm}'
        found.append(Case(label, proofs, Requirement(dpop="required"), signature))
    return found


async def microseconds(http: Authenticator[Claims], case: Case) -> float:
    """Return the time of one authentication, in one block."""
    views = [RequestView(each) for each in case.scopes()]
    gc.disable()
    began = time.thread_time_ns()
    for view in views:
        await http.authenticate(view, case.requirement)
    took = time.thread_time_ns() - began
    gc.enable()
    return took / REQUESTS / 1_000


def microseconds_of(call: Callable[[], object]) -> float:
    """Return the time of a call, in one block."""
    began = time.thread_time_ns()
    for _ in range(REQUESTS):
        call()
    return (time.thread_time_ns() - began) / REQUESTS / 1_000


async def table(blocks: int) -> Table:
    """Measure all cases alternately."""
    store = MemoryStore(single_process=True)
    engine = TokenEngine(KeyRing.generate("HS256"), store=store)
    http = Authenticator(
        engine,
        dpop=DpopVerifier(URL, store=store),
        mtls=ForwardedCertificate("escaped-pem", header="X-Client-Cert", proxies=[PROXY]),
    )
    listed = await cases(engine, ProviderLogin(issuer=URL, subject="7", session="s"))
    took: dict[str, list[float]] = {case.label: [] for case in listed}
    raw: dict[str, list[float]] = {case.label: [] for case in listed if case.signature}
    for case in listed:
        await microseconds(http, case)
    for _ in range(blocks):
        for case in listed:
            took[case.label].append(await microseconds(http, case))
            if case.signature is not None:
                raw[case.label].append(microseconds_of(case.signature))

    base = took[listed[0].label]
    rows = []
    for label, figures in took.items():
        beside = outcome(label, figures, base)
        cells = [label, number(beside.ours), ratio(beside.ratio), "", ""]
        if label in raw:
            proof = [all_ - bare for all_, bare in zip(figures, base, strict=True)]
            proven = outcome(label, proof, raw[label])
            cells[3:] = [number(proven.theirs), ratio(proven.ratio)]
        rows.append(tuple(cells))
    columns = (
        "a request",
        "µs",
        "ratio",
        "signature of the proof, µs",
        "the proof, by its signature",
    )
    return Table(columns, rows)


def main() -> None:
    """Measure, print, and write the table if that is wanted."""
    parser = argparse.ArgumentParser(prog="benchmarks.requirements", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    measured = asyncio.run(table(5 if given.quick else 80))
    versions = {name: version(name) for name in ("cryptography", "pydantic", "pyjwt")}
    body = f"{measured.markdown()}\n\n{conditions(versions, [today()])}"
    print(body)
    if given.write:
        text = DOCUMENT.read_text("utf-8")
        DOCUMENT.write_text(with_blocks(text, {"requirements": body}), "utf-8")


if __name__ == "__main__":
    main()
