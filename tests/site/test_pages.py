"""What readers find in the built site: each public name, working links, and nothing from elsewhere."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
# The theme loads these only when they are asked for.
NO_PAGES = {"genindex.html", "py-modindex.html", "search.html"}


class Page(HTMLParser):
    """The links, the anchors and the loaded resources of a page."""

    def __init__(self, file):
        """Read a file."""
        super().__init__()
        self.links, self.anchors, self.resources, self.meta = set(), set(), set(), {}
        self.images_without_text = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.resources.add(given["href"])
        elif tag in {"script", "img", "iframe", "video", "source"} and given.get("src"):
            self.resources.add(given["src"])
        elif tag == "meta" and "property" in given:
            self.meta[given["property"]] = given["content"]
        if tag == "img" and not given.get("alt"):
            self.images_without_text.append(given.get("src"))


@pytest.fixture(scope="session")
def pages(site):
    """Return each page of the site, parsed."""
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def test_every_public_name_is_documented(site):
    """Each name in the `__all__` of each public module has its entry in the reference."""
    inventory = pytest.importorskip("sphinx.util.inventory")
    sys.path.insert(0, str(ROOT / "docs" / "_site"))
    names = pytest.importorskip("tokenward_site")
    objects = inventory.InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    documented = {name for kind in objects.values() for name in kind}
    public = {
        names.HOMES[id(getattr(sys.modules[module], name))]
        for module in names.MODULES
        for name in names.public_names(module)
    }
    assert public - documented == set()


def test_every_link_inside_the_site_leads_somewhere(site, pages):
    """The page exists, and so does the heading."""
    dead, versions = [], site.parent / "index.html"
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target == versions:
                continue
            if not target.exists() or (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                dead.append((file.name, link))
    assert not dead


def test_nothing_comes_from_another_server(pages):
    """No script, style, font or image is loaded from elsewhere: no reader is tracked."""
    assert not {
        (file.name, source)
        for file, page in pages.items()
        for source in page.resources
        if urlsplit(source).netloc
    }


def test_every_image_has_a_text(pages):
    """For those who cannot see it."""
    assert not [
        (file.name, page.images_without_text)
        for file, page in pages.items()
        if page.images_without_text
    ]


def test_a_link_to_a_page_has_a_card(pages):
    """Chats and social networks show a title, a sentence and a picture."""
    for file, page in pages.items():
        if file.name not in NO_PAGES:
            assert {"og:title", "og:image", "og:description"} <= set(page.meta), file.name


def test_the_site_says_what_it_has_to_language_models(site, pages):
    """`llms.txt` names each page, and `llms-full.txt` contains their text."""
    listed = (site / "llms.txt").read_text(encoding="utf-8")
    full = (site / "llms-full.txt").read_text(encoding="utf-8")
    for file in pages:
        if file.name not in NO_PAGES:
            assert file.relative_to(site).with_suffix("").as_posix() in listed
    assert "How a token is verified" in full
