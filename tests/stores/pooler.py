"""A pgbouncer in transaction mode, in front of the PostgreSQL of the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

POOL_SIZE = 2
INSTALL = "apt-get install pgbouncer"


def program() -> str | None:
    """Return the path of pgbouncer, or None if it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _unprivileged() -> dict[str, object]:
    """Return the arguments of `subprocess` that drop root, which pgbouncer refuses."""
    if os.geteuid() != 0:
        return {}
    names = {each.pw_name for each in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody", "extra_groups": []}


@contextmanager
def running(executable: str, postgres_url: str, pool_mode: str = "transaction") -> Iterator[str]:
    """Run pgbouncer on a free port and return the URL of the same database behind it."""
    url = make_url(postgres_url)
    port = _free_port()
    password = f" password={url.password}" if url.password else ""
    target = f"host={url.host} port={url.port or 5432} user={url.username}{password}"
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer"))
    # The unprivileged user must be able to read it.
    folder.chmod(0o755)
    ini = folder / "pgbouncer.ini"
    ini.write_text(
        f"[databases]\n{url.database} = {target}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = {POOL_SIZE}\n"
        "max_client_conn = 200\n",
        encoding="utf-8",
    )
    # A file, because nothing reads a pipe while the pooler runs, and a full one would stop it.
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - the fixed path of an installed program
            [executable, str(ini)], stderr=output, **_unprivileged()
        )
    try:
        while "process up" not in log.read_text():
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.01)
        yield url.set(port=port, host="127.0.0.1", username="any").render_as_string(
            hide_password=False
        )
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
