"""A request that says one word everywhere it can, through the doors, and what erasing it takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from django.db import connections

from agents.services import create_tool_key
from callbacks import endpoints
from callbacks.endpoints import Wanted
from callbacks.models import Attempt
from callbacks.sql import DELIVER
from core import due
from core.canonical import canonical
from oversight import erasure
from oversight.erasure import ErasureShown
from people.permissions import grant_permission
from tests.api.tenant import Person
from tests.approvals.world import TEST, World
from tests.callbacks.receiver import Receiver, until
from tests.factories import PASSWORD, bearer
from tests.oversight.canary import canary, forms
from tests.server import Live

RULE = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}

WAITS = (
    "UPDATE core_due SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s WHERE workspace_id = %(in)s",
    "UPDATE callbacks_endpoint SET open_until = open_until - %(by)s WHERE id = %(id)s",
)


def erase(world: World, **wanted: Any) -> ErasureShown:
    """Erase as an operator would."""
    dry_run = wanted.pop("dry_run", False)
    made = erasure.Wanted(world.workspace.id, wanted.pop("reason", "Asked for"), **wanted)
    return erasure.erase(actor=TEST, wanted=made, dry_run=dry_run)


@dataclass
class Case:
    """A workspace with an agent, people who sign in, a tool and a receiver that repeats a word."""

    server: Live
    receiver: Receiver
    word: str = field(default_factory=canary)
    payloads: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(
            {"lead": ["ana", "ben"]},
            [RULE],
            password=PASSWORD,
            editable=["/note"],
            schema={
                "type": "object",
                "properties": {"note": {"type": "string", "title": "Note"}},
            },
            show="Refund: {payload.note}",
        )
        for name in ("ben", "olivia"):
            grant_permission(
                actor=TEST,
                workspace=self.world.workspace,
                person=self.world.people[name],
                permission="administer",
            )
        made = create_tool_key(actor=TEST, workspace=self.world.workspace, name="till")
        self.tool, self.agent = bearer(made.token), bearer(self.world.key.token)
        self.receiver.answer(200, self.word.encode())
        wanted = Wanted(url=self.receiver.url)
        self.endpoint = endpoints.create(actor=TEST, agent=self.world.agent, wanted=wanted).endpoint
        self.ana, self.ben, self.olivia = (
            Person(self.server, self.world.people[name]) for name in ("ana", "ben", "olivia")
        )

    def needles(self) -> list[str]:
        """Every form of the word, and of the payloads in which it stood."""
        return forms(self.word.encode(), *self.payloads)

    def call(
        self, method: str, path: str, *, key: str = "", tool: bool = False, **more: Any
    ) -> Any:
        """A call of the agent or its tool that must be answered well."""
        headers = dict(self.tool if tool else self.agent)
        if key:
            headers["Idempotency-Key"] = key
        return good(self.server.call(method, path, headers=headers, **more))

    def said(self, **more: Any) -> dict[str, Any]:
        """A payload that says the word; its digest must be found nowhere, either."""
        payload = {"amount": 20, "note": self.word, **more}
        self.payloads.append(canonical(payload))
        return payload

    def evidence(self) -> list[dict[str, str]]:
        return [{"title": self.word, "text": self.word, "url": f"https://a.example/{self.word}"}]

    def run(self) -> str:
        """A run whose every text is the word; its step names the payload's digest."""
        declared = {"external_id": self.word, "agent_version": self.word}
        run: str = self.call("POST", "/runs", json=declared)["id"]
        digest = f"sha256:{hashlib.sha256(canonical(self.said())).hexdigest()}"
        step = {
            "tool": self.word,
            "call_id": self.word,
            "error": self.word,
            "labels": [self.word],
            "started_at": "2026-01-01T00:00:00Z",
            "status": "failed",
            "input_digest": digest,
            "output_digest": digest,
        }
        path = f"/runs/{run}/steps"
        self.call("POST", path, key=f"s-{self.word}", json={"steps": [step]})
        return run

    def request(self, run: str | None = None) -> dict[str, Any]:
        """A request that was asked, returned, revised, edited, approved, run and told, all in the word."""
        asked = {
            "action": "payments.refund",
            "payload": self.said(),
            "summary": self.word,
            "context": {self.word: self.word},
            "evidence": self.evidence(),
            "metadata": {self.word: self.word},
            "callback_url": f"{self.receiver.url}/{self.word}",
        }
        if run:
            asked["run"] = run
        made = self.call("POST", "/requests", key=f"r-{self.word}", json=asked)
        self.decide(self.ana, made, "return")
        path = f"/requests/{made['id']}"
        message = {"text": self.word, "evidence": self.evidence()}
        self.call("POST", f"{path}/messages", key=f"m-{self.word}", json=message)
        revised = {"payload": self.said(amount=21), "summary": self.word}
        made = self.call("POST", f"{path}/revise", json=revised)
        good(self.ana.call("POST", f"{path}/comments", json={"text": self.word}))
        self.payloads.append(canonical({"amount": 21, "note": f"edited {self.word}"}))
        edits = {"/note": f"edited {self.word}"}
        made = self.decide(self.ana, made, "edit", edits=edits)
        assert made["status"] == "approved"
        permit = self.call("POST", f"{path}/permit")["id"]
        body = {"payload_digest": made["payload_digest"]}
        self.call("POST", f"/permits/{permit}/consume", key=f"c-{self.word}", tool=True, json=body)
        told = {"status": "succeeded", "detail": self.word, "cost": 1.5}
        self.call("POST", f"/permits/{permit}/result", tool=True, json=told)
        return {**made, "permit": {"id": permit}}

    def decide(self, who: Person, request: dict[str, Any], verdict: str, **more: Any) -> Any:
        """A vote with the word as its comment."""
        return good(who.decide(request, verdict, **{"comment": self.word, **more}))

    def end(self, run: str) -> None:
        self.call("PATCH", f"/runs/{run}", json={"state": "succeeded"})

    def make_due(self, **by: float) -> None:
        """Let time pass for what waits to be delivered."""
        values: dict[str, Any] = {
            "by": timedelta(**by),
            "id": self.endpoint.id,
            "in": self.world.workspace.id,
        }
        with connections["owner"].cursor() as cursor:
            for statement in WAITS:
                cursor.execute(statement, values)

    def deliver(self, deliverer: Any, attempts: int) -> None:
        """Send what is due, and wait until so many attempts are written."""
        due.run(DELIVER, deliverer.take)
        of = Attempt.objects.filter(callback__endpoint=self.endpoint)
        until(lambda: of.count() >= attempts)


def good(answer: requests.Response) -> Any:
    """What a call that must succeed was answered."""
    assert answer.status_code in (200, 201, 202), answer.text
    return answer.json()
