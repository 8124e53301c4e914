"""A MariaDB of the tests, with a new data directory, where none runs."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def program() -> str | None:
    """Return the path of the server, or None if it is not installed."""
    return shutil.which("mariadbd", path=_PATH)


@contextmanager
def running(executable: str) -> Iterator[str]:
    """Run MariaDB on a free port, and return the URL of its database "test"."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="mariadb"))
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = shutil.which("mariadb-install-db", path=_PATH) or "mariadb-install-db"
    options = [f"--datadir={folder / 'data'}", *user]
    subprocess.run(  # noqa: S603 - an installed program
        [install, "--no-defaults", *options, "--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
    )
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - an installed program
            [
                *(executable, "--no-defaults", *options, f"--port={port}"),
                *("--bind-address=127.0.0.1", "--skip-name-resolve"),
                *(f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"),
            ],
            stderr=output,
        )
    try:
        while "ready for connections" not in log.read_text():
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield f"mysql+asyncmy://root@127.0.0.1:{port}/test"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
