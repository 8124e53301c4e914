"""Write what stands on the page of a release: ``python -m release.page 0.2.0 dist build/release``."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from release.changelog import section_of

__all__ = ["notes_of", "sums_of"]


def notes_of(changelog: str, version: str) -> str:
    """Return the notes of a release: its section of the changelog."""
    section = section_of(changelog, version)
    if section is None:
        msg = f"CHANGELOG.md has no section for {version}."
        raise ValueError(msg)
    return f"{section.text}\n"


def sums_of(files: list[Path]) -> str:
    """Return the hashes of files, as ``sha256sum --check`` reads them."""
    return "".join(
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in files
    )


def write_sbom(wheel: Path, target: Path) -> None:
    """Write the software bill of materials (CycloneDX) of the wheel and its dependencies.

    It lists what an installation without extras has today.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        _run("-m", "venv", "--without-pip", folder)
        _run("-m", "pip", "--quiet", "--python", str(python), "install", str(wheel))
        # Not reproducible: an attestation needs the serial number, which is random.
        options = ("--pyproject", "pyproject.toml", "--mc-type", "library")
        _run(
            "-m", "cyclonedx_py", "environment", *options, "--output-file", str(target), str(python)
        )


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True)  # noqa: S603


def main(version: str, dist: str, target: str) -> None:
    """Write the notes, the SBOM and the hashes, and print the commands that publish."""
    page = Path(target)
    page.mkdir(parents=True, exist_ok=True)
    files = sorted(Path(dist).iterdir())
    (wheel,) = (each for each in files if each.suffix == ".whl")
    sbom = page / "sbom.cdx.json"
    write_sbom(wheel, sbom)
    notes = notes_of(Path("CHANGELOG.md").read_text(encoding="utf-8"), version)
    (page / "notes.md").write_text(notes, encoding="utf-8")
    (page / "SHA256SUMS").write_text(sums_of([*files, sbom]), encoding="utf-8")
    print(
        f"\nTokenward {version} is ready in {dist} and {target}. Nothing has left this machine.\n"
        f"These commands publish it: the workflow release.yml builds the tag again and uploads it.\n\n"
        f'    git tag --sign v{version} --message "Tokenward {version}"\n'
        f"    git push origin main v{version}\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
