"""Headless Chromium for tests and pictures: Debian's packages chromium and chromium-driver, and selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MISSING = "needs Chromium: apt-get install chromium chromium-driver, and pip install selenium"


def find_programs() -> tuple[str, str] | None:
    """Returns the paths of browser and driver, or None if one is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def open_browser(*, width: int = 1280, height: int = 800, scale: float = 1.0) -> Iterator[Any]:
    """Yields a WebDriver of a fresh profile whose page has the given size."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    programs = find_programs()
    assert programs is not None, MISSING
    options = ChromeOptions()
    options.binary_location = programs[0]
    flags = [
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
    ]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's sandbox does not run as root
    for flag in flags:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(programs[1]))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


def prefer_colours(driver: Any, scheme: str) -> None:
    """Lets the browser ask for a "light" or "dark" page."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
