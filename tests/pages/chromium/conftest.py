"""One Chromium for all tests of a worker process; a window's cookies are its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.pages.chromium.windows import ARGUMENTS, PROGRAM, Windows
from tests.server import Live


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; `./test` says that these tests were left out where there is none."""
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine: nothing was opened in one")
    # Playwright keeps an event loop running in this thread, beside which Django would refuse to work.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=20_000)  # machines that do much else besides
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def windows(chromium: Browser, server: Live) -> Iterator[Windows]:
    """Windows of the product; afterwards nothing may have gone wrong in any of them."""
    found = Windows(chromium, server.url)
    yield found
    found.close()
    assert found.wrong == []
