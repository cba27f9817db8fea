"""Coverage over HTTP: asked for, warned about when a policy is saved, and shown in a preview."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from tests.api.tenant import Tenant
from tests.server import Live

SCHEDULED = """
assentry: 1
fallback: reviewers
roles:
  reviewers: {{title: Reviewers, members: [{one}, {owner}], schedule: desk}}
  empty: {{title: Nobody}}
schedules:
  desk: {{timezone: Europe/Berlin, shifts: [{{who: [{one}], from: "2026-01-05T08:00"}}]}}
  spare: {{timezone: Europe/Berlin, shifts: [{{who: [{two}], from: "2099-01-05T08:00"}}]}}
escalations:
  ring: [{{after: 15m, page: night}}, {{after: 20m, page: night}}]
actions:
  mail.send: {{title: "Send a mail", risk: low, schema: {{type: object}}}}
rules:
  - {{name: Ask, action: mail.send, effect: ask, ask: {{stages: [{{any_of: [reviewers]}}], expires_in: 4h, escalation: ring}}}}
"""
PAGER = (
    "The escalation ring calls the pager night, which is not there: "
    "add it, or the next step is taken in its place."
)
EMPTY = "Nobody can decide as Nobody (empty) in all of the next 14 d."


@pytest.fixture
def tenant(server: Live) -> Tenant:
    found = Tenant(server)
    found.administrator()
    return found


def text_of(tenant: Tenant, text: str = SCHEDULED) -> str:
    people = {name: getattr(tenant, name).user.email for name in ("one", "two", "owner")}
    return text.format(**people)


def save(tenant: Tenant, text: str, what: str = "") -> Any:
    answer = tenant.person(tenant.owner).call("POST", f"/policies{what}", json={"text": text})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def end_of(tenant: Tenant, person: Any, until: datetime | str) -> None:
    """Let the memberships of somebody end."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE people_membership SET valid_until = %s WHERE person_id = %s",
            [until, person.id],
        )


def test_a_policy_is_saved_and_what_lies_ahead_is_said(tenant: Tenant) -> None:
    text = text_of(tenant)
    checked = save(tenant, text, "/check")
    assert checked == {"ok": True, "errors": [], "warnings": [EMPTY, PAGER]}
    assert save(tenant, text)["warnings"] == [EMPTY, PAGER]
    assert save(tenant, text)["warnings"] == [EMPTY, PAGER]  # active already
    off = "Nobody of Reviewers (reviewers) is on duty by spare in all of the next 14 d: everybody in the role is told then."
    spare = text.replace("schedule: desk", "schedule: spare")
    assert save(tenant, spare, "/check")["warnings"] == [off, EMPTY, PAGER]
    assert save(tenant, "assentry: 1", "/check")["warnings"] == []


def test_the_days_ahead_are_told_by_role(tenant: Tenant) -> None:
    save(tenant, text_of(tenant))
    who = tenant.person(tenant.two)
    told = who.call("GET", "/coverage").json()
    begin, until = (datetime.fromisoformat(told[name]) for name in ("begin", "until"))
    assert until - begin == timedelta(days=14)
    whole = [{"begin": told["begin"], "end": told["until"]}]
    assert told["roles"] == [
        {
            "role": "empty",
            "title": "Nobody",
            "schedule": None,
            "timezone": "UTC",
            "uncovered": whole,
            "off_duty": [],
        },
        {
            "role": "reviewers",
            "title": "Reviewers",
            "schedule": "desk",
            "timezone": "Europe/Berlin",
            "uncovered": [],
            "off_duty": [],
        },
    ]
    end_of(tenant, tenant.one, begin + timedelta(days=2))
    (_, reviewers) = who.call("GET", "/coverage?days=3").json()["roles"]
    (gap,) = reviewers["off_duty"]
    assert reviewers["uncovered"] == []
    assert datetime.fromisoformat(gap["begin"]) == begin + timedelta(days=2)


@pytest.mark.parametrize("days", ["0", "91", "-1", "1.5", "many", "٣"])
def test_only_so_many_days_are_looked_at(tenant: Tenant, days: str) -> None:
    refused = tenant.person().call("GET", f"/coverage?days={days}")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?days")


def test_a_key_is_told_nothing(tenant: Tenant) -> None:
    assert tenant.call("GET", "/coverage").status_code == 403


def test_a_preview_says_when_nobody_could_decide_in_its_life(tenant: Tenant) -> None:
    save(tenant, text_of(tenant))
    body = {"action": "mail.send", "payload": {}}

    def uncovered(**more: str) -> list[dict[str, str]]:
        answer = tenant.call("POST", "/requests/preview", json=body | more)
        assert answer.status_code == 200, answer.text
        ((role,),) = (stage["roles"] for stage in answer.json()["stages"])
        found: list[dict[str, str]] = role["uncovered"]
        return found

    assert uncovered() == []
    begin = datetime.fromisoformat(tenant.person().call("GET", "/coverage").json()["begin"])
    end_of(tenant, tenant.one, begin + timedelta(hours=1))
    (gap,) = uncovered()  # who is left owns the agent
    assert datetime.fromisoformat(gap["begin"]) == begin + timedelta(hours=1)
    ends = datetime.fromisoformat(gap["end"]) - begin
    assert timedelta(hours=4) <= ends < timedelta(hours=4, minutes=1)
    assert uncovered(expires_in="30m") == []
