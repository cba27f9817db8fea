"""What lies ahead, on its pages."""

from __future__ import annotations

import json
import re
from typing import Any

from core import ids
from people.permissions import grant_permission
from policies.services import apply
from tests.factories import ACTOR
from tests.notifications.postbox import Postbox
from tests.pages.browser import Page
from tests.pages.office import Office


def section(page: Page, name: str) -> str:
    return " ".join(page.tree.one("section", id=name).text.split())


def scheduled(office: Office, **hours: str) -> None:
    """Rita and Ron review, she by a schedule; nobody leads."""
    shift: dict[str, Any] = {"who": [office.rita.user.email], **hours}
    document = {
        "assentry": 1,
        "fallback": "reviewers",
        "roles": {
            "reviewers": {
                "title": "Reviewers",
                "members": [office.rita.user.email, office.ron.user.email],
                "schedule": "desk",
            },
            "leads": {"title": "Team <b>leads</b>"},
        },
        "schedules": {"desk": {"timezone": "Europe/Berlin", "shifts": [shift]}},
        "actions": {"mail.send": {"title": "Send a mail"}},
        "rules": [],
    }
    apply(actor=ACTOR, workspace=office.workspace, text=json.dumps(document))


def test_the_page_of_coverage_shows_who_is_missing(office: Office) -> None:
    scheduled(office, hours="24/7")
    ned = office.browser(office.ned)
    page = ned.get("/coverage")
    assert section(page, "role-reviewers") == (
        "Reviewers Somebody can decide at any time. By desk somebody is always on duty. "
        "Times in Europe/Berlin."
    )
    leads = section(page, "role-leads")
    assert leads.startswith("Team <b>leads</b> Nobody can decide 14 d")
    assert leads.endswith(
        "What asks this role then waits, or goes the way of its escalation. Times in UTC."
    )
    scheduled(office, hours="Mo 00:00-24:00")
    found = section(ned.get("/coverage"), "role-reviewers")
    assert "Nobody is on duty by desk at " in found
    assert "everybody in the role is told then" in found
    links = page.tree.all("a", href="/coverage")
    assert [link.attributes["aria-current"] for link in links] == ["page"]


def timeline(page: Page) -> list[str]:
    found = page.tree.one("ol", id="timeline").all("li")
    return [
        re.sub(r"(\d\d? \w{3} \d{4}, )?\d\d:\d\d UTC", "@", " ".join(li.text.split()))
        for li in found
    ]


def test_a_draft_is_rehearsed_on_a_page(office: Office) -> None:
    ned = office.browser(office.ned)
    page = ned.get("/rehearsal")
    form = page.form("/rehearsal")
    agent = ids.encode("agt", office.agent.id)
    options = page.tree.one("select", id="action").all("option")
    assert [(one.attributes["value"], one.text) for one in options][:2] == [
        ("mail.send", "Send a mail (mail.send)"),
        ("money.pay", "Pay money (money.pay)"),
    ]
    done = ned.submit(form, agent=agent, action="money.pair", payload='{"to": "ana"}')
    assert timeline(done) == [
        "Asks Reviewers@Rita R, in the inbox onlyRon R, in the inbox only",
        "Reminds who has not decided: not done, no channel is set up@",
        "Tells Reviewers: not done, no channel is set up@",
        "The time is up: asks Team leads in their place@Lena L, in the inbox only",
        "Reminds who has not decided: not done, no channel is set up@",
        "Tells Reviewers: not done, no channel is set up@",
        "Nobody has decided: it expires@",
    ]
    wrong = ned.submit(form, agent=agent, action="money.pair", payload="[")
    assert (wrong.status, wrong.tree.one("p", id="wrong").text[:13]) == (422, "The payload: ")
    assert wrong.tree.one("textarea", id="payload").text == "["
    assert wrong.tree.all("ol", id="timeline") == []
    unknown = ned.submit(form, agent=agent, action="money.steal", payload="{}")
    assert (unknown.status, unknown.tree.one("p", id="wrong").text) == (
        422,
        "The workspace's policy does not declare this action.",
    )


def test_a_request_leads_to_its_rehearsal(office: Office) -> None:
    request_id = office.ask()
    rita = office.browser(office.rita)
    page = rita.get(f"/requests/{request_id}")
    assert page.tree.all("a", href=f"/requests/{request_id}/rehearsal")
    found = timeline(rita.get(f"/requests/{request_id}/rehearsal"))
    assert found[0] == "Asks Reviewers@Rita R, in the inbox onlyRon R, in the inbox only"
    assert found[-1] == "Nobody has decided: it expires@"
    assert office.browser(office.ned).get(f"/requests/{request_id}/rehearsal").status == 404


def test_a_drill_is_started_confirmed_and_told_on_pages(office: Office, box: Postbox) -> None:
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.vera, permission="administer"
    )
    vera, rita = office.browser(office.vera), office.browser(office.rita)
    assert rita.get("/drills").tree.all("form", id="start") == []
    page = vera.submit(vera.get("/drills").form("/drills"), role="reviewers")
    path = page.answer.url.removeprefix(office.server.url)
    unreached = " ".join(page.tree.one("div", id="unreached").text.split())
    assert unreached == "Nothing has reached Olga O, Rita R, Ron R yet. Look at the channels"
    assert section(page, "people").startswith("0 of 3 there Olga O reviewersmail: waits")
    own = rita.get(path)
    assert own.tree.all("section", id="people") == []
    done = rita.submit(own.form(f"{path}/confirm"))
    assert section(done, "own").startswith("You You said that you are here, ")
    assert section(vera.get(path), "people").startswith("1 of 3 there")
    again = vera.submit(vera.get("/drills").form("/drills"), role="leads")
    assert (again.status, again.tree.one("p", id="wrong").text) == (
        409,
        "A drill was started less than a minute ago.",
    )
    assert office.browser(office.ned).get(path).status == 404
