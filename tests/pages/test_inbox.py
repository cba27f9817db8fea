from __future__ import annotations

import re

from benchmarks.pages import first_load
from people.services import create_person
from tests.factories import ACTOR
from tests.pages.browser import Page
from tests.pages.office import Office


def listed(page: Page) -> list[str]:
    return [node.attributes["data-item"] for node in page.tree.all("li", class_="item")]


def counts(page: Page) -> list[str]:
    tabs = page.tree.one("nav", class_="tabs").all("a")[:3]
    return [" ".join(tab.text.split()) for tab in tabs]


def test_a_newcomer_is_told_what_to_do(office: Office) -> None:
    page = office.browser(office.rita).get("/")
    assert "Nothing waits" in page.main
    assert "POST /api/v1/requests" in page.main
    assert page.title == "Inbox · Assentry"


def test_the_list_says_what_waits_for_whom_and_how_urgent(office: Office) -> None:
    office.ask("mail.send")
    office.ask("money.pay", {"amount": 7})
    page = office.browser(office.rita).get("/")
    assert page.title == "(2) Inbox · Assentry"
    texts = [" ".join(node.text.split()) for node in page.tree.all("li", class_="item")]
    assert re.fullmatch(
        r"Choose Pay money Pay money.* (59 min|1 h) critical risk · mail-bot asks Reviewers · 0 of 1 given",
        texts[0],
    )
    assert re.fullmatch(
        r"Choose Send a mail Send a mail.* (7 h 59 min|8 h) medium risk · mail-bot asks Reviewers · 0 of 1 given",
        texts[1],
    )


def test_each_sees_only_what_is_theirs(office: Office) -> None:
    asked, led, owned = office.ask(), office.ask("money.pair"), office.ask("table.drop")
    everything = {asked, led, owned}
    expected = {
        # who: what they could decide, what asks their roles, what they may see
        office.rita: ({asked, led}, {asked, led}, {asked, led}),
        office.olga: ({owned}, {asked, led}, everything),
        office.lena: (set(), set(), {led}),
        office.ned: (set(), set(), set()),
        office.vera: (set(), set(), everything),
    }
    for person, (mine, roles, all_) in expected.items():
        browser = office.browser(person)
        page = browser.get("/")
        for view, wanted in (("mine", mine), ("roles", roles), ("all", all_)):
            page = browser.get(f"/?view={view}")
            assert set(listed(page)) == wanted, (person.name, view)
        assert counts(page) == [f"Mine {len(mine)}", f"My roles {len(roles)}", f"All {len(all_)}"]


def test_another_workspace_shows_nothing(office: Office) -> None:
    request_id = office.ask()
    other = Office(office.server)
    browser = other.browser(other.vera)
    assert listed(browser.get("/?view=all")) == []
    absent = browser.get("/requests/req_00000000000000000000000000")
    for path in (
        f"/requests/{request_id}",
        "/requests/req_nonsense",
        "/requests/agt_00000000000000000000000000",
    ):
        page = browser.get(path)
        assert page.status == 404
        assert page.main == absent.main
    for path in ("decide", "reveal", "cancel"):
        token = browser.http.cookies["csrftoken"]
        page = browser.post(f"/requests/{request_id}/{path}", {"csrfmiddlewaretoken": token})
        assert page.status == 404


def test_urgent_first_or_newest_first(office: Office) -> None:
    first, second, third = office.ask("money.pay"), office.ask(), office.ask()
    browser = office.browser(office.rita)
    assert listed(browser.get("/")) == [first, second, third]
    page = browser.get("/?order=created")
    assert listed(page) == [third, second, first]
    assert page.tree.one("a", class_="order").attributes["href"] == "/"


def test_unknown_views_orders_and_cursors_start_at_the_beginning(office: Office) -> None:
    request_id = office.ask()
    page = office.browser(office.rita).get("/?view=secret&order=x&cursor=%00nonsense")
    assert page.status == 200
    assert listed(page) == [request_id]


def test_the_fragment_is_the_list_and_needs_a_session(office: Office) -> None:
    request_id = office.ask()
    browser = office.browser(office.rita)
    page = browser.get("/")
    fragment = page.tree.one("section", id="queue").attributes["data-fragment"]
    found = browser.get(fragment)
    assert listed(found) == [request_id]
    assert not found.tree.all("html")
    browser.http.cookies.clear()
    assert browser.get(fragment, allow_redirects=False).status == 401


def test_somebody_in_two_workspaces_changes_between_them(office: Office) -> None:
    other = Office(office.server)
    create_person(actor=ACTOR, workspace=other.workspace, email=office.vera.user.email)
    here, there = office.ask(), other.ask()
    browser = office.browser(office.rita)
    assert not browser.get("/").tree.all("button", name="workspace")
    browser = office.browser(office.vera)
    page = browser.get("/")
    for wanted, expected in ((office, {here}), (other, set()), (office, {here})):
        page = browser.get("/")
        browser.submit(page.form("/workspace"), workspace=wanted.workspace.slug)
        page = browser.get("/?view=all")
        assert set(listed(page)) == expected
        assert (
            page.tree.one("button", aria_current="true").attributes["value"]
            == wanted.workspace.slug
        )
    assert browser.get(f"/requests/{there}").status == 404
    browser.submit(page.form("/workspace"), workspace=Office(office.server).workspace.slug)
    assert set(listed(browser.get("/?view=all"))) == {here}


def test_a_link_into_ones_other_workspace_opens_there(office: Office) -> None:
    other = Office(office.server)
    create_person(actor=ACTOR, workspace=other.workspace, email=office.olga.user.email)
    browser = office.browser(office.olga)
    request_id = office.ask()
    browser.submit(browser.get("/").form("/workspace"), workspace=other.workspace.slug)
    page = browser.get(f"/requests/{request_id}")
    assert page.status == 200
    assert page.tree.one("button", aria_current="true").attributes["value"] == office.workspace.slug


def test_a_first_visit_loads_little(office: Office) -> None:
    for _ in range(60):  # a full list, and more
        office.ask()
    browser = office.browser(office.rita)
    page = browser.get("/?view=all")
    assert len(listed(page)) == 50
    loaded = first_load(
        page.answer.content, lambda path: browser.http.get(browser.url + path, timeout=30).content
    )
    assert {path.rsplit("/", 1)[-1] for path in loaded} >= {"app.css", "app.js", "htmx.min.js"}
    assert min(loaded.values()) > 100
    assert sum(loaded.values()) < 150_000
