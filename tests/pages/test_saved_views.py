"""Views that people save: tabs of their own, in their own order."""

from __future__ import annotations

from approvals import saved_views
from approvals.models import SavedView
from tests.events import kinds_of
from tests.pages.browser import Browser, Page
from tests.pages.office import Office


def tabs(page: Page) -> list[str]:
    return [" ".join(tab.text.split()) for tab in page.tree.one("nav", class_="tabs").all("a")]


def save(browser: Browser, address: str, name: str) -> Page:
    page = browser.get(address)
    return browser.submit(page.form("/views"), name=name)


def press(browser: Browser, view: str, do: str, name: str = "") -> Page:
    page = browser.get("/views")
    forms = page.tree.one("li", id=f"view-{_id(page, view)}").all("form")
    form = next(one for one in forms if one.all("button", value=do) or one.all("input", value=do))
    return browser.submit(form, do=do, name=name)


def _id(page: Page, name: str) -> str:
    [row] = [one for one in page.tree.all("li") if one.all("b") and one.one("b").text == name]
    return row.attributes["id"].removeprefix("view-")


def test_a_view_is_a_tab_that_finds_what_it_found(office: Office) -> None:
    pay = office.ask("money.pay", {"amount": 7})
    office.ask()
    rita = office.browser(office.rita)
    assert not rita.get("/?view=all").tree.all("form", action="/views")
    page = save(rita, "/?view=all&risk=critical&q=pay", "Big <b>money</b>")
    assert page.answer.url == f"{office.server.url}/?view=all&risk=critical&q=pay"
    assert "Saved as “Big <b>money</b>”." in page.main
    assert tabs(page) == ["Mine 2", "My roles 2", "All 2", "Past", "Big <b>money</b>"]
    assert page.tree.one("nav", class_="tabs").one("a", aria_current="true").text.startswith("Big")
    assert not page.tree.all("form", action="/views")
    [item] = page.tree.all("li", class_="item")
    assert item.attributes["data-item"] == pay
    assert kinds_of(office.workspace.id)[-1] == "view.saved"
    assert tabs(office.browser(office.ron).get("/")) == ["Mine 2", "My roles 2", "All 2", "Past"]


def test_they_are_ordered_renamed_deleted_and_one_may_open_the_inbox(office: Office) -> None:
    rita = office.browser(office.rita)
    for name in ("One", "Two", "Three"):
        save(rita, f"/?view=all&q={name}", name)
    press(rita, "Three", "earlier")
    press(rita, "Three", "earlier")
    press(rita, "One", "later")
    press(rita, "Two", "rename", name="  Second   best ")
    press(rita, "Three", "default")
    assert tabs(rita.get("/"))[-3:] == ["Three", "Second best", "One"]
    opened = rita.get("/")
    assert opened.answer.url == f"{office.server.url}/?view=all&q=Three"
    mine = opened.tree.one("nav", class_="tabs").all("a")[0].attributes["href"]
    assert mine == "/?view=mine"
    assert rita.get(mine).answer.url == f"{office.server.url}/?view=mine"
    press(rita, "One", "default")
    theirs = SavedView.objects.filter(person_id=office.rita.id, is_default=True)
    assert [one.name for one in theirs] == ["One"]
    press(rita, "One", "delete")
    assert rita.get("/").answer.url == f"{office.server.url}/"
    assert [one.position for one in saved_views.listed(person=office.rita)] == [0, 1]
    assert kinds_of(office.workspace.id)[-1] == "view.removed"


def test_what_is_refused_says_why_and_saves_nothing(office: Office) -> None:
    rita = office.browser(office.rita)
    save(rita, "/?view=all&q=one", "One")
    page = save(rita, "/?view=all&q=two", "One")
    assert page.status == 409
    assert "You have a view “One” already: choose another name." in page.main
    page = rita.submit(page.tree.one("form", id="again"), name="Two")
    assert tabs(page)[-2:] == ["One", "Two"]
    for name in ("  ", "x" * 61, "a\u202eb"):
        assert save(rita, "/?view=all&q=three", name).status == 422
    page = rita.get("/?view=all&q=three")
    form = page.form("/views")
    for query, said in (
        ("view=all&nonsense=1", "“nonsense” is no filter"),
        ("view=x", "view: One of"),
        ("order=urgency&state=past", "order: One of ended, or created here."),
    ):
        answer = rita.submit(form, name="Three", query=query)
        assert answer.status == 422
        assert said in answer.main
    for number in range(saved_views.MOST - 2):
        save(rita, f"/?view=all&q={number}x", f"View {number}")
    page = save(rita, "/?view=all&q=more", "One too many")
    assert page.status == 409
    assert "There are 20 views already" in page.main
    assert SavedView.objects.filter(person=office.rita).count() == saved_views.MOST


def test_nobody_changes_anothers(office: Office) -> None:
    rita, ron = office.browser(office.rita), office.browser(office.ron)
    save(rita, "/?view=all&q=one", "One")
    path = f"/views/{_id(rita.get('/views'), 'One')}"
    token = ron.http.cookies["csrftoken"]
    for do in ("delete", "rename", "default", "later"):
        sent = {"csrfmiddlewaretoken": token, "workspace": office.workspace.slug, "do": do}
        assert ron.post(path, {**sent, "name": "Mine now"}).status == 404
    assert SavedView.objects.get(person=office.rita).name == "One"
