"""A small tenant, spoken to over HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import requests

from people.permissions import grant_permission
from policies.services import apply
from tests.factories import (
    ACTOR,
    PASSWORD,
    AgentFactory,
    KeyFactory,
    PersonFactory,
    WorkspaceFactory,
    bearer,
)
from tests.server import Live, Served

POLICY = """
assentry: 1
fallback: reviewers
roles:
  reviewers: {{title: Reviewers, members: [{one}, {two}]}}
actions:
  mail.send:
    title: "Send a mail"
    risk: low
    schema:
      type: object
      required: [to]
      properties: {{to: {{type: string}}, secret: {{type: string}}, size: {{type: number}}}}
    sensitive: [/secret]
  mail.read: {{title: "Read a mail", risk: low, schema: {{type: object}}}}
  mail.burn: {{title: "Burn a mail", risk: low, schema: {{type: object}}}}
  mail.pair: {{title: "Two people", risk: low, schema: {{type: object}}}}
rules:
  - {{name: Reading is free, action: mail.read, effect: allow}}
  - {{name: Never burn, action: mail.burn, effect: deny, reason: "Mails are kept."}}
  - {{name: Two, action: mail.pair, effect: ask, ask: {{stages: [{{any_of: [reviewers], approvals: 2}}]}}}}
"""


class Person:
    """A signed-in person."""

    def __init__(self, server: Served, person: Any) -> None:
        self.server, self.person = server, person
        self.http = requests.Session()
        answer = self.http.post(
            f"{server.api}/session",
            json={"email": person.user.email, "password": PASSWORD},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        self.http.headers["X-CSRFToken"] = self.http.cookies["csrftoken"]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 70)
        return self.http.request(method, self.server.api + path, **options)

    def decide(self, request: dict[str, Any], verdict: str = "approve", **more: Any) -> Any:
        body = {
            "verdict": verdict,
            "stage": request["stage"],
            "payload_digest": request["payload_digest"],
            "comment": "Because of the test.",
            **more,
        }
        return self.call("POST", f"/requests/{request['id']}/decisions", json=body)


class Tenant:
    """One workspace and everybody in it."""

    def __init__(self, server: Live) -> None:
        self.server = server
        self.workspace = WorkspaceFactory()
        self.owner, self.one, self.two = (PersonFactory(workspace=self.workspace) for _ in range(3))
        self.agent = AgentFactory(workspace=self.workspace, owner=self.owner)
        self.key = KeyFactory(agent=self.agent)
        self.headers = bearer(self.key.token)
        text = POLICY.format(one=self.one.user.email, two=self.two.user.email)
        apply(actor=ACTOR, workspace=self.workspace, text=text)

    def administrator(self) -> None:
        """Let the owner administer the workspace."""
        grant_permission(
            actor=ACTOR, workspace=self.workspace, person=self.owner, permission="administer"
        )

    def person(self, who: Any = None) -> Person:
        return Person(self.server, who or self.one)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.server.call(method, path, headers=headers, **options)

    def submit(self, action: str = "mail.send", **more: Any) -> dict[str, Any]:
        body = {"action": action, "payload": {"to": "ana@example.com"}, **more}
        answer = self.call("POST", "/requests", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def later(self, method: str, path: str, **options: Any) -> Future[requests.Response]:
        """The same call in a thread, for one that waits."""
        future: Future[requests.Response] = Future()

        def run() -> None:
            try:
                future.set_result(self.call(method, path, **options))
            except Exception as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future
