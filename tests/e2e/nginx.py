"""An nginx that ends TLS and forwards the certificate of the client, as the documentation says."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ADDRESS", "INSTALL", "program", "running"]

INSTALL = "apt-get install --no-install-recommends nginx-light"
ADDRESS = "127.0.0.2"
"""The address from which it connects, another one than that of the tests."""
START_SECONDS = 20.0
PAGE = Path(__file__).parents[2] / "docs" / "mtls.md"
# One process, so that it runs with the rights of the tests, whatever they are.
MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def program() -> str | None:
    """Return the path of nginx, or None if it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _documented(listen: str, target: str) -> str:
    """Return the server of the documentation, with these in place of its addresses."""
    server = PAGE.read_text(encoding="utf-8").split("```nginx\n")[1].partition("```")[0]
    for old, new in (
        ("listen 443 ssl;", listen),
        ("proxy_pass http://10.0.0.20:8000;", f"proxy_pass {target}; proxy_bind {ADDRESS};"),
    ):
        assert server.count(old) == 1, old
        server = server.replace(old, new)
    return server


@contextmanager
def running(executable: str, target: str, certificate: Path) -> Iterator[Path]:
    """Run nginx in front of a service; yield its Unix socket, which no other process can take.

    Args:
        executable: the path of nginx.
        target: the URL of the service.
        certificate: the certificate of nginx, and its key.

    Raises:
        RuntimeError: it did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="nginx"))
    address = folder / "socket"
    listen = f"listen unix:{address} ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    configuration = folder / "nginx.conf"
    text = MAIN.format(folder=folder, server=_documented(listen, target))
    configuration.write_text(text, encoding="utf-8")
    log = folder / "log"
    process = subprocess.Popen(  # noqa: S603 - an installed program
        [executable, "-p", str(folder), "-e", str(log), "-c", str(configuration)],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.01)
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0
