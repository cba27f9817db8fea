"""What lies ahead, on its pages."""

from __future__ import annotations

import json
from typing import Any

from policies.services import apply
from tests.factories import ACTOR
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
    current = page.tree.one("a", href="/coverage")
    assert current.attributes["aria-current"] == "page"
