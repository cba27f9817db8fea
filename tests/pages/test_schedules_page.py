"""The pages of schedules: who is on duty in words, gaps by name, and overriding by a click."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from people.models import Feed, Override
from people.schedules.feeds import upload
from tests.factories import ACTOR
from tests.pages.browser import Browser, Page
from tests.pages.duty_desk import Desk, typed
from tests.pages.office import Office as Other
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import DAY, HOUR, now
from tests.server import Live


@pytest.fixture
def desk(server: Live) -> Desk:
    return Desk(server)


def words(page: Page, day: int) -> str:
    [li] = [page.tree.one("ol", class_="days").all("li")[day]]
    return " ".join(li.one("p", class_="words").text.split())


def test_the_list_says_who_is_on_duty_and_where_nobody_is(desk: Desk) -> None:
    browser, office = desk.browser(desk.office.max), desk.office
    page = browser.get("/schedules")
    on_duty, _ = office.of_turn(now())
    assert f"duty {on_duty.name}until Mon" in page.main
    assert "sent Nobody is on dutyno handover within 60 days" in page.main
    assert "1 gap in 14 days, 14 d in all; it begins now." in page.main
    assert "No gap in 14 days." in page.main
    here = page.tree.all("a", aria_current="page")
    assert {one.text for one in here} == {"Schedules", "On duty"}


def test_a_workspace_without_schedules_says_so(desk: Desk) -> None:
    other = Other(desk.server)
    assert "There is no schedule." in other.browser(other.ned).get("/schedules").main


def test_a_week_with_gaps_in_words_and_not_only_in_colour(desk: Desk) -> None:
    page = desk.browser(desk.office.max).get("/schedules/office?from=2026-01-09")
    assert words(page, 0) == "00:00–08:00 Gap: nobody 08:00–18:00 Ana Alt 18:00–24:00 Gap: nobody"
    assert words(page, 1) == "00:00–24:00 Gap: nobody"
    days = page.tree.one("ol", class_="days").all("li")
    assert len(days) == 14
    bars = days[0].one("svg", class_="day").all("svg")
    assert [bar.attributes["x"] for bar in bars] == ["0.00%", "33.33%", "75.00%"]
    assert [bar.attributes["class"] for bar in bars] == ["gap", "c0", "gap"]
    assert "style=" not in page.answer.text
    assert "Times are those of Europe/Berlin." in page.main


def test_days_on_which_clocks_change_say_so(desk: Desk) -> None:
    browser = desk.browser(desk.office.max)
    spring = (
        browser.get("/schedules/office?from=2026-03-29").tree.one("ol", class_="days").all("li")
    )
    assert "23 hours: clocks change" in spring[0].text
    assert "clocks change" not in spring[1].text
    autumn = (
        browser.get("/schedules/office?from=2026-10-24").tree.one("ol", class_="days").all("li")
    )
    assert "25 hours: clocks change" in autumn[1].text
    assert len(autumn) == 14
    assert "18:00–24:00" in autumn[13].text, "the last day is a whole one"


def test_a_click_on_a_time_fills_the_form_and_the_form_overrides(desk: Desk) -> None:
    office, at = desk.office, now()
    mine, _ = office.of_turn(at)
    browser = desk.browser(office.ada)
    page = browser.get("/schedules/duty")
    link = page.tree.one("ol", class_="days").all("a")[-1].attributes["href"]
    asked = parse_qs(urlsplit(link).query)
    page = browser.get(f"/schedules/duty{link}")
    form = page.form("/schedules/duty/override")
    begins = form.one("input", name="begins").attributes["value"]
    assert begins == asked["begins"][0]
    assert form.one("input", name="ends").attributes["value"] == asked["ends"][0]
    options = form.one("select").all("option")
    assert {option.text for option in options} == {
        "Ada Admin",
        "Ana Alt",
        "Ben Bern",
        "Caro Cruz",
        "Max Mann",
    }
    assert [option.text for option in options if "selected" in option.attributes] == ["Ada Admin"]

    begin = at + HOUR
    [max_] = [option.attributes["value"] for option in options if option.text == "Max Mann"]
    done = browser.submit(form, person=max_, begins=typed(begin), ends=typed(begin + 2 * HOUR))
    assert "Max Mann is on duty then, in place of everybody else." in done.main
    assert "override" in words(done, 0) + words(done, 1)
    assert office.on_duty("duty", begin + HOUR) == (office.max.id,)
    [row] = Override.objects.filter(workspace=office.workspace)
    assert row.created_by_id == office.ada.id

    back = browser.submit(
        next(f for f in done.tree.all("form") if "/cancel" in f.attributes["action"])
    )
    assert "It is taken back" in back.main
    assert office.on_duty("duty", begin + HOUR) == (mine.id,)


def test_what_does_not_fit_is_said_at_its_field_and_changes_nothing(desk: Desk) -> None:
    browser = desk.browser(desk.office.ada)
    form = browser.get("/schedules/duty").form("/schedules/duty/override")
    who = form.one("select").all("option")[0].attributes["value"]
    at = now() + HOUR
    for fields, said in (
        ({"begins": typed(at), "ends": typed(at - HOUR)}, "It ends after it begins."),
        ({"begins": typed(at), "ends": typed(at + 93 * DAY)}, "At most 92 days"),
        ({"begins": "soon", "ends": typed(at)}, "Write day and time"),
        ({"begins": typed(at), "ends": "9999-12-31T00:00"}, "Write day and time"),
    ):
        page = browser.submit(form, follow=True, person=who, **fields)
        assert page.status == 422
        assert "Nothing was changed." in page.main
        assert said in page.main
        assert page.title.startswith("Error:")
        assert page.tree.one("input", name="begins").attributes["value"] == fields["begins"]
    page = browser.submit(form, person="x", begins=typed(at), ends=typed(at + HOUR))
    assert "Choose somebody." in page.main
    assert not Override.objects.filter(workspace=desk.office.workspace).exists()


def test_members_see_the_form_and_others_only_look(desk: Desk) -> None:
    at, office = now() + HOUR, desk.office
    caro, beside = desk.browser(office.caro), desk.browser(office.max)
    form = caro.get("/schedules/duty").form("/schedules/duty/override")
    offered = {option.text for option in form.one("select").all("option")}
    assert offered == {"Ana Alt", "Ben Bern", "Caro Cruz"}
    page = beside.get("/schedules/duty")
    assert page.tree.all("form", action="/schedules/duty/override") == []
    assert page.tree.one("ol", class_="days").all("a") == []
    token = {
        "csrfmiddlewaretoken": form.one("input", name="csrfmiddlewaretoken").attributes["value"]
    }
    mine = next(
        o.attributes["value"] for o in form.one("select").all("option") if o.text == "Caro Cruz"
    )
    fields = {"person": mine, "begins": typed(at), "ends": typed(at + HOUR)}
    refused = beside.post("/schedules/duty/override", token | fields)
    assert refused.status == 403
    done = caro.submit(form, follow=True, **fields)
    assert office.on_duty("duty", at + HOUR / 2) == (office.caro.id,), done.main


def test_what_is_not_there_or_another_workspaces_is_404(desk: Desk) -> None:
    browser = desk.browser(desk.office.ada)
    assert browser.get("/schedules/nights").status == 404
    form = browser.get("/schedules/duty").form("/schedules/duty/override")
    assert browser.post("/schedules/nights/override", {
        "csrfmiddlewaretoken": form.one("input", name="csrfmiddlewaretoken").attributes["value"]
    }).status == 404  # fmt: skip
    assert (
        Browser(desk.server.url).get("/schedules").answer.url.endswith("/sign-in?next=%2Fschedules")
    )


def test_a_calendar_that_cannot_be_read_is_said_with_since_when(desk: Desk) -> None:
    office, at = desk.office, now()
    browser = desk.browser(office.max)
    assert "No calendar was handed in." in browser.get("/schedules/sent").main
    shift = event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary="Caro Cruz")
    stranger = event(f":{utc(at)}", f":{utc(at + HOUR)}", summary="<b>Nobody</b>")
    content = calendar(shift, stranger)
    upload(actor=ACTOR, workspace=office.workspace.id, schedule="sent", content=content)
    page = browser.get("/schedules/sent")
    assert "Caro Cruz is on duty now" in page.main
    assert "1 name in its calendar is nobody here" in page.main
    Feed.objects.filter(workspace=office.workspace).update(
        failed_at=at - timedelta(minutes=5),
        failures=1,
        reason="The event “<i>x</i>” comes secondly.",
    )
    page = browser.get("/schedules/sent")
    assert "Its calendar cannot be read since" in page.main
    assert "“<i>x</i>” comes secondly" in page.main, "as text"
    assert "still counts" in page.main
