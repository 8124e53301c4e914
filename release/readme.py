"""The README as an index shows it: its links lead to the released version in the repository.

Hatchling loads this file for each build; see ``[tool.hatch.metadata.hooks.custom]``.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["ReadmeHook", "with_whole_links"]

_RELATIVE = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)[^)\s]+(?=\))")


class ReadmeHook(MetadataHookInterface):
    """Adds the README to the metadata of a distribution."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme``. Without a repository in ``[project.urls]`` its links stay as they are."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository")
        if repository is not None:
            text = with_whole_links(text, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_whole_links(text: str, repository: str, version: str) -> str:
    """Return a text of Markdown with whole links to the files of a tag on GitHub.

    ``docs/start.md`` becomes ``https://github.com/owner/name/blob/v0.2.0/docs/start.md``.
    """
    tag = f"{repository.rstrip('/')}/blob/v{version}/"
    return _RELATIVE.sub(lambda link: urljoin(tag, link[0]), text)
