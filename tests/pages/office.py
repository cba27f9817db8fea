"""A workspace with people who look at pages, and an agent that asks them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from approvals.access import Reader
from approvals.models import Decision, Request
from approvals.read import for_person
from approvals.shown import row_digest
from core import ids
from people.models import Person
from people.permissions import grant_permission
from policies.services import apply
from tests.factories import (
    ACTOR,
    PASSWORD,
    AgentFactory,
    KeyFactory,
    PersonFactory,
    WorkspaceFactory,
)
from tests.pages.browser import Browser
from tests.server import Live

ACTIONS: dict[str, dict[str, Any]] = {
    "mail.send": {"title": "Send a mail", "risk": "medium", "sensitive": ["/secret"]},
    "money.pay": {"title": "Pay money", "risk": "critical"},
    "money.pair": {"title": "Two people", "risk": "high"},
    "table.drop": {"title": "Drop a table", "risk": "low"},
    "note.say": {"title": "Say why", "risk": "low"},
}
RULES: list[dict[str, Any]] = [
    {
        "name": "The owner confirms",
        "action": "table.drop",
        "effect": "ask",
        "ask": {"confirm": "owner"},
    },
    {
        "name": "Two teams",
        "action": "money.pair",
        "effect": "ask",
        "ask": {
            "stages": [
                {"any_of": ["reviewers"]},
                {"any_of": ["leads", "reviewers"], "distinct_from_earlier": True},
            ],
            "on_expiry": "ask:leads",
        },
    },
    {
        "name": "Always say why",
        "action": "note.say",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["reviewers"]}], "comment": "always"},
    },
]


class Office:
    """Olga owns the agent; Rita and Ron review; Lena leads; Ned holds no role; Vera may view all."""

    def __init__(self, server: Live) -> None:
        self.server = server
        self.workspace = WorkspaceFactory()
        self.olga, self.rita, self.ron, self.lena, self.ned, self.vera = (
            PersonFactory(workspace=self.workspace, name=name)
            for name in ("Olga O", "Rita R", "Ron R", "Lena L", "Ned N", "Vera V")
        )
        grant_permission(actor=ACTOR, workspace=self.workspace, person=self.vera, permission="view")
        self.agent = AgentFactory(workspace=self.workspace, owner=self.olga, name="mail-bot")
        self.key = KeyFactory(agent=self.agent)
        self.actions = deepcopy(ACTIONS)
        self.apply()

    def apply(self, rules: list[dict[str, Any]] | None = None, **more: Any) -> None:
        """Make the policy what it says here, with these rules instead of the usual ones, and more beside."""
        document = {
            "assentry": 1,
            "fallback": "reviewers",
            "roles": {
                "reviewers": {
                    "title": "Reviewers",
                    "members": [self.rita.user.email, self.ron.user.email, self.olga.user.email],
                },
                "leads": {"title": "Team leads", "members": [self.lena.user.email]},
            },
            "actions": self.actions,
            "rules": RULES if rules is None else rules,
        } | more
        apply(actor=ACTOR, workspace=self.workspace, text=json.dumps(document))

    def ask(self, action: str = "mail.send", payload: Any = None, **more: Any) -> str:
        """The agent submits; the request's id."""
        body = {"action": action, "payload": payload or {"to": "ana@example.com"}, **more}
        headers = {"Authorization": f"Bearer {self.key.token}"}
        answer = self.server.call("POST", "/requests", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def shown_to(self, person: Person, request_id: str) -> bytes:
        """The digest of what the page shows of it to this person."""
        reader = Reader(self.workspace.id, person.id, person.user_id, person.name)
        row = for_person(reader=reader, request_id=ids.decode("req", request_id))
        return row_digest(row, "web")

    def browser(self, person: Person) -> Browser:
        """Somebody's browser, signed in."""
        browser = Browser(self.server.url)
        page = browser.sign_in(person.user.email, PASSWORD)
        assert page.answer.url == f"{self.server.url}/", page.main
        return browser


def stored(request_id: str) -> Request:
    """The request as it stands."""
    return Request.objects.get(id=ids.decode("req", request_id))


def votes(request_id: str) -> list[tuple[str, str]]:
    """(verdict, comment) of every vote."""
    found = Decision.objects.filter(request_id=ids.decode("req", request_id)).order_by("at")
    return [(vote.verdict, vote.comment) for vote in found]
