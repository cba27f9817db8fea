"""By keyboard alone: every control is reached, the focus is seen, and nothing holds it."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.pages.chromium.windows import DESK, PHONE, Windows, tab_to
from tests.pages.office import Office, votes

#: Everything that Tab should reach, named as `_HERE` names it; of radios only one of a group is.
_ALL: Final = """() => {
  const seen = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0'], pre[tabindex]")]
    .filter(e => e.checkVisibility() && !e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && e.type !== "radio");
  window.numbers = new Map(seen.map((e, n) => [e, `${n}`]));
  return seen.map((e, n) => `${n} ${e.outerHTML.slice(0, 90)}`);
}"""
#: Which one has the focus, and whether a sighted person can tell: it is in the window, and framed.
_HERE: Final = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
  return {n: numbers.get(e) ?? "", html: e.outerHTML.slice(0, 90),
          inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
          framed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2};
}"""


def walk(page: Page) -> list[dict[str, Any]]:
    """Every stop of Tab, from the top until the window is left."""
    stops: list[dict[str, Any]] = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return stops
        stops.append(page.evaluate(_HERE))
    raise AssertionError(f"Tab never left the page; last at {stops[-1]['html']}")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("where", ["request", "settings"])
def test_tab_reaches_everything_and_is_seen(
    office: Office, windows: Windows, where: str, size: ViewportSize
) -> None:
    request_id = office.ask(payload={"to": "ana@example.com", "note": "x" * 900})
    path = f"/requests/{request_id}" if where == "request" else "/settings"
    page = windows.open(office.rita, path, viewport=size, reduced_motion="reduce")
    expect(page.locator("#live")).to_have_text("Live")
    page.wait_for_timeout(700)  # it looks once more when it is live
    wanted = page.evaluate(_ALL)
    stops = walk(page)
    reached = {one["n"] for one in stops}
    assert [one for one in wanted if one.split()[0] not in reached] == []
    assert [one["html"] for one in stops if not (one["inside"] and one["framed"])] == []
    assert "skip" in stops[0]["html"]


def test_the_skip_link_leads_past_the_frame(office: Office, windows: Windows) -> None:
    page = windows.open(office.rita, "/settings")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_menus_open_and_close_by_keyboard(office: Office, windows: Windows) -> None:
    page = windows.open(office.rita, "/")
    tab_to(page, ".you > summary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.you') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('.you > summary')")


def test_without_scripts_the_menus_still_open_and_people_decide(
    office: Office, windows: Windows
) -> None:
    request_id = office.ask()
    page = windows.open(office.rita, "/", java_script_enabled=False, viewport=PHONE)
    page.locator("nav summary").click()
    expect(page.get_by_role("link", name="Schedules")).to_be_visible()
    page.locator(".you > summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto("/")
    page.locator("[data-item] a").click()
    page.locator("#reject > summary").click()
    page.get_by_label("Not needed, or already done").check()
    page.get_by_role("button", name="Reject this request").click()
    expect(page.get_by_text("You rejected.")).to_be_visible()
    assert votes(request_id) == [("reject", "Not needed, or already done")]
