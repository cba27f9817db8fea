"""The page of a mail's link in a real browser: of a scanner with scripts, and of a person with a keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from approvals.models import Decision
from notifications.models import Notification
from tests.approvals.world import uuid_of
from tests.notifications.mail_desk import LINK_RULE, MailDesk, desk_of
from tests.notifications.postbox import Postbox
from tests.pages.chromium.windows import PHONE, Windows, tab_to, too_wide


@pytest.fixture
def desk(box: Postbox) -> MailDesk:
    return desk_of(box, LINK_RULE, risk="low")


def told(request: dict[str, Any]) -> list[Any]:
    """What stands of its messages."""
    return list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id").values())


def decided(request: dict[str, Any]) -> int:
    return Decision.objects.filter(request_id=uuid_of(request)).count()


def test_a_scanner_that_runs_scripts_and_follows_every_link_decides_nothing(
    desk: MailDesk, windows: Windows
) -> None:
    request = desk.asked()
    before = told(request)
    page = windows.open(viewport=PHONE)
    for name in ("ana", "ben"):
        page.goto(desk.link(name))
        page.evaluate(
            """async () => {
              for (const type of ['mouseover', 'focus', 'pointerdown', 'pointerup', 'touchstart', 'scroll'])
                for (const one of document.querySelectorAll('*')) one.dispatchEvent(new Event(type, {bubbles: true}));
              window.scrollTo(0, 99999);
              await new Promise(done => setTimeout(done, 1000));
            }"""
        )
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
        assert links
        for link in links:
            page.goto(link)
    assert (decided(request), told(request)) == (0, before)


def test_even_one_that_presses_the_button_decides_nothing(desk: MailDesk, windows: Windows) -> None:
    request = desk.asked()
    page = windows.open(path=desk.link("ana"))
    page.locator("main form button").first.click()
    expect(page.locator(".wrong")).to_contain_text("Nothing was decided")
    assert decided(request) == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_decides_with_the_keyboard_alone(
    desk: MailDesk, windows: Windows, width: int
) -> None:
    request = desk.asked(payload={"amount": 20, "note": "x" * 400}, summary="Please " * 200)
    page = windows.open(viewport={"width": width, "height": 844})
    sent: list[dict[str, str]] = []
    page.on("request", lambda one: sent.append(one.all_headers()) if one.method == "POST" else None)
    page.goto(desk.link("ana"))
    assert page.evaluate("document.activeElement === document.body")
    assert too_wide(page) == []
    tab_to(page, "[name=verdict]")
    assert page.locator("input:checked").count() == 0
    page.keyboard.press(" ")
    assert chosen(page) == "approve"
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("You approved.")
    vote = Decision.objects.get(request_id=uuid_of(request))
    assert (vote.verdict, vote.channel, vote.assurance) == ("approve", "email", "link")
    # It is what browsers do on a page that gives no referrer, and why the page's own check is needed.
    [headers] = sent
    assert headers.get("origin") == "null"
    assert "referer" not in headers


def chosen(page: Page) -> str:
    return page.locator("input:checked").input_value()
