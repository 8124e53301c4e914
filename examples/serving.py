"""Serve the examples in a thread of this process, over TLS: browsers require it for the cookies."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from socket import create_server, socket
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["EXAMPLES", "FRAMEWORKS", "Site", "app_of", "served", "write_certificate"]

FRAMEWORKS = ("fastapi", "litestar", "quart")
# The shop in each framework, and a program from the documentation of async-fastapi-jwt-auth.
EXAMPLES = {**{name: f"{name}_app" for name in FRAMEWORKS}, "authjwt": "authjwt_additional_claims"}
START_SECONDS = 20.0
STOP_SECONDS = 5


class Site(NamedTuple):
    """The address of a running service."""

    port: int
    tls: ssl.SSLContext
    """For clients: trusts only the certificate of this service."""

    @property
    def origin(self) -> str:
        """The address as browsers write it in ``Origin``."""
        return f"https://localhost:{self.port}"


def app_of(example: str) -> Any:  # noqa: ANN401 - an ASGI app; each framework has its own type
    """Return the app of one example; the frameworks of the others need not be installed."""
    return import_module(EXAMPLES[example]).app


@contextmanager
def served(
    app: Any,  # noqa: ANN401 - as above
    *,
    lifespan: bool = True,
    listener: socket | None = None,
) -> Iterator[Site]:
    """Serve an ASGI app with uvicorn on a free port of this machine, or on that of a listener.

    Raises:
        RuntimeError: the server did not start.
    """
    with TemporaryDirectory() as directory, listener or create_server(("127.0.0.1", 0)) as bound:
        certificate = write_certificate(Path(directory))
        config = uvicorn.Config(
            app,
            ssl_certfile=certificate,
            lifespan="on" if lifespan else "off",
            log_level="warning",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        server = uvicorn.Server(config)
        # Bound here and passed on, so that no other process can take the port in between.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                msg = "The server did not start."
                raise RuntimeError(msg)
            time.sleep(0.01)
        try:
            yield Site(bound.getsockname()[1], ssl.create_default_context(cafile=certificate))
        finally:
            server.should_exit = True
            thread.join()


def write_certificate(directory: Path) -> Path:
    """Write a key and its self-signed certificate for this machine, valid for one day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "localhost.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
