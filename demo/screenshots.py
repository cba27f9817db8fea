"""Pictures of the main pages, for the docs: ``python -m demo.screenshots --data FOLDER``, while `./up --demo` runs.

A reviewer of the shop signs in with a browser, decides a little, so that there is a past, and looks at the pages
on a desk and on a phone, in light and dark.  Needs a Chromium and the development packages.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

DESK: Final[ViewportSize] = {"width": 1280, "height": 820}
#: A request is longer than that: most of it is seen at once.
TALL: Final[ViewportSize] = {"width": 1280, "height": 1360}
PHONE: Final[ViewportSize] = {"width": 390, "height": 780}
FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "images"
#: Colours of one picture: what pages need, and few bytes.
COLOURS: Final = 128
MOST_BYTES: Final = 150_000
#: How many requests are decided before anything is looked at.
DECIDED: Final = 9

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Shop:
    """Where the demo is, and who works there."""

    url: str
    mail: str
    slack: str
    people: dict[str, str]

    @classmethod
    def of(cls, data: Path, url: str, slack: str) -> Shop:
        """The demo at an address, whose data folder this is."""
        demo: dict[str, Any] = json.loads((data / "demo.json").read_text(encoding="utf-8"))
        mail: dict[str, Any] = json.loads((data / "mailbox.json").read_text(encoding="utf-8"))
        people = {one["email"].partition("@")[0]: one["password"] for one in demo["people"]}
        return cls(url.rstrip("/"), mail["page"], slack, people)


def main(arguments: list[str]) -> int:
    """Take them all; 1 where one is larger than it may be."""
    options = _options(arguments)
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, browsers)), None)
    if program is None:
        sys.exit("There is no Chromium here: install one.")
    options.into.mkdir(parents=True, exist_ok=True)
    shop = Shop.of(options.data, options.url, options.slack)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        taken = list(_pictures(browser, shop, options.into))
        browser.close()
    for path in taken:
        print(f"{path.stat().st_size / 1000:6.0f} kB  {path.name}")
    return int(any(path.stat().st_size > MOST_BYTES for path in taken))


def _options(arguments: list[str]) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="demo.screenshots", description=__doc__)
    reader.add_argument("--data", type=Path, default=Path(".data"), help="the folder of `./up`")
    reader.add_argument("--url", default="http://127.0.0.1:8750", help="where `./up` runs")
    reader.add_argument("--slack", default="", help="the address that plays Slack, as `./up` says")
    reader.add_argument("--into", type=Path, default=FOLDER, help="where the pictures go")
    return reader.parse_args(arguments)


def _pictures(browser: Browser, shop: Shop, into: Path) -> Iterator[Path]:
    with _signed_in(browser, shop, "ana", DESK) as page:
        _decide(page)
        state = page.context.storage_state()
    looks: tuple[tuple[ViewportSize, Scheme], ...] = (
        (DESK, "light"),
        (DESK, "dark"),
        (PHONE, "light"),
        (PHONE, "dark"),
    )
    for size, scheme in looks:
        width = "desk" if size is DESK else "phone"
        with _context(browser, shop, size, scheme, storage_state=state) as context:
            page = context.new_page()
            page.goto("/")
            _settle(page)
            yield _keep(page, into / f"inbox-{width}-{scheme}.png")
            page.set_viewport_size(TALL if size is DESK else size)
            page.locator("[data-item] a").first.click()
            _settle(page)
            yield _keep(page, into / f"request-{width}-{scheme}.png")
    with _signed_in(browser, shop, "olga", DESK) as page:
        for name in ("schedules/finance-duty", "numbers"):
            page.goto(f"/{name}")
            _settle(page)
            yield _keep(page, into / f"{name.partition('/')[0]}-desk-light.png")
    for name, address in (("mail", shop.mail), ("slack", shop.slack)):
        if address:
            with _context(browser, shop, DESK, "light") as context:
                page = context.new_page()
                page.goto(address)
                if name == "mail":
                    page.get_by_role("link", name=re.compile("^High risk")).first.click()
                    page.wait_for_load_state()
                yield _keep(page, into / f"{name}-desk-light.png")


@contextmanager
def _context(
    browser: Browser, shop: Shop, size: ViewportSize, scheme: Scheme, **more: Any
) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=shop.url, viewport=size, color_scheme=scheme, locale="en-GB", **more
    )
    yield context
    context.close()


@contextmanager
def _signed_in(browser: Browser, shop: Shop, name: str, size: ViewportSize) -> Iterator[Page]:
    with _context(browser, shop, size, "light") as context:
        page = context.new_page()
        page.goto("/sign-in")
        page.locator("[name=email]").fill(f"{name}@shop.example")
        page.locator("[name=password]").fill(shop.people[name])
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        yield page


def _decide(page: Page) -> None:
    """A past: some are approved, every third is rejected with a reason."""
    for number in range(DECIDED):
        page.goto("/")
        if page.locator("[data-item] a").count() < 4:
            return
        page.locator("[data-item] a").nth(1).click()
        if page.locator("button#approve").count() == 0:
            return
        if number % 3 == 2:
            page.locator("#reject > summary").click()
            page.get_by_label("The details are wrong").check()
            page.get_by_role("button", name="Reject this request").click()
        else:
            page.locator("#approve").click()
        page.locator(".flash").wait_for()


def _settle(page: Page) -> None:
    """Let the page say that it is live, and what arrived stop glowing."""
    page.wait_for_load_state()
    page.wait_for_timeout(1_800)


def _keep(page: Page, path: Path) -> Path:
    """A picture with few colours, which its pages have anyway."""
    taken = Image.open(io.BytesIO(page.screenshot()))
    taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
