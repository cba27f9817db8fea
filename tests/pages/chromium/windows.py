"""A real browser, with scripts and a keyboard: windows of it, and what went wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, ViewportSize

from people.models import Person
from tests.factories import PASSWORD
from tests.pages.browser import Browser as Plain

PROGRAM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: No sandbox: in containers there is none to be had, and what is opened is our own. No clock of 60 Hz.
ARGUMENTS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}

#: Whatever the page's policy forbids, and every dialog, is noted before any script of the page runs.
_WATCH: Final = """
addEventListener("securitypolicyviolation", (e) => console.error(`FORBIDDEN ${e.violatedDirective} ${e.blockedURI}`));
"""
#: What Chromium says of a document or fragment that was answered with an error: the tests ask for it.
_ANSWERED: Final = "Failed to load resource: the server responded with a status of"


@dataclass
class Windows:
    """The windows of one test.  Each has cookies of its own; what went wrong in any stands in ``wrong``."""

    browser: Browser
    url: str
    wrong: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self, who: Person | Plain | None = None, path: str | None = None, **options: Any
    ) -> Page:
        """A window, signed in as somebody, at a path.

        Args:
            who: a person, who signs in now; or a browser without scripts that did.
            path: opened at once; None: nothing is.
            options: of a Playwright context; ``viewport`` is that of a desk unless given.
        """
        options = {"viewport": DESK, "base_url": self.url, "locale": "en-GB"} | options
        context = self.browser.new_context(**options)
        context.set_default_timeout(15_000)
        context.add_init_script(_WATCH)
        self.contexts.append(context)
        if who is not None:
            plain = who if isinstance(who, Plain) else self._sign_in(who)
            cookies = plain.http.cookies
            context.add_cookies(
                [{"name": c.name, "value": c.value or "", "url": self.url} for c in cookies]
            )
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", self._console)
        page.on("dialog", self._dialog)
        if path is not None:
            page.goto(path)
        return page

    def close(self) -> None:
        """All of them."""
        for context in self.contexts:
            context.close()

    def _sign_in(self, person: Person) -> Plain:
        plain = Plain(self.url)
        plain.sign_in(person.user.email, PASSWORD)
        return plain

    def _console(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(_ANSWERED):
            self.wrong.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def path_of(page: Page) -> str:
    """Where a window is, without host and query."""
    return urlsplit(page.url).path


def slow(page: Page, *, latency_ms: int, kilobytes_s: int = 50) -> CDPSession:
    """Let a window's network be slow from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    rate = kilobytes_s * 1024
    conditions = {"offline": False, "latency": latency_ms}
    session.send(
        "Network.emulateNetworkConditions",
        {**conditions, "downloadThroughput": rate, "uploadThroughput": rate},
    )
    return session


def focused(page: Page) -> str:
    """The element that has the focus, told apart from others: its tag, id, name, address or words."""
    return str(
        page.evaluate(
            """() => { const e = document.activeElement;
              return [e.localName, e.id, e.name, e.getAttribute("href"), e.textContent.trim().slice(0, 40)]
                .filter(Boolean).join(" "); }"""
        )
    )


def tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until the element that this selector finds has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"Tab never led to {wanted}; it is at {focused(page)}")


def too_wide(page: Page) -> list[str]:
    """What stands out of the window to the right, so that the page scrolls sideways."""
    found: Sequence[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
               .map(e => e.localName + "." + e.className).slice(0, 5)"""
    )
    return list(found)
