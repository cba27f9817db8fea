"""Swapping and handing calendars in on the page of a schedule: plain forms, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Event
from core import ids
from people.models import Feed, Override
from people.schedules.feeds import AHEAD_UPLOADED
from people.schedules.overrides import Wanted, Who, override
from tests.events import events_of
from tests.factories import ACTOR
from tests.pages.browser import Browser, Node, Page
from tests.pages.duty_desk import Desk
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import DAY, HOUR, now
from tests.server import Live

SWAP, HAND_IN = "/schedules/duty/swap", "/schedules/sent/calendar"
WEEK = 7 * DAY


@pytest.fixture
def desk(server: Live) -> Desk:
    return Desk(server)


def options(form: Node, name: str) -> dict[str, str]:
    """What a list offers: value by text."""
    found = form.one("select", name=name).all("option")
    return {option.text: option.attributes["value"] for option in found}


def chosen(form: Node, name: str) -> str:
    [one] = [
        option.attributes["value"]
        for option in form.one("select", name=name).all("option")
        if "selected" in option.attributes
    ]
    return one


def overrides_of(desk: Desk) -> Any:
    return Override.objects.filter(workspace=desk.office.workspace)


def token(form: Node) -> dict[str, str]:
    one = form.one("input", name="csrfmiddlewaretoken")
    return {"csrfmiddlewaretoken": one.attributes["value"]}


# -- swaps -----------------------------------------------------------------------------------------


def test_one_on_duty_gives_a_time_and_takes_one_of_somebody_else(desk: Desk) -> None:
    office, at = desk.office, now()
    mine, other = office.of_turn(at)
    browser = desk.browser(mine)
    form = browser.get("/schedules/duty").form(SWAP)
    gives, takes = options(form, "give"), options(form, "take")
    assert len(gives) == 3
    assert all(text.startswith(f"{mine.name}: ") for text in gives)
    assert len(takes) == 2, "whole turns that begin within 28 days"
    assert all(text.startswith(f"{other.name}: ") for text in takes)
    running, *_ = gives
    assert running.startswith(f"{mine.name}: now – Mon ")
    assert ", 08:00 – Mon " in next(iter(takes)), "times of Berlin"
    assert all(text.endswith(", 08:00") for text in [*gives, *takes]), "no time is cut"

    done = browser.submit(form, give=chosen(form, "give"), take=chosen(form, "take"))
    assert done.status == 200
    assert f"They change places: {other.name} is on duty now – Mon " in done.main
    assert f", and {mine.name} Mon " in done.main
    assert office.on_duty("duty", now()) == (other.id,)
    first, second = overrides_of(desk).order_by("begins_at")
    assert (first.person_id, second.person_id) == (other.id, mine.id)
    assert second.begins_at == first.ends_at
    assert second.ends_at - second.begins_at in (WEEK - HOUR, WEEK, WEEK + HOUR)
    assert {first.created_by_id, second.created_by_id} == {mine.id}
    told = events_of(office.workspace.id, "schedule.overridden")
    assert {one["subject"] for one in told} == {
        ids.encode("ovr", first.id), ids.encode("ovr", second.id)
    }  # fmt: skip
    assert {one["actor"]["id"] for one in told} == {ids.encode("per", mine.id)}
    lines = done.tree.one("section", id="overrides").all("li")
    assert [line.one("b").text for line in lines] == [other.name, mine.name]


def test_who_has_nothing_to_swap_sees_no_form_and_may_not(desk: Desk) -> None:
    office = desk.office
    mine, _ = office.of_turn(now())
    form = desk.browser(mine).get("/schedules/duty").form(SWAP)
    fields = {"give": chosen(form, "give"), "take": chosen(form, "take")}
    for person in (office.caro, office.max):
        browser = desk.browser(person)
        page = browser.get("/schedules/duty")
        assert page.tree.all("form", action=SWAP) == []
        assert page.tree.all("section", id="swap") == []
        refused = browser.post(SWAP, token(page.tree.all("form")[0]) | fields)
        assert refused.status == 403
        assert "Nothing was changed. Those whom a schedule is about" in refused.main
    alone = desk.browser(office.ana).get("/schedules/office")
    assert alone.tree.all("section", id="swap") == [], "nobody else is on duty by it"
    assert not overrides_of(desk).exists()


def test_administrators_choose_both_sides(desk: Desk) -> None:
    office = desk.office
    first, second = office.of_turn(now())
    browser = desk.browser(office.ada)
    form = browser.get("/schedules/duty").form(SWAP)
    gives = options(form, "give")
    assert gives == options(form, "take")
    assert {text.split(":")[0] for text in gives} == {first.name, second.name}
    page = browser.submit(form, give=chosen(form, "give"), take=chosen(form, "give"))
    assert page.status == 422
    assert page.tree.one("p", id="take-wrong").text == "Two different people change places."
    assert page.title.startswith("Error:")
    assert not overrides_of(desk).exists()
    done = browser.submit(form, give=chosen(form, "give"), take=chosen(form, "take"))
    assert f"{second.name} is on duty now" in done.main
    assert office.on_duty("duty", now()) == (second.id,)
    assert {one.created_by_id for one in overrides_of(desk)} == {office.ada.id}


def test_members_are_offered_each_other_and_administrators_everybody(desk: Desk) -> None:
    office, at = desk.office, now()
    mine, _ = office.of_turn(at)
    beside = Wanted(office.max.id, at + 2 * DAY, at + 2 * DAY + HOUR)
    override(
        actor=ACTOR, workspace=office.workspace.id, schedule="duty", wanted=beside, who=Who(None)
    )
    form = desk.browser(mine).get("/schedules/duty").form(SWAP)
    assert not any("Max Mann" in text for text in options(form, "take"))
    form = desk.browser(office.ada).get("/schedules/duty").form(SWAP)
    [text] = [text for text in options(form, "take") if "Max Mann" in text]
    [time] = [value for shown, value in options(form, "take").items() if shown == text]
    refused = desk.browser(mine)
    own = refused.get("/schedules/duty").form(SWAP)
    page = refused.submit(own, give=chosen(own, "give"), take=time)
    assert page.status == 403
    assert overrides_of(desk).count() == 1


def test_two_who_are_on_duty_at_once_have_nothing_of_it_to_exchange(desk: Desk) -> None:
    office, at = desk.office, now()
    both = calendar(
        event(f":{utc(at + HOUR)}", f":{utc(at + DAY)}", summary=office.ana.name),
        event(f":{utc(at + HOUR)}", f":{utc(at + DAY)}", summary=office.ben.name, uid="2"),
    )
    browser = desk.browser(office.ada)
    form = browser.get("/schedules/sent").form(HAND_IN)
    browser.post(HAND_IN, token(form), files={"calendar": ("a.ics", both)})
    form = browser.get("/schedules/sent").form("/schedules/sent/swap")
    gives = options(form, "give")
    assert {text.split(":")[0] for text in gives} == {
        "Ana Alt (with Ben Bern)", "Ben Bern (with Ana Alt)"
    }  # fmt: skip
    give, take = gives.values()
    page = browser.submit(form, give=give, take=take)
    assert page.status == 422
    assert page.tree.one("p", id="take-wrong").text.startswith("The two times overlap")
    assert not overrides_of(desk).exists()


def test_a_time_that_was_changed_meanwhile_is_refused_at_its_field(desk: Desk) -> None:
    office, at = desk.office, now()
    mine, other = office.of_turn(at)
    browser = desk.browser(mine)
    form = browser.get("/schedules/duty").form(SWAP)
    give, take = chosen(form, "give"), chosen(form, "take")
    _, begin, _ = take.split(" ")
    taken = Wanted(
        office.caro.id, type(at).fromisoformat(begin), type(at).fromisoformat(begin) + DAY
    )
    override(
        actor=ACTOR, workspace=office.workspace.id, schedule="duty", wanted=taken, who=Who(None)
    )
    page = browser.submit(form, give=give, take=take)
    assert page.status == 422
    assert "is not on duty in all of it" in page.tree.one("p", id="take-wrong").text
    assert page.tree.one("select", name="take").attributes["aria-invalid"] == "true"
    assert chosen(page.form(SWAP), "give") == give
    assert len(options(page.form(SWAP), "take")) == 3, "what is left of it, and Caro's day"
    assert overrides_of(desk).count() == 1
    assert office.on_duty("duty", now()) == (mine.id,)

    gone = Wanted(other.id, at, at + 90 * DAY)
    override(
        actor=ACTOR, workspace=office.workspace.id, schedule="duty", wanted=gone, who=Who(None)
    )
    page = browser.submit(form, give=give, take=take)
    assert page.status == 422
    assert page.tree.all("section", id="swap") == []
    assert "Nothing was changed. Whoever gives this time away is not on duty" in page.main


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "per_x now now",
        "{person} now 9999-12-31T23:59:59-14:00",
        "{person} 2026-01-01T00:00:00 2027-01-01T00:00:00",
        "{person} now 2026-01-01T00:00:00+00:00 <b>",
    ],
)
def test_what_is_no_time_is_said_at_its_field(desk: Desk, value: str) -> None:
    mine, _ = desk.office.of_turn(now())
    browser = desk.browser(mine)
    form = browser.get("/schedules/duty").form(SWAP)
    sent = value.format(person=ids.encode("per", mine.id))
    page = browser.submit(form, give=sent, take=chosen(form, "take"))
    assert page.status == 422
    assert page.tree.one("p", id="give-wrong").text == "Choose a time."
    assert "<b>" not in page.main
    assert not overrides_of(desk).exists()


# -- calendars -------------------------------------------------------------------------------------


def hand_in(browser: Browser, content: bytes, name: str = "duty.ics") -> Page:
    form = browser.get("/schedules/sent").form(HAND_IN)
    assert form.attributes["enctype"] == "multipart/form-data"
    files = {"calendar": (name, content)}
    return browser.post(form.attributes["action"], token(form), files=files)


def shifts(desk: Desk) -> bytes:
    at = now()
    return calendar(
        event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary=desk.office.caro.name),
        event(f":{utc(at + DAY)}", f":{utc(at + 2 * DAY)}", summary=desk.office.ben.name),
        event(f":{utc(at + DAY)}", f":{utc(at + 2 * DAY)}", summary="<img src=x>"),
    )


def test_an_administrator_hands_a_calendar_in(desk: Desk) -> None:
    office, browser = desk.office, desk.browser(desk.office.ada)
    before = browser.get("/schedules/sent")
    assert before.tree.one("a", href="#hand-in").text == "Hand one in"
    page = hand_in(browser, shifts(desk), '"><script>alert(1)</script>/../../etc.ics')
    assert page.status == 200
    feed = Feed.objects.get(workspace=office.workspace)
    assert (feed.events, feed.unknown, feed.failures) == (2, 1, 0)
    assert feed.reaches is not None
    assert feed.reaches - now() > AHEAD_UPLOADED - HOUR
    assert "2 events were taken. The calendar reaches until " in page.main
    assert f"{feed.reaches.year}, " in page.main.split("reaches until ")[1][:40]
    assert "1 name in it is nobody here." in page.main
    assert "Caro Cruz is on duty now" in page.main
    assert "script" not in page.main, "the name of the file is nobody's concern"
    assert "<img" not in page.answer.text
    assert office.on_duty("sent", now()) == (office.caro.id,)
    [told] = events_of(office.workspace.id, "schedule.calendar_read")
    assert told["actor"]["id"] == ids.encode("per", office.ada.id)
    assert told["data"]["events"] == 2
    assert told["data"]["source"] == "uploaded"


def test_a_calendar_that_is_refused_leaves_the_one_before(desk: Desk) -> None:
    office, browser = desk.office, desk.browser(desk.office.ada)
    hand_in(browser, shifts(desk))
    kept = Feed.objects.get(workspace=office.workspace)
    at = now()
    pager = event(
        f":{utc(at)}", f":{utc(at + HOUR)}", "RRULE:FREQ=SECONDLY", summary="<script>Pager</script>"
    )
    for content, said in (
        (calendar(pager), "“<script>Pager</script>” comes secondly"),
        (b"<html><script>alert(1)</script>", "This is no calendar: it does not begin with"),
        (b"\x89PNG\r\n\x1a\n\xff", "This is no calendar: it is not text in UTF-8."),
    ):
        page = hand_in(browser, content)
        assert page.status == 422
        assert said in page.tree.one("p", id="calendar-wrong").text
        assert "Nothing was changed." in page.main
        assert page.tree.one("a", href="#hand-in").text == "See what is marked below"
        assert page.title.startswith("Error:")
        assert "<script>alert" not in page.answer.text
        assert "<script>Pager" not in page.answer.text
    form = browser.get("/schedules/sent").form(HAND_IN)
    none = browser.post(HAND_IN, token(form), files={"other": ("x.ics", b"x")})
    assert (none.status, none.tree.one("p", id="calendar-wrong").text) == (
        422, "Choose a file, such as duty.ics."
    )  # fmt: skip
    after = Feed.objects.get(workspace=office.workspace)
    assert (after.digest, after.fetched_at, after.entries) == (
        kept.digest, kept.fetched_at, kept.entries
    )  # fmt: skip
    assert len(events_of(office.workspace.id, "schedule.calendar_read")) == 1
    assert office.on_duty("sent", now()) == (office.caro.id,)


@pytest.mark.parametrize("size", [1024 * 1024, 5 * 1024 * 1024])
def test_a_file_that_is_too_large_is_said_on_the_page_and_is_not_read(
    desk: Desk, size: int
) -> None:
    browser = desk.browser(desk.office.ada)
    page = hand_in(browser, b"BEGIN:VCALENDAR" + b"x" * size)
    assert page.status == 413
    assert page.answer.headers["Connection"] == "close"
    assert page.tree.one("p", id="calendar-wrong").text == (
        "The file is too large: a form takes 1 MiB at most."
    )
    assert "Nothing was changed." in page.main
    assert Feed.objects.get(workspace=desk.office.workspace).fetched_at is None
    assert "reaches until" in hand_in(browser, shifts(desk)).main, "and the next one is taken"


def test_a_large_file_for_another_form_changes_nothing_there_either(desk: Desk) -> None:
    files = {"calendar": ("x.ics", b"x" * 2 * 1024 * 1024)}
    browser = desk.browser(desk.office.ada)
    form = browser.get("/schedules/duty").form(SWAP)
    page = browser.post(SWAP, token(form), files=files)
    assert page.status == 413
    assert "A form takes 1 MiB at most, with its file. Nothing was changed." in page.main
    member = desk.browser(desk.office.caro).post(HAND_IN, {}, files=files)
    assert member.status == 403
    stranger = Browser(desk.server.url).post(HAND_IN, {}, files=files)
    assert stranger.answer.url.endswith("/sign-in")
    assert not overrides_of(desk).exists()


def test_a_calendar_of_just_under_a_mebibyte_is_taken(desk: Desk) -> None:
    browser = desk.browser(desk.office.ada)
    content = shifts(desk).replace(
        b"END:VCALENDAR", b"X-PAD:" + b"x" * 1_000_000 + b"\r\nEND:VCALENDAR"
    )
    assert "2 events were taken." in hand_in(browser, content).main


def test_calendars_are_for_administrators_and_for_schedules_that_take_one(desk: Desk) -> None:
    office = desk.office
    caro, ada = desk.browser(office.caro), desk.browser(office.ada)
    page = caro.get("/schedules/sent")
    assert page.tree.all("input", type="file") == []
    assert "An administrator does so on this page." in page.main
    files = {"calendar": ("duty.ics", shifts(desk))}
    refused = caro.post(HAND_IN, token(page.tree.all("form")[0]), files=files)
    assert refused.status == 403
    assert "Calendars are for administrators." in refused.main
    assert ada.get("/schedules/duty").tree.all("input", type="file") == []
    mine = token(ada.get("/schedules/sent").form(HAND_IN))
    other = ada.post("/schedules/duty/calendar", mine, files=files)
    assert other.status == 409
    assert "Nothing was changed. This schedule takes no calendar" in other.main
    assert ada.post("/schedules/nights/calendar", mine, files=files).status == 404
    assert ada.post("/schedules/nights/swap", mine).status == 404
    assert Feed.objects.get(workspace=office.workspace).fetched_at is None


# -- both ------------------------------------------------------------------------------------------


def test_neither_form_is_taken_without_its_token_nor_by_an_address(desk: Desk) -> None:
    office = desk.office
    browser = desk.browser(office.ada)
    before = Event.objects.filter(workspace_id=office.workspace.id).count()
    form = browser.get("/schedules/duty").form(SWAP)
    fields = {"give": chosen(form, "give"), "take": chosen(form, "take")}
    assert browser.post(SWAP, fields).status == 403
    files = {"calendar": ("duty.ics", shifts(desk))}
    assert browser.post(HAND_IN, {}, files=files).status == 403
    assert browser.get(SWAP, params=fields).answer.url.endswith("/schedules/duty")
    assert browser.get(HAND_IN).answer.url.endswith("/schedules/sent")
    assert Event.objects.filter(workspace_id=office.workspace.id).count() == before
    assert not overrides_of(desk).exists()
