"""Write the first page of the site, which lists the versions beside it."""

import sys
from html import escape
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Tokenward: versions of the documentation</title>
<style>body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>Tokenward</h1>
<p>Read the <a href="{newest}/index.html">documentation of version {newest}</a>.</p>
<h2>All versions</h2>
<ul>
{items}
</ul>
</html>
"""


def by_age(name: str) -> tuple[int, ...]:
    """Return what sorts version numbers, with development versions before all others."""
    parts = name.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def write_versions(site: Path) -> None:
    """Write `index.html` of a directory with one directory for each version."""
    versions = sorted((each.parent.name for each in site.glob("*/index.html")), key=by_age)
    versions.reverse()
    links = [f'<li><a href="{name}/index.html">{name}</a></li>' for name in map(escape, versions)]
    page = PAGE.format(newest=escape(versions[0]), items="\n".join(links))
    (site / "index.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write_versions(Path(sys.argv[1]))
