"""The page of a mail's link in a real browser: of a scanner with scripts, and of a person with a keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvals.models import Decision
from notifications.models import Notification
from tests.approvals.world import uuid_of
from tests.notifications.mail_desk import LINK_RULE, MailDesk, desk_of
from tests.notifications.postbox import Postbox
from tests.pages import chromium
from tests.pages.chromium import Tab
from tests.server import Live

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium on this machine: nothing was opened in one"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with chromium.opened() as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    """Without cookies."""
    browser.call("Network.clearBrowserCookies")
    browser.size(390, 844)
    browser.sent.clear()
    return browser


@pytest.fixture
def desk(box: Postbox) -> MailDesk:
    return desk_of(box, LINK_RULE, risk="low")


def test_a_scanner_that_runs_scripts_and_follows_every_link_decides_nothing(
    server: Live, desk: MailDesk, tab: Tab
) -> None:
    request = desk.asked()
    before = list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id").values())
    for name in ("ana", "ben"):
        tab.go(server.url + desk.link(name))
        tab.run(
            """(async () => {
              for (const type of ['mouseover', 'focus', 'pointerdown', 'pointerup', 'touchstart', 'scroll'])
                for (const one of document.querySelectorAll('*')) one.dispatchEvent(new Event(type, {bubbles: true}));
              window.scrollTo(0, 99999);
              await new Promise(done => setTimeout(done, 1500));
            })()"""
        )
        links = tab.run("[...document.querySelectorAll('a[href]')].map(a => a.href)")
        assert links
        for link in links:
            tab.go(link)
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 0
    after = list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id").values())
    assert after == before


def test_even_one_that_presses_the_button_decides_nothing(
    server: Live, desk: MailDesk, tab: Tab
) -> None:
    request = desk.asked()
    tab.go(server.url + desk.link("ana"))
    tab.run("document.querySelector('main form button').click()")
    tab.until("document.querySelector('.wrong')")
    assert "Nothing was decided" in tab.run("document.querySelector('.wrong').textContent")
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_decides_with_the_keyboard_alone(
    server: Live, desk: MailDesk, tab: Tab, width: int
) -> None:
    request = desk.asked(payload={"amount": 20, "note": "x" * 400}, summary="Please " * 200)
    tab.size(width, 844)
    tab.go(server.url + desk.link("ana"))
    assert tab.run("document.activeElement === document.body")
    assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
    for _ in range(20):
        if tab.run("document.activeElement.name") == "verdict":
            break
        tab.press("Tab")
    assert tab.run("document.querySelectorAll('input:checked').length") == 0
    tab.press(" ")
    assert tab.run("document.querySelector('input:checked').value") == "approve"
    tab.press("Tab", "Tab")
    assert tab.run("document.activeElement.tagName") == "BUTTON"
    tab.press("Enter")
    tab.until("document.querySelector('h1').textContent === 'You approved.'")
    vote = Decision.objects.get(request_id=uuid_of(request))
    assert (vote.verdict, vote.channel, vote.assurance) == ("approve", "email", "link")
    # It is what browsers do on a page that gives no referrer, and why the page's own check is needed.
    assert "null" in {one.get("Origin") for one in tab.sent}
    assert not [one for one in tab.sent if "Referer" in one]
