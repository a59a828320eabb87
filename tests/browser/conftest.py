"""One browser for all tests of a file, and the labelling page in it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.browser.chromium import open_browser
from tests.browser.label_page import QUESTIONS, Page
from tests.lmgym.preferences.label_server import serve


@pytest.fixture(scope="module")
def driver():
    with open_browser() as driver:
        yield driver


@pytest.fixture
def label(driver, tmp_path):
    @contextmanager
    def make(questions=QUESTIONS, **options):
        driver.get_log("browser")
        with serve(questions, tmp_path / "log.jsonl", **options) as (client, desk):
            page = Page(driver, client, desk)
            page.open()
            yield page

    return make
