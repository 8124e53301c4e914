"""Build the wheel and the sdist twice, compare them, and check what the wheel contains.

``python -m release.distributions dist``
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["build_twice", "problems_of_wheel"]

PACKAGES = ("tokenward", "tokenward_fastapi", "tokenward_litestar", "tokenward_quart")
"""What the wheel installs, and nothing else."""
_METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
_OTHER_TIME = 1_000_000_000  # 2001


class NotReproducibleError(Exception):
    """Two builds of the same files differ."""


def build_twice(root: Path, target: Path) -> list[Path]:
    """Build the wheel and the sdist into a folder, after a build of a copy gave the same bytes.

    The copy is in another folder, its files have other times and modes, and it is built under
    another umask, time zone and hash seed.

    Raises:
        NotReproducibleError: the builds differ; the message names the file.
    """
    epoch = _output("git", "log", "-1", "--format=%ct", cwd=root)
    shutil.rmtree(target, ignore_errors=True)
    _build(root, target, SOURCE_DATE_EPOCH=epoch)
    built = sorted(target.iterdir())

    with tempfile.TemporaryDirectory() as folder:
        copy, other = Path(folder, "elsewhere", "copy"), Path(folder, "dist")
        _copy(root, copy)
        _build(
            copy, other, umask=0o077, SOURCE_DATE_EPOCH=epoch, TZ="Asia/Tokyo", PYTHONHASHSEED="1"
        )
        for path in built:
            if path.read_bytes() != (other / path.name).read_bytes():
                msg = f"Two builds of {path.name} differ: compare {path} and a build of a copy."
                raise NotReproducibleError(msg)
    return built


def problems_of_wheel(wheel: Path) -> list[str]:
    """Return what is wrong with the contents of a wheel, each with its fix."""
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(each) for each in archive.namelist()]
    return [*_missing(names), *_unexpected(names)]


def _missing(names: list[PurePosixPath]) -> Iterator[str]:
    expected = [f"{package}/{name}" for package in PACKAGES for name in ("__init__.py", "py.typed")]
    found = {str(each) for each in names}
    for each in expected:
        if each not in found:
            yield f"The wheel has no {each}: see [tool.hatch.build.targets.wheel]."
    if not any(each.parts[-2:] == ("licenses", "LICENSE") for each in names):
        yield "The wheel has no licence: see license-files in pyproject.toml."


def _unexpected(names: list[PurePosixPath]) -> Iterator[str]:
    for each in names:
        top, *rest = each.parts
        if top.endswith(".dist-info"):
            is_expected = "/".join(rest) in _METADATA
        else:
            is_expected = top in PACKAGES and (each.suffix == ".py" or each.name == "py.typed")
        if not is_expected or "tests" in each.parts:
            yield f"The wheel has {each}: exclude it in [tool.hatch.build.targets.wheel]."


def _build(root: Path, target: Path, *, umask: int = 0o022, **variables: str) -> None:
    # Without isolation: the builder is the exact release in the dependency group.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target)]
    environment = {**os.environ, **variables}
    subprocess.run(  # noqa: S603
        command, cwd=root, env=environment, umask=umask, check=True, stdout=subprocess.DEVNULL
    )


def _copy(root: Path, copy: Path) -> None:
    files = _output("git", "ls-files", "-z", "-co", "--exclude-standard", cwd=root).split("\0")
    for name in filter(None, files):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, copy / name)
            # Executable or not, as git keeps it; everything else about the mode is different.
            is_executable = (root / name).stat().st_mode & stat.S_IXUSR
            (copy / name).chmod(0o700 if is_executable else 0o600)
            os.utime(copy / name, (_OTHER_TIME, _OTHER_TIME))


def _output(*command: str, cwd: Path) -> str:
    run = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)  # noqa: S603
    return run.stdout.strip()


def main(target: str) -> int:
    """Build into a folder and print the hashes; return 0 if nothing is wrong."""
    built = build_twice(Path.cwd(), Path(target))
    print("Two builds, in different folders and at different times, gave the same bytes:")
    for path in built:
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)

    problems = [each for path in built if path.suffix == ".whl" for each in problems_of_wheel(path)]
    for problem in problems:
        print(f"- {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
