"""Somebody who registers endpoints over HTTP, where they lead, and what sends."""

from __future__ import annotations

from typing import Any

import requests
from django.db import connections

from approvals import telling
from callbacks.models import Attempt, Endpoint
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import due, ids
from people.permissions import grant_permission
from tests.api.tenant import Person, Tenant
from tests.callbacks.receiver import Receiver, until
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.server import Live

ELSEWHERE = "https://127.0.0.1:8443/hook"
MASKED = "whsec_•••"


class Desk:
    """A tenant whose owner registers endpoints, an administrator, and what sends."""

    def __init__(self, server: Live, receiver: Receiver) -> None:
        self.server, self.receiver = server, receiver
        self.tenant = Tenant(server)
        self.workspace = self.tenant.workspace.id
        self.owner = self.tenant.person(self.tenant.owner)
        self.agent = ids.encode("agt", self.tenant.agent.id)
        self.deliverer = Deliverer(telling.bodies)

    def administrator(self) -> Person:
        person = PersonFactory(workspace=self.tenant.workspace)
        grant_permission(
            actor=ACTOR, workspace=self.tenant.workspace, person=person, permission="administer"
        )
        return self.tenant.person(person)

    def post(self, who: Person | None = None, /, **body: Any) -> requests.Response:
        body = {"agent": self.agent, "url": self.receiver.url} | body
        return (who or self.owner).call("POST", "/endpoints", json=body)

    def create(self, **body: Any) -> dict[str, Any]:
        made = self.post(**body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def call(self, method: str, endpoint: dict[str, Any], rest: str = "", **body: Any) -> Any:
        options = {"json": body} if body else {}
        return self.owner.call(method, f"/endpoints/{endpoint['id']}{rest}", **options)

    def row(self, endpoint: dict[str, Any]) -> Endpoint:
        return Endpoint.objects.get(id=ids.decode("end", endpoint["id"]))

    def seen(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", endpoint).json()
        return found

    def ended(self, count: int) -> None:
        """So many requests are approved by policy, and told."""
        for _ in range(count):
            self.tenant.submit("mail.read")

    def deliver(self, attempts: int) -> None:
        due.run(DELIVER, self.deliverer.take)
        until(lambda: Attempt.objects.filter(workspace_id=self.workspace).count() >= attempts)

    def kinds(self) -> list[str]:
        found = [event["kind"] for event in events_of(self.workspace)]
        return [kind for kind in found if kind.split(".")[0] in {"endpoint", "callbacks"}]

    def close(self) -> None:
        self.deliverer.close(5)
        with connections["owner"].cursor() as cursor:
            cursor.execute("DELETE FROM core_due WHERE workspace_id = %s", [self.workspace])


def code(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['type'].rpartition(':')[2]}"


def faults(answer: requests.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]
