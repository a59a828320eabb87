"""The documentation site is built without a warning, and asks the network for nothing."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from tests.browser.chromium import open_browser
from tests.docs.pages import DOCS, PAGES, ROOT, name_of

pytest.importorskip("mkdocs")
pytestmark = pytest.mark.slow

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}
FETCHED_LINKS = {"stylesheet", "preconnect", "preload", "prefetch", "dns-prefetch", "icon", "modulepreload"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Fetches(HTMLParser):
    """Collects what a browser loads by itself: not the links that a reader may follow."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in FETCHED and values.get(FETCHED[tag]):
            self.urls.append(values[FETCHED[tag]])
        if tag == "link" and FETCHED_LINKS & set((values.get("rel") or "").split()):
            self.urls.append(values.get("href") or "")


def fetches(html):
    parser = Fetches()
    parser.feed(html)
    return parser.urls


def is_foreign(url):
    return url.startswith(("http:", "https:", "//"))


def test_what_is_fetched_is_told_from_what_is_linked():
    page = (
        '<a href="https://a"></a><script src="https://b"></script><link rel="icon" href="c"><img src="//d">'
    )
    assert fetches(page) == ["https://b", "c", "//d"]
    assert [is_foreign(url) for url in fetches(page)] == [True, False, True]


def test_no_page_and_no_style_asks_the_network_for_anything(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        assert not [url for url in fetches(page.read_text("utf-8")) if is_foreign(url)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text("utf-8")), style


def test_every_page_of_docs_is_in_the_site_and_what_it_shows_is_there(site):
    for page in PAGES:
        assert (site / name_of(page)).with_suffix(".html").is_file(), name_of(page)
    for html in site.rglob("*.html"):
        for url in fetches(html.read_text("utf-8")):
            if html.name != "404.html":
                assert (html.parent / url.partition("?")[0].partition("#")[0]).exists(), (html, url)


def test_the_search_finds_words_of_pages(site):
    index = (site / "search" / "search_index.json").read_text("utf-8")
    for words in ("lmgym/Math-v0", "proximal policy optimisation", "make_reward"):
        assert words in index


def test_the_api_reference_names_modules_that_are_there(site):
    page = (site / "reference" / "rewards.html").read_text("utf-8")
    assert 'id="lmgym.rewards.terms.Correct"' in page
    assert not (site / "generator").exists()
    assert (DOCS / "generator").exists()


@pytest.mark.browser
def test_the_search_works_on_a_site_that_is_opened_from_a_folder(site):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    with open_browser() as driver:
        driver.get((site / "index.html").as_uri())
        box = driver.find_element(By.CSS_SELECTOR, "input.md-search__input")
        box.click()
        box.send_keys("sliding puzzle")
        titles = (
            "return [...document.querySelectorAll('.md-search-result__article h1')].map(e => e.textContent)"
        )
        WebDriverWait(driver, 30).until(lambda _: "lmgym/SlidingPuzzle-v0" in driver.execute_script(titles))
        assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
