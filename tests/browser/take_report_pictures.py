"""Makes docs/report.png and docs/report_transcripts.png: the page of `lmgym report` for a benchmark's folder.

Run from the repository: python -m tests.browser.take_report_pictures FOLDER [WHERE]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lmgym_agents.report.html.report import make_report
from tests.browser.chromium import open_browser, prefer_colours

OVERVIEW = "return document.querySelectorAll('.figure .main-svg').length >= 2"
READY = "return document.body?.dataset.state === 'ready' && document.fonts.status === 'loaded'"
POINT = """
const article = document.querySelectorAll('article')[arguments[0]];
const tokens = article.querySelectorAll('.token');
tokens[Math.min(arguments[1], tokens.length - 1)].dispatchEvent(new Event('pointerover', {bubbles: true}));
window.scrollTo(0, 0);
"""


def take_pictures(folder: Path, where: Path, *, scheme: str = "light") -> None:
    """Writes both pictures of the report of a folder."""
    with tempfile.TemporaryDirectory() as name, open_browser(width=1280, height=1050, scale=1.5) as driver:
        page = Path(name) / "report.html"
        page.write_text(make_report(folder, title="lmgym report").html, "utf-8")
        prefer_colours(driver, scheme)
        driver.get(f"file://{page}#overview")
        wait(driver, READY)
        driver.execute_script("for (const e of document.querySelectorAll('.figure')) e.scrollIntoView()")
        wait(driver, OVERVIEW)
        driver.execute_script("window.scrollTo(0, 0)")
        driver.save_screenshot(str(where / "report.png"))
        driver.get("about:blank")
        driver.get(f"file://{page}#compare")
        wait(driver, READY)
        driver.execute_script(POINT, 1, 3)
        driver.save_screenshot(str(where / "report_transcripts.png"))


def wait(driver: object, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 30, 0.05).until(lambda browser: browser.execute_script(script))


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs"))
