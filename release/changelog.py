"""The sections of CHANGELOG.md (https://keepachangelog.com/en/1.1.0/)."""

import re
from dataclasses import dataclass

__all__ = ["Section", "section_of", "sections_of"]


@dataclass(frozen=True, slots=True)
class Section:
    """The changes of one release, or the unreleased ones."""

    name: str
    """The version, or "Unreleased"."""
    date: str
    """The text after the version; empty if there is none."""
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines that are neither empty nor headings."""
        return [line for line in self.text.splitlines() if line and not line.startswith("#")]


def sections_of(changelog: str) -> list[Section]:
    """Return all sections, the newest first."""
    _, *parts = re.split(r"^## +", changelog, flags=re.MULTILINE)
    sections = []
    for part in parts:
        heading, _, text = part.partition("\n")
        name, _, when = heading.partition(" - ")
        sections.append(Section(name.strip(" []"), when.strip(), text.strip()))
    return sections


def section_of(changelog: str, name: str) -> Section | None:
    """Return the section of a version, or None."""
    return next((each for each in sections_of(changelog) if each.name == name), None)
