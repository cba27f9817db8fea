"""When somebody is away, by plain forms; and what other pages say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core import ids
from notifications import preferences
from notifications.preferences import Preferences
from people import absences
from people.models import Absence, Person
from tests.events import kinds_of
from tests.factories import ACTOR
from tests.pages.browser import Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import flash_of, is_sound, post

FORM = "/settings/absences"


def listed(page: Page) -> list[str]:
    found = page.tree.all("ol", id="absences")
    return [" ".join(row.text.split()) for row in found[0].all("li")] if found else []


def declare(office: Office, who: Person, **typed: str) -> Page:
    browser = office.browser(who)
    return browser.submit(browser.get("/settings").form(FORM), follow=True, **typed)


def id_of(person: Person) -> str:
    return ids.encode("per", person.id)


def away(office: Office, who: Person, stand_in: Person | None = None) -> Absence:
    """From now on, for three days."""
    return absences.declare(
        actor=ACTOR,
        person=who,
        begins_at=datetime(2020, 1, 1, tzinfo=UTC),
        ends_at=datetime.now(UTC) + timedelta(days=3),
        stand_in=stand_in,
    ).absence


def test_one_says_when_by_ones_own_clocks_and_is_back(office: Office) -> None:
    wanted = Preferences(timezone="Europe/Berlin")
    preferences.set_(actor=ACTOR, person=office.rita, wanted=wanted)
    page = declare(
        office,
        office.rita,
        begins="2099-07-01T09:00",
        until="2099-07-08T09:00",
        stand_in=id_of(office.ned),
    )
    assert flash_of(page) == "You are away then."
    assert listed(page) == [
        "From 1 Jul 2099, 09:00 until 8 Jul 2099, 09:00Call it off (from 1 Jul 2099, 09:00)Ned N stands in"
    ]
    is_sound(page.tree, "/settings")
    no_inline(page.tree)
    made = Absence.objects.get(person=office.rita)
    assert made.begins_at == datetime(2099, 7, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert (made.stand_in_id, made.created_by_id) == (office.ned.id, office.rita.id)
    assert "You stand in for Rita R" in office.browser(office.ned).get("/settings").main
    rita = office.browser(office.rita)
    shown = ids.encode("abs", made.id)
    done = rita.submit(rita.get("/settings").form(f"{FORM}/{shown}"))
    assert flash_of(done) == "That absence holds no more: you are asked yourself."
    assert listed(done) == []
    assert kinds_of(office.workspace.id)[-1] == "absence.ended"


def test_while_it_holds_one_says_that_one_is_back(office: Office) -> None:
    away(office, office.rita)
    page = office.browser(office.rita).get("/settings")
    [row] = listed(page)
    assert row.startswith("You are away until ")
    assert "I am back" in row
    assert row.endswith("Nobody stands in")


def test_who_stands_in_and_goes_away_reads_for_whom(office: Office) -> None:
    away(office, office.rita, office.ned)
    page = declare(office, office.ned, begins="2020-01-01T00:00", until="2099-01-01T00:00")
    assert page.status == 422
    assert "An absence lasts at most 366 days" in page.tree.one("p", id="until-wrong").text
    until = f"{datetime.now(UTC).year + 1}-01-01T00:00"
    page = declare(office, office.ned, begins="2020-01-01T00:00", until=until)
    assert "Ned N stands in for Rita R from " in flash_of(page)


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"begins": "tomorrow"}, "begins", "Give day and time"),
        ({"until": ""}, "until", "Give day and time"),
        ({"until": "2099-07-01T09:00+02:00"}, "until", "Give day and time"),
        ({"until": "2099-06-01T09:00"}, "until", "An absence ends after it begins"),
        ({"stand_in": "per_none"}, "stand_in", "must be an active person"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_is_kept(
    office: Office, typed: dict[str, Any], field: str, said: str
) -> None:
    wanted = {"begins": "2099-07-01T09:00", "until": "2099-07-08T09:00", **typed}
    page = declare(office, office.rita, **wanted)
    assert page.status == 422
    assert page.title.startswith("Error: ")
    assert said in page.tree.one("p", id=f"{field}-wrong").text
    assert page.tree.all(aria_describedby=f"{field}-wrong")
    for name in ("begins", "until"):
        assert page.tree.one("input", id=name).attributes["value"] == wanted[name]
    is_sound(page.tree, "/settings")
    assert not Absence.objects.filter(person=office.rita).exists()


def test_nobody_ends_anothers(office: Office) -> None:
    shown = ids.encode("abs", away(office, office.rita).id)
    ron = office.browser(office.ron)
    ron.get("/settings")
    answer = post(ron, f"{FORM}/{shown}", workspace=office.workspace.slug)
    assert answer.status == 404
    assert Absence.objects.get(person=office.rita).ended_at is None


def test_pages_say_who_is_away_who_stands_in_and_in_whose_place(office: Office) -> None:
    absence = away(office, office.rita, office.ned)
    request = office.ask()
    until = f"{absence.ends_at.day} {absence.ends_at:%b}"
    seen_by_ron = office.browser(office.ron).get(f"/requests/{request}")
    assert f"Rita R (away until {until}, Ned N stands in)" in seen_by_ron.main
    assert seen_by_ron.main.count("Rita R (away") == 2  # who decides, and to whom to hand it
    ned = office.browser(office.ned)
    assert "Send a mail" in ned.get("/").main
    page = ned.get(f"/requests/{request}")
    assert "You are asked as Reviewers, standing in for Rita R:" in page.main
    done = ned.submit(page.form(f"/requests/{request}/decide", verdict="approve"))
    assert "You, standing in for Rita R" in done.main
    after = office.browser(office.ron).get(f"/requests/{request}").main
    assert "Ned N, standing in for Rita R" in after


def test_a_seat_that_is_used_says_so(office: Office) -> None:
    office.actions["money.two"] = {"title": "Two of them", "risk": "high"}
    ask = {"stages": [{"any_of": ["reviewers"], "approvals": 2}]}
    office.apply([{"name": "Two", "action": "money.two", "effect": "ask", "ask": ask}])
    away(office, office.rita, office.ned)
    request = office.ask("money.two")
    rita = office.browser(office.rita)
    rita.submit(
        rita.get(f"/requests/{request}").form(f"/requests/{request}/decide", verdict="approve")
    )
    page = office.browser(office.ned).get(f"/requests/{request}")
    assert "Rita R, for whom you stand in, has a vote at this step; it stands." in page.main
