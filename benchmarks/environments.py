"""The virtual environments of the peers, with the releases of shared libraries that Tokenward runs on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
"""The libraries whose release must be the same on all sides."""
HAND_WRITTEN = ("fastapi", "pydantic", "pyjwt[crypto]", "starlette")
PEERS: Mapping[str, tuple[str, ...]] = {
    "pyjwt": ("pyjwt[crypto]",),
    # Decoding is much slower since 2.14: ratios to later releases only would flatter Tokenward.
    "pyjwt-2.13": ("pyjwt[crypto]==2.13.0",),
    "joserfc": ("joserfc==1.8.0", "cryptography"),
    # Without msgspec, this release cannot decode into a Pydantic model.
    "ryjwt": ("ryjwt==0.2.2", "msgspec", "pydantic"),
    "oxyjwt": ("oxyjwt==0.9.0",),
    "fastapi-by-hand": HAND_WRITTEN,
    "authx": ("authx==1.7.1", *HAND_WRITTEN),
    "async-fastapi-jwt-auth": ("async-fastapi-jwt-auth==0.6.6", "uvicorn[standard]", *HAND_WRITTEN),
    "litestar": ("litestar", "pyjwt[crypto]"),
    "quart-by-hand": ("quart", "pyjwt[crypto]"),
    "tokenward-newer": ("--editable", str(Path(__file__).parents[1])),
}
"""The requirements that are installed into each environment."""
OWN = "tokenward"
"""The environment of the runner, in which Tokenward is installed."""
NEWER_OWN = "tokenward-newer"
"""Tokenward on the Python of `NEWER`."""
NEWER = ("ryjwt", "oxyjwt", NEWER_OWN)
"""The environments of the libraries in Rust, of which one has no wheels for older Pythons."""
NEWER_MINORS = (14, 13, 12)


@cache
def newer_python() -> str | None:
    """Return this Python, or one of the same system, that the libraries in Rust run on; None without one."""
    if sys.version_info >= (3, min(NEWER_MINORS)):
        return sys.executable
    for found in filter(None, (shutil.which(f"python3.{minor}") for minor in NEWER_MINORS)):
        # A shim of pyenv exists for each version, and fails unless that version is selected.
        tried = subprocess.run([found, "-V"], check=False, capture_output=True)  # noqa: S603
        if tried.returncode == 0:
            return found
    return None


def shared_pins() -> dict[str, str]:
    """Return the releases of the shared libraries that are installed here."""
    pins = {}
    for name in SHARED:
        try:
            pins[name] = version(name)
        except PackageNotFoundError:
            continue
    return pins


def constraints_for(requirements: tuple[str, ...], pins: Mapping[str, str]) -> str:
    """Return a constraints file: the shared releases, except for those that a peer pins itself."""
    own = {each.split("==")[0].split("[")[0] for each in requirements if "==" in each}
    return "".join(f"{name}=={release}\n" for name, release in pins.items() if name not in own)


class Environments:
    """A folder of virtual environments; each is created if it is missing or if its pins have changed."""

    def __init__(self, folder: Path) -> None:
        """Store the folder; no environment is created yet."""
        self._folder = folder
        self._pins = shared_pins()
        self._ready: dict[str, str] = {}

    def python(self, name: str) -> str:
        """Return the Python of an environment; install the peer if it is not there yet."""
        if name == OWN or (name == NEWER_OWN and newer_python() == sys.executable):
            return sys.executable
        if name not in self._ready:
            self._ready[name] = self._made(name)
        return self._ready[name]

    def _made(self, name: str) -> str:
        folder, requirements = self._folder / name, PEERS[name]
        constraints = constraints_for(requirements, self._pins)
        interpreter = (newer_python() if name in NEWER else None) or sys.executable
        wanted = "\n".join((sys.version, interpreter, *requirements, constraints))
        stamp = folder / "tokenward-bench.txt"
        python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Installing {name} …", file=sys.stderr, flush=True)
            command = [interpreter, "-m", "venv", "--clear", "--without-pip", str(folder)]
            subprocess.run(command, check=True)  # noqa: S603 - constant names
            limits = folder / "constraints.txt"
            limits.write_text(constraints)
            _install(python, "--constraint", str(limits), *requirements)
            stamp.write_text(wanted)
        return python


def _install(python: str, *arguments: str) -> None:
    """Install packages into another environment with uv or the pip of this environment."""
    uv = shutil.which("uv")
    command = (
        [uv, "pip", "install", "--python", python, "--quiet"]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install", "-qq"]
    )
    subprocess.run([*command, *arguments], check=True)  # noqa: S603 - constant names
