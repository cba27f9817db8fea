"""The inbox in a real browser: what arrives is seen at once and moves nothing; everything goes by keyboard."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page, expect

from people.models import Person
from tests.pages.chromium.windows import Windows, path_of
from tests.pages.office import Office, stored

#: Notes every shift of the layout from now on, and when the list first said that something is new.
WATCH: Final = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(
  ...list.getEntries().map((one) => one.sources.map((each) => each.node?.outerHTML?.slice(0, 90)).join() || one.value)))
  .observe({ type: "layout-shift", buffered: false });
new MutationObserver(() => document.querySelector("#news").hidden || (window.at ??= performance.now()))
  .observe(document.querySelector("#news"), { attributes: true });
"""
LOOK: Final = "document.querySelector('#queue').dispatchEvent(new CustomEvent('refresh'))"


def inbox(windows: Windows, office: Office, person: Person, path: str = "/?view=all") -> Page:
    """A window with the list, which is live and has looked once since it is."""
    page = windows.open(office.browser(person), path)
    with page.expect_response("**/fragments/queue**"):
        pass
    expect(page.locator("#live")).to_have_text("Live")
    return page


def rows(page: Page) -> list[str]:
    """The titles in the list."""
    return [one.strip() for one in page.locator("[data-item] .name").all_inner_texts()]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def lines(page: Page) -> list[str]:
    """What the help sheet says of keys, as far as it shows."""
    found = page.locator("#keys dt").filter(visible=True).all_inner_texts()
    return [" ".join(one.split()) for one in found]


def test_a_new_request_is_seen_within_a_second_and_moves_nothing(
    windows: Windows, office: Office
) -> None:
    for number in range(3):
        office.ask(payload={"to": str(number)})
    page = inbox(windows, office, office.rita)
    page.locator("[data-item] > a").nth(1).focus()
    page.evaluate(WATCH)
    before = page.evaluate("performance.now()")
    office.ask("money.pay", {"amount": 7})
    page.wait_for_function("() => window.at")
    assert page.evaluate("window.at") - before < 1000
    news = page.locator("#news span")
    expect(news).to_have_text("1 new: Pay money")
    assert rows(page) == ["Send a mail"] * 3
    expect(page.locator("#queue-tabs .num").first).to_have_text("4")
    office.ask(payload={"to": "last"}, expires_in="2d")  # it belongs below: there it may stand
    page.wait_for_function(
        "() => document.querySelectorAll('[data-item]').length === 4"
        " || document.querySelector('#news span').textContent[0] === '2'"
    )
    assert page.evaluate("window.shifts") == []
    press(page, "n")
    expect(page.locator("[data-item]")).to_have_count(5)
    expect(page.locator("#news")).to_be_hidden()
    assert rows(page)[0] == "Pay money"
    assert "Pay money" in page.evaluate("document.activeElement.textContent")


def test_what_somebody_else_decided_is_said_where_it_stands(
    windows: Windows, office: Office
) -> None:
    first, _second = office.ask(payload={"to": "1"}), office.ask(payload={"to": "2"})
    page = inbox(windows, office, office.rita, "/?view=all&q=send")
    page.evaluate(WATCH)
    ron = office.browser(office.ron)
    ron.submit(ron.get(f"/requests/{first}").form(f"/requests/{first}/decide", verdict="approve"))
    page.locator(f"#item-{first}.gone").wait_for()
    office.ask("note.say", {"text": "not what is looked for"})
    office.ask(payload={"to": "3"})
    expect(page.locator("#news span")).to_have_text("1 new: Send a mail, 1 gone")
    assert page.evaluate("window.shifts") == []
    press(page, "n")
    expect(page.locator(f"#item-{first}")).to_have_count(0)
    assert rows(page) == ["Send a mail"] * 2


def test_keys_move_choose_search_go_and_close(windows: Windows, office: Office) -> None:
    asked = office.ask()
    office.ask("money.pay", {"amount": 7})
    page = inbox(windows, office, office.rita)
    press(page, "j", "j", "x")
    assert page.locator(".pick :checked").get_attribute("value") == asked
    expect(page.locator("#chosen-count")).to_have_text("1 chosen:")
    press(page, "/", "j", "x")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("jx")
    press(page, "Escape", "?")
    expect(page.locator("#keys")).to_be_visible()
    said = lines(page)
    assert said[:6] == ["j k", "Enter", "x", "n", "/", "Esc"]
    assert "g s" in said
    press(page, "j", "Escape", "g", "s")
    page.wait_for_url("**/schedules")
    press(page, "?")
    assert lines(page)[:2] == ["Esc", "?"]
    press(page, "Escape", "g", "i")
    page.wait_for_url("**/")
    press(page, "j", "Enter")
    page.locator("#approve").wait_for()
    press(page, "r")
    expect(page.locator("#reject[open]")).to_have_count(1)
    press(page, "Escape")
    expect(page.locator("#reject[open]")).to_have_count(0)
    press(page, "a")
    expect(page.locator("#approve")).to_be_focused()
    assert stored(asked).status == "pending"


def test_single_keys_can_be_switched_off(windows: Windows, office: Office) -> None:
    office.ask()
    page = inbox(windows, office, office.rita)
    press(page, "?")
    page.locator("#keys-on").uncheck()
    press(page, "Escape", "j", "g", "s")
    assert page.evaluate("document.activeElement.closest('[data-item]') === null")
    assert path_of(page) == "/"
    press(page, "?")
    page.locator("#keys-on").check()
    press(page, "Escape", "j")
    assert page.evaluate("document.activeElement.closest('[data-item]') !== null")


def test_an_ended_session_and_a_dead_network_are_said_calmly(
    windows: Windows, office: Office
) -> None:
    office.ask()
    page = inbox(windows, office, office.rita)
    live = page.locator("#live")
    page.route("**/fragments/queue**", lambda route: route.abort())
    page.evaluate(LOOK)
    expect(live).to_have_text("Not live")
    windows.wrong.clear()  # the browser says that it could not reach the server
    page.unroute("**/fragments/queue**")
    expect(live).to_have_text("Live")
    assert rows(page) == ["Send a mail"]
    page.context.clear_cookies()
    page.evaluate(LOOK)
    expect(live).to_have_text("Signed out")
    expect(page.locator("#toast")).to_contain_text("sign in again")
    assert rows(page) == ["Send a mail"]
