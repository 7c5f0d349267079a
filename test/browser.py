"""A headless Chromium for tests that look at pages, or a skip with the reason where there is none. No tests."""

import os
import shutil
from contextlib import contextmanager

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP, PHONE = (1280, 900), (390, 844)


@contextmanager
def started_browser():
    """A browser of playwright's, closed at the end; NOVIC_CHROMIUM names one that is not on the path."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    program = os.environ.get("NOVIC_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has no sandbox
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def expect(locator):
    """Playwright's assertions, which wait for what they expect."""
    from playwright.sync_api import expect as expected

    return expected(locator)


def complaints_of(page):
    """A list that fills up with what the page's console and its scripts complain of, and with what it loads."""
    found = []
    page.on("console", lambda message: found.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: found.append(f"loads {request.url[:100]}")
            if not request.url.startswith("data:") else None)
    return found
