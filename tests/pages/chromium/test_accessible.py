"""Every page keeps to WCAG 2.2 AA as far as axe can tell, in light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from pytest_django import Settings

from core import addresses
from pages import urls
from people.permissions import grant_permission
from tests.factories import ACTOR, PASSWORD, PersonFactory
from tests.notifications.mail_desk import LINK_RULE, desk_of
from tests.notifications.postbox import Postbox
from tests.pages.chromium.house import APART, NO_PAGES, PAGES, POSTED, House
from tests.pages.chromium.windows import DESK, PHONE, Windows, too_wide
from tests.pages.doorstep import with_app, with_key
from tests.people.oidc_provider import providing
from tests.promises import ask
from tests.server import Live

TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WHOLE: Final = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
#: What the colours of a scheme, or the width of a window, can break.
COLOURS: Final = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
SIZES: Final = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "target-size", "scrollable-region-focusable"],
    }
}


@pytest.fixture(scope="module")
def house(server: Live, chromium: Browser) -> Iterator[House]:
    """One for all of them; its endpoint may be on this machine meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
        addresses.allowed_networks.cache_clear()
        found = House(server)
        yield found
        # What it promised would meet the workers of other tests.
        ask("DELETE FROM core_due WHERE workspace_id = %s RETURNING 1", found.office.workspace.id)
    addresses.allowed_networks.cache_clear()


@pytest.fixture(scope="module")
def page(house: House, chromium: Browser) -> Iterator[Page]:
    """One window for all of them, Vera's."""
    found = Windows(chromium, house.office.server.url)
    yield found.open(house.office.vera, reduced_motion="reduce")
    found.close()
    assert found.wrong == []


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds, one line each: the rule, and where."""
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for one in found
        for node in one["nodes"][:3]
    ]


def looked_through(page: Page) -> list[str]:
    """What is wrong with the page that a window shows, in both schemes and sizes."""
    # What is folded is part of the page.
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
    wrong: list[str] = []
    for scheme, size, options in (
        ("light", DESK, WHOLE),
        ("dark", DESK, COLOURS),
        ("dark", PHONE, COLOURS),
        ("light", PHONE, SIZES),
    ):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # "light" or "dark"
        page.set_viewport_size(size)
        name = f"{scheme} {size['width']}"
        wrong += [f"{name}: {one}" for one in violations(page, options)]
        wrong += [f"{name}: stands out to the right: {one}" for one in too_wide(page)]
    page.set_viewport_size(DESK)
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(page: Page, house: House, name: str) -> None:
    answer = page.goto(PAGES[name](house))
    assert answer is not None
    assert answer.status == (404 if name == "no such page" else 200), page.inner_text("body")[:500]
    assert answer.headers["content-type"].startswith("text/html")
    assert looked_through(page) == []
    assert page.locator("main h1").count() == 1


def test_nor_in_the_menus(page: Page, house: House) -> None:
    page.goto("/channels")
    assert page.locator("nav details[open]").count() == 0
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for menu in ("nav .menu", ".you"):
            page.locator(f"{menu} > summary").click()
            assert page.locator(".menu[open]").count() == 1
            assert violations(page, WHOLE) == []
            assert too_wide(page) == []
        page.keyboard.press("Escape")
        assert page.locator(".menu[open]").count() == 0
        assert page.evaluate("document.activeElement.matches('.you > summary')")
    page.set_viewport_size(DESK)


@pytest.mark.parametrize("opened", ["approve", "reject", "edit", "return"])
def test_nor_while_deciding(page: Page, house: House, opened: str) -> None:
    page.goto(f"/requests/{house.pending}")
    if opened != "approve":
        page.locator(f"#{opened} > summary").click()
    wrong = [*violations(page, WHOLE)]
    page.set_viewport_size(PHONE)
    assert [*wrong, *violations(page, SIZES), *too_wide(page)] == []
    page.set_viewport_size(DESK)


def test_nor_where_one_is_not_signed_in(windows: Windows, house: House) -> None:
    page = windows.open()
    for path in ("/forgot-password", house.account, "/sign-in"):
        page.goto(path)
        assert page.locator("main h1").count() == 1
        assert looked_through(page) == [], path
    page.locator("[name=email]").fill("nobody@demo.example")
    page.locator("[name=password]").fill("wrong horse battery staple")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert looked_through(page) == []


def test_nor_where_a_second_factor_is_asked_for(windows: Windows, house: House) -> None:
    office = house.office
    una = PersonFactory(workspace=office.workspace, name="Una U")
    for permission in ("view", "administer"):
        grant_permission(actor=ACTOR, workspace=office.workspace, person=una, permission=permission)
    app = with_app(una)
    with_key(una)
    page = windows.open(path="/sign-in")
    page.locator("[name=email]").fill(una.user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in/second**")
    assert looked_through(page) == []
    page.locator("[name=code]").first.fill("000000")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert looked_through(page) == []
    page.locator("[name=code]").first.fill(app.fresh())
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto(f"/requests/{office.ask('money.pay')}")
    page.locator("#glass > summary").click()
    assert violations(page, WHOLE) == []
    page.locator("#glass-text").fill("The shop is down.")
    page.locator("#glass button").click()
    page.locator("h1", has_text="One more thing").wait_for()
    assert looked_through(page) == []
    page.locator("#code").fill("000000")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert looked_through(page) == []


def test_nor_on_the_way_to_a_provider(
    windows: Windows, house: House, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    with providing(monkeypatch) as oidc:
        settings.OIDC = oidc.as_provider()
        oidc.person = {"sub": "nobody", "email": "nobody@example.com", "email_verified": True}
        page = windows.open(path="/sign-in")
        assert looked_through(page) == []
        page.get_by_text("Sign in with Example ID").click()
        page.locator("h1", has_text="Not signed in with Example ID").wait_for()
        assert looked_through(page) == []
        page = windows.open(house.office.ron, "/settings")
        assert looked_through(page) == []
        page.locator("form[action*='/sign-in/oidc/link'] button").click()
        page.get_by_text("Continue to Example ID").wait_for()
        assert looked_through(page) == []


def test_nor_on_the_page_of_a_mails_link(windows: Windows, box: Postbox) -> None:
    desk = desk_of(box, LINK_RULE, risk="low")
    desk.asked(summary="Please.")
    assert looked_through(windows.open(path=desk.link("ana"))) == []


def test_every_address_is_looked_at_or_known_to_be_no_page() -> None:
    """A page that is added comes to the list above, or this fails."""
    names = {one.name for one in urls.urlpatterns}
    listed = {name.partition(":")[0] for name in PAGES} - {"no such page"}
    assert names - APART - NO_PAGES - POSTED == listed
    assert len(listed) + len(APART | NO_PAGES | POSTED) == len(names)
