"""A person at the page of `lmgym label`: presses keys, reads, looks into the log."""

from __future__ import annotations

import importlib.util

import pytest

from lmgym.preferences.annotators import Comparison
from lmgym.preferences.log import read_preferences
from tests.browser.chromium import MISSING, find_programs

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(find_programs() is None or not importlib.util.find_spec("selenium"), reason=MISSING),
    pytest.mark.skipif(not importlib.util.find_spec("uvicorn"), reason='needs pip install "lmgym[label]"'),
]

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(5)]
SHIFT, LEFT, RIGHT, DOWN, ESCAPE, TAB = "\ue008", "\ue012", "\ue014", "\ue015", "\ue00c", "\ue004"


class Page:
    """The page in the browser, its server and its log."""

    def __init__(self, driver, client, desk):
        self.driver, self.client, self.desk = driver, client, desk

    def open(self):
        self.driver.get(self.client.address)
        self.wait("document.body?.dataset.state === 'ready'")

    def reload(self):
        self.driver.refresh()
        self.wait("document.body?.dataset.state === 'ready'")

    def wait(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.02).until(
            lambda browser: browser.execute_script(f"return {condition}")
        )

    def press(self, keys):
        """Presses keys wherever the focus is; SHIFT holds for the rest."""
        from selenium.webdriver.common.action_chains import ActionChains

        actions = ActionChains(self.driver, duration=0)
        if keys.startswith(SHIFT):
            actions.key_down(SHIFT).send_keys(keys[1:]).key_up(SHIFT)
        else:
            actions.send_keys(keys)
        actions.perform()

    def say(self, keys, number):
        """Presses keys that say something, and waits until so many questions are answered."""
        self.press(keys)
        self.wait_for(number)

    def wait_for(self, number):
        self.wait(f"document.body.dataset.state === 'ready' && document.body.dataset.number === '{number}'")

    def text(self, element_id):
        return self.driver.execute_script(
            "return document.getElementById(arguments[0]).textContent", element_id
        )

    def is_shown(self, element_id):
        return self.driver.find_element("id", element_id).is_displayed()

    @property
    def records(self):
        return read_preferences(self.desk.log.path)

    def complaints(self):
        """What the browser's console says, but that a request failed where a test made it fail."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
