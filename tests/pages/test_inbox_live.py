"""The inbox in a real browser: what arrives is seen at once and moves nothing; everything goes by keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from people.models import Person
from tests.factories import PASSWORD
from tests.pages import chromium
from tests.pages.chromium import Tab
from tests.pages.office import Office, stored

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium on this machine: nothing was opened in one"
)

#: Notes every shift of the layout, and what the list says is new, with when.
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((one) => one.value)))
  .observe({ type: "layout-shift", buffered: false });
"""
ROWS = "[...document.querySelectorAll('[data-item] .name')].map((one) => one.textContent.trim())"


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with chromium.opened() as tab:
        tab.size(1280, 800)
        yield tab


def open_inbox(tab: Tab, office: Office, person: Person, path: str = "/?view=all") -> None:
    tab.call("Network.clearBrowserCookies")
    tab.go(f"{office.server.url}/sign-in")
    tab.run(f"document.querySelector('[name=email]').value = '{person.user.email}'")
    tab.run(f"document.querySelector('[name=password]').value = '{PASSWORD}'")
    tab.run("document.querySelector('main form').requestSubmit()")
    tab.until("location.pathname === '/' && document.querySelector('#queue')")
    tab.go(f"{office.server.url}{path}")
    tab.until("document.querySelector('#live').dataset.state === 'on'")


def test_a_new_request_is_seen_within_a_second_and_moves_nothing(
    browser: Tab, office: Office
) -> None:
    for number in range(3):
        office.ask(payload={"to": str(number)})
    open_inbox(browser, office, office.rita)
    browser.run("document.querySelectorAll('[data-item] > a')[1].focus()")
    browser.run(WATCH)
    time.sleep(0.3)  # the first look after connecting
    browser.run(
        "new Promise((done) => { window.seen = done; new MutationObserver(() => "
        "document.querySelector('#news').hidden || (window.at = performance.now()))"
        ".observe(document.querySelector('#news'), { attributes: true }); done(); })"
    )
    before = browser.run("performance.now()")
    office.ask("money.pay", {"amount": 7})
    browser.until("window.at")
    assert browser.run("window.at") - before < 1000
    assert browser.run("document.querySelector('#news span').textContent") == "1 new: Pay money"
    assert browser.run(ROWS) == ["Send a mail"] * 3
    assert browser.run("document.querySelector('#queue-tabs .num').textContent") == "4"
    office.ask(
        payload={"to": "last"}, expires_in="2d"
    )  # it belongs below: there it may stand at once
    browser.until(
        f"{ROWS}.length === 4 || document.querySelector('#news span').textContent[0] === '2'"
    )
    assert browser.run("window.shifts") == []
    browser.press("n")
    browser.until(f"{ROWS}.length === 5 && document.querySelector('#news').hidden")
    assert browser.run(ROWS)[0] == "Pay money"
    assert browser.run("document.activeElement.textContent.includes('Pay money')")


def test_what_somebody_else_decided_is_said_where_it_stands(browser: Tab, office: Office) -> None:
    first, _second = office.ask(payload={"to": "1"}), office.ask(payload={"to": "2"})
    open_inbox(browser, office, office.rita, "/?view=all&q=send")
    browser.run(WATCH)
    ron = office.browser(office.ron)
    page = ron.get(f"/requests/{first}")
    ron.submit(page.form(f"/requests/{first}/decide", verdict="approve"))
    browser.until(f"document.querySelector('#item-{first}.gone')")
    office.ask("note.say", {"text": "not what is looked for"})
    office.ask(payload={"to": "3"})
    browser.until("/^1 new/.test(document.querySelector('#news span').textContent)")
    said = browser.run("document.querySelector('#news span').textContent")
    assert said == "1 new: Send a mail, 1 gone"
    assert browser.run("window.shifts") == []
    browser.press("n")
    browser.until(f"!document.querySelector('#item-{first}')")
    assert browser.run(ROWS) == ["Send a mail"] * 2


def test_keys_move_choose_search_go_and_close(browser: Tab, office: Office) -> None:
    asked = office.ask()
    office.ask("money.pay", {"amount": 7})
    open_inbox(browser, office, office.rita)
    browser.press("j", "j", "x")
    assert browser.run("document.querySelector('.pick :checked').value") == asked
    assert browser.run("document.querySelector('#chosen-count').textContent") == "1 chosen:"
    browser.press("/", "j", "x")
    assert browser.run("document.activeElement.id + document.activeElement.value") == "qjx"
    browser.press("Escape", "?")
    assert browser.run("document.querySelector('#keys').open")
    lines = "[...document.querySelectorAll('#keys dt')].filter((one) => one.offsetParent)"
    said = browser.run(f"{lines}.map((one) => one.textContent.trim())")
    assert said[:6] == ["j k", "Enter", "x", "n", "/", "Esc"]
    assert "g s" in said
    browser.press("j", "Escape", "g", "s")
    browser.until("location.pathname === '/schedules'")
    browser.press("?")
    assert browser.run(f"{lines}.map((one) => one.textContent.trim())")[:2] == ["Esc", "?"]
    browser.press("Escape", "g", "i")
    browser.until("location.pathname === '/' && document.querySelector('#queue')")
    browser.press("j", "Enter")
    browser.until("document.querySelector('#approve')")
    browser.press("r")
    assert browser.run("document.querySelector('#reject').open")
    browser.press("Escape")
    assert not browser.run("document.querySelector('#reject').open")
    browser.press("a")
    assert browser.run("document.activeElement.id") == "approve"
    assert stored(asked).status == "pending"


def test_single_keys_can_be_switched_off(browser: Tab, office: Office) -> None:
    office.ask()
    open_inbox(browser, office, office.rita)
    browser.press("?")
    browser.run("document.querySelector('#keys-on').click()")
    browser.press("Escape", "j", "g", "s")
    assert browser.run("document.activeElement === document.body")
    assert browser.run("location.pathname") == "/"
    browser.press("?")
    browser.run("document.querySelector('#keys-on').click()")
    browser.press("Escape", "j")
    assert browser.run("document.activeElement.closest('[data-item]') !== null")


def test_an_ended_session_and_a_dead_network_are_said_calmly(browser: Tab, office: Office) -> None:
    office.ask()
    open_inbox(browser, office, office.rita)
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", **offline)
    browser.run("document.querySelector('#queue').dispatchEvent(new CustomEvent('refresh'))")
    browser.until("document.querySelector('#live').textContent === 'Not live'")
    browser.call("Network.emulateNetworkConditions", **{**offline, "offline": False})
    browser.until("document.querySelector('#live').textContent === 'Live'")
    assert browser.run(ROWS) == ["Send a mail"]
    browser.call("Network.clearBrowserCookies")
    browser.run("document.querySelector('#queue').dispatchEvent(new CustomEvent('refresh'))")
    browser.until("document.querySelector('#live').textContent === 'Signed out'")
    assert "sign in again" in browser.run("document.querySelector('#toast').textContent")
    assert browser.run(ROWS) == ["Send a mail"]
