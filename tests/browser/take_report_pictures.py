"""Makes docs/report.png, report_curves.png and report_transcripts.png from a benchmark's folder.

Run from the repository: python -m tests.browser.take_report_pictures FOLDER [WHERE [PART]]
PART is what the first picture shows: overview (the default), environments/0 ...
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lmgym_agents.report.html.report import make_report
from tests.browser.chromium import open_browser, prefer_colours

DRAWN = "return document.querySelectorAll('.figure .main-svg').length >= 1"
CURVES = """
const heading = [...document.querySelectorAll('h3')].find((e) => e.textContent === 'Learning curves');
return [...document.querySelectorAll('.figure')].find(
  (e) => heading && heading.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING) ?? null;
"""
READY = "return document.body?.dataset.state === 'ready' && document.fonts.status === 'loaded'"
POINT = """
for (const token of document.querySelectorAll('.parting')) {
  token.dispatchEvent(new Event('pointerover', {bubbles: true}));
}
window.scrollTo(0, 0);
"""


def take_pictures(folder: Path, where: Path, *, part: str = "overview", scheme: str = "light") -> None:
    """Writes the pictures of the report of a folder."""
    with tempfile.TemporaryDirectory() as name, open_browser(width=1280, height=1050, scale=1.5) as driver:
        page = Path(name) / "report.html"
        page.write_text(make_report(folder, title="lmgym report").html, "utf-8")
        prefer_colours(driver, scheme)
        driver.get(f"file://{page}#{part}")
        wait(driver, READY)
        driver.execute_script("for (const e of document.querySelectorAll('.figure')) e.scrollIntoView()")
        wait(driver, DRAWN)
        driver.execute_script("window.scrollTo(0, 0)")
        driver.save_screenshot(str(where / "report.png"))
        if (curves := driver.execute_script(CURVES)) is not None:
            driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", curves)
            wait(driver, "return document.querySelectorAll('.figure .scatterlayer').length >= 1")
            curves.screenshot(str(where / "report_curves.png"))
        driver.get("about:blank")
        driver.get(f"file://{page}#compare")
        wait(driver, READY)
        driver.execute_script(POINT)
        driver.save_screenshot(str(where / "report_transcripts.png"))


def wait(driver: object, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 30, 0.05).until(lambda browser: browser.execute_script(script))


if __name__ == "__main__":
    folder, where, part = (sys.argv[1:] + ["docs", "overview"][len(sys.argv) - 2 :])[:3]
    take_pictures(Path(folder), Path(where), part=part)
