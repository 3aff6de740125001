"""The site of the documents: strict about links, complete on disk, and asking for nothing outside."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from headless import Browser

ROOT = Path(__file__).resolve().parents[2]
# What the pages are made of beside their own folder, and what they link to.
BESIDE = ("sample_models", "onnx_roofline", "hw_profiles", "tests", "action.yml", "README.md")


def build(docs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The build of `make docs`."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", f"{out}.trees", docs, out],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def copied(folder: Path) -> Path:
    """The pages in a folder of the test's own, with what they include beside it."""
    for name in BESIDE:
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "CHANGES.md", folder)  # its links are followed from where it lies
    return Path(shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("generated")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("site")
    done = build(copied(folder), folder / "out")
    assert done.returncode == 0, done.stderr
    return folder / "out"


class Page(HTMLParser):
    """Links, ids and sources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("img", "script", "iframe") and "src" in found:
            self.sources.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.sources.append(found["href"])


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 20
    dead = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            file, anchor = urldefrag(unquote(link))
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].ids):
                dead.append((path.name, link))
    assert dead == []


def test_sources_are_files_of_the_site(site: Path) -> None:
    for path in site.rglob("*.html"):
        for source in Page(path.read_text("utf-8")).sources:
            assert source.startswith("data:") or (path.parent / source.split("?")[0]).exists(), (path.name, source)
    for path in site.rglob("*.css"):
        assert re.findall(r"@import|url\(\s*[\"']?(?:https?:)?//", path.read_text("utf-8")) == [], path.name


def test_the_build_is_strict(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    docs = copied(tmp_path)
    with (docs / "limitations.md").open("a", encoding="utf-8") as page:
        page.write("\n[one](nowhere.md), [two](time.md#no-such-heading), [three](#nor-here)\n")
    (docs / "lost.md").write_text("# A page in no list of contents\n", "utf-8")
    done = build(docs, tmp_path / "out")
    assert done.returncode != 0
    for wanted in ("nowhere.md", "no-such-heading", "nor-here", "lost.md"):
        assert wanted in done.stderr


LOADED = "document.readyState === 'complete' && location.href.startsWith('file:')"


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_open_from_disk_and_ask_for_nothing(browser: Browser, site: Path, width: int) -> None:
    browser.resize(width, 900)
    wide = []
    for path in sorted(site.rglob("*.html")):
        browser.go(path.as_uri())
        browser.wait_for(f"{LOADED} && location.href.includes('/{path.name}')")
        assert browser.errors == [], (path.name, browser.errors)
        assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == [], path.name
        if browser.ask("document.scrollingElement.scrollWidth > window.innerWidth"):
            wide.append(path.name)
    assert wide == []


def test_the_search_finds_a_page_from_disk(browser: Browser, site: Path) -> None:
    browser.resize(1280, 900)
    found = "document.querySelector('#search-results a[href^=\"traffic.html\"]') !== null"
    browser.go(f"{(site / 'search.html').as_uri()}?q=residency")
    browser.wait_for(found)
    assert browser.errors == []
