"""The peers, each in a virtual environment of its own, on the very releases that Tokenward runs on here."""

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from venv import EnvBuilder

SHARED = (
    "anyio",
    "cryptography",
    "fastapi",
    "httptools",
    "litestar",
    "msgspec",
    "pydantic",
    "pyjwt",
    "quart",
    "starlette",
    "uvicorn",
    "uvloop",
    "werkzeug",
)
"""What must be of the same release on all sides."""
HAND_WRITTEN = ("fastapi", "pydantic", "pyjwt[crypto]", "starlette")
PEERS: Mapping[str, tuple[str, ...]] = {
    "pyjwt": ("pyjwt[crypto]",),
    # 2.14 made decoding much slower: a ratio to later releases alone would flatter.
    "pyjwt-2.13": ("pyjwt[crypto]==2.13.0",),
    "joserfc": ("joserfc==1.8.0", "cryptography"),
    "fastapi-by-hand": HAND_WRITTEN,
    "authx": ("authx==1.7.1", *HAND_WRITTEN),
    "async-fastapi-jwt-auth": ("async-fastapi-jwt-auth==0.6.6", "uvicorn[standard]", *HAND_WRITTEN),
    "litestar": ("litestar", "pyjwt[crypto]"),
    "quart-by-hand": ("quart", "pyjwt[crypto]"),
}
"""What is installed into each environment."""
OWN = "tokenward"
"""The environment that runs the runner: Tokenward is installed there."""


def shared_pins() -> dict[str, str]:
    """Give the releases that are installed here."""
    pins = {}
    for name in SHARED:
        try:
            pins[name] = version(name)
        except PackageNotFoundError:
            continue
    return pins


def constraints_for(requirements: tuple[str, ...], pins: Mapping[str, str]) -> str:
    """Give the lines of a constraints file: the shared releases, but for those that a peer pins itself."""
    own = {each.split("==")[0].split("[")[0] for each in requirements if "==" in each}
    return "".join(f"{name}=={release}\n" for name, release in pins.items() if name not in own)


class Environments:
    """A folder of virtual environments, which are made where they are missing or their pins have changed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self._folder = folder
        self._pins = shared_pins()
        self._ready: dict[str, str] = {}

    def python(self, name: str) -> str:
        """Give the Python of an environment, and see to it that the peer is installed there."""
        if name == OWN:
            return sys.executable
        if name not in self._ready:
            self._ready[name] = self._made(name)
        return self._ready[name]

    def _made(self, name: str) -> str:
        folder, requirements = self._folder / name, PEERS[name]
        constraints = constraints_for(requirements, self._pins)
        wanted = "\n".join((sys.version, *requirements, constraints))
        stamp = folder / "tokenward-bench.txt"
        # Not with the builder that makes it, which would clear the folder again.
        python = str(EnvBuilder().ensure_directories(folder).env_exe)
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Installing {name} …", file=sys.stderr, flush=True)
            EnvBuilder(clear=True, with_pip=False, symlinks=True).create(folder)
            limits = folder / "constraints.txt"
            limits.write_text(constraints)
            _install(python, "--constraint", str(limits), *requirements)
            stamp.write_text(wanted)
        return python


def _install(python: str, *arguments: str) -> None:
    """Have the pip that is here install into another environment, which needs none of its own."""
    quiet = ("-qq", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "--python", python, "install", *quiet, *arguments]
    subprocess.run(command, check=True)  # noqa: S603 - names that stand here
