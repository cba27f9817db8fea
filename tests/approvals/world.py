"""A workspace of its own for each test: people, roles, an agent with a key, and a policy."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from agents.authentication import KeyContext, authenticate
from agents.services import create_agent, create_key
from approvals.access import Reader
from approvals.choices import choice
from approvals.decide import decide
from approvals.present import render
from approvals.read import for_person
from approvals.returning import say
from approvals.revising import revise
from approvals.shown import row_digest
from approvals.submission import AgentMessage, Revised
from approvals.submit import ask, submit
from audit.actor import Actor
from core import ids
from core.db import pool
from people import absences
from people.models import Absence, Person
from people.roles import grant_role, revoke_role
from people.services import create_person, create_workspace
from policies.services import apply

TEST = Actor.operator("tests")


class World:
    """One workspace.  Roles are given as ``{role: [name, …]}``; Olivia owns the agent."""

    def __init__(
        self,
        roles: dict[str, list[str]],
        rules: Sequence[dict[str, Any]] = (),
        *,
        password: str | None = None,
        **action: Any,
    ) -> None:
        self.slug = f"w-{secrets.token_hex(6)}"
        self.workspace = create_workspace(actor=TEST, slug=self.slug)
        names = {"olivia", *(name for members in roles.values() for name in members)}
        self.people: dict[str, Person] = {
            name: create_person(
                actor=TEST,
                workspace=self.workspace,
                email=f"{name}@{self.slug}.example",
                name=name.title(),
                password=password,
            )
            for name in sorted(names)
        }
        self.agent = create_agent(
            actor=TEST, workspace=self.workspace, name="bot", owner=self.people["olivia"]
        )
        self.key = create_key(actor=TEST, agent=self.agent)
        self.policy: dict[str, Any] = {
            "assentry": 1,
            "fallback": next(iter(roles)),
            "roles": {
                role: {"title": role.title(), "members": [self.email(name) for name in members]}
                for role, members in roles.items()
            },
            "actions": {"payments.refund": {"title": "Refund", **action}},
            "rules": list(rules),
        }
        self.apply()

    def email(self, name: str) -> str:
        return f"{name}@{self.slug}.example"

    def apply(self, **changes: Any) -> None:
        self.policy |= changes
        apply(actor=TEST, workspace=self.workspace, text=json.dumps(self.policy))

    def submit(
        self, *, key: str | None = None, idempotency_key: str | None = None, **body: Any
    ) -> dict[str, Any]:
        body = {"action": "payments.refund", "payload": {"amount": 20}} | body
        done = submit(
            authorization=f"Bearer {key or self.key.token}",
            body=json.dumps(body).encode(),
            idempotency_key=idempotency_key,
        )
        return value(done.rendered)

    def reader(self, name: str, *permissions: str) -> Reader:
        person = self.people[name]
        return Reader(
            self.workspace.id, person.id, person.user_id, person.name, frozenset(permissions)
        )

    def decide(
        self,
        name: str,
        request: dict[str, Any],
        verdict: str = "approve",
        comment: str = "because",
        **other: Any,
    ) -> dict[str, Any]:
        """The verdict of somebody who looked just now; `shown_digest=None` as older votes have it."""
        person, channel = self.people[name], other.get("channel", "web")
        if "shown_digest" in other:
            shown = other["shown_digest"]
        else:
            row = for_person(reader=self.reader(name), request_id=uuid_of(request))
            shown = row_digest(row, channel)
        chosen = choice(
            verdict=verdict,
            stage=other.get("stage", request["stage"]),
            payload_digest=other.get("payload_digest", request["payload_digest"]),
            comment=comment,
            channel=channel,
            assurance=other.get("assurance", "session"),
            edits=other.get("edits"),
            answer=other.get("answer"),
            shown_digest=shown,
            revision=other.get("revision"),
        )
        rendered = decide(
            actor=Actor.person(person.id, channel=channel),
            reader=self.reader(name),
            request_id=uuid_of(request),
            chosen=chosen,
        )
        return value(rendered)

    @property
    def caller(self) -> KeyContext:
        """The agent behind its key, as it stands now."""
        with pool().connection() as conn:
            return authenticate(conn, f"Bearer {self.key.token}")

    def ask(self, **body: Any) -> dict[str, Any]:
        """The agent asks people something."""
        body = {"to": self.policy["fallback"], "prompt": "Which one?"} | body
        done = ask(
            authorization=f"Bearer {self.key.token}",
            body=json.dumps(body).encode(),
            idempotency_key=None,
        )
        return value(done.rendered)

    def say(self, request: dict[str, Any], text: str) -> dict[str, Any]:
        """The agent answers, or adds to its request."""
        message = AgentMessage(text)
        return value(say(caller=self.caller, request_id=uuid_of(request), message=message).body)

    def revise(self, request: dict[str, Any], **payload: Any) -> dict[str, Any]:
        """The agent changes its payload."""
        revised = Revised(payload=payload)
        return value(revise(caller=self.caller, request_id=uuid_of(request), revised=revised))

    def seen(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """The request as this person sees it."""
        row = for_person(reader=self.reader(name), request_id=uuid_of(request))
        return value(render(row, for_person=True))

    def grant(self, name: str, role: str) -> None:
        grant_role(actor=TEST, workspace=self.workspace, role=role, person=self.people[name])

    def revoke(self, name: str, role: str) -> None:
        revoke_role(actor=TEST, workspace=self.workspace, role=role, person=self.people[name])

    def away(self, name: str, stand_in: str | None = None, **until: float) -> Absence:
        """Let somebody be away from now on, for so long as `timedelta` takes it: a day unless said."""
        with pool().connection() as conn:
            (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        return absences.declare(
            actor=TEST,
            person=self.people[name],
            begins_at=now,
            ends_at=now + timedelta(**(until or {"days": 1})),
            stand_in=self.people[stand_in] if stand_in else None,
        ).absence

    def back(self, absence: Absence) -> None:
        """They are back before its end."""
        assert absences.end(actor=TEST, absence=absence)

    def events(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The request's events, oldest first."""
        with pool().connection() as conn:
            found = conn.execute(
                "SELECT body FROM audit_event WHERE subject = %s ORDER BY at, id",
                [uuid_of(request)],
            ).fetchall()
        return [json.loads(body) for (body,) in found]

    def kinds(self, request: dict[str, Any]) -> list[str]:
        return [event["kind"] for event in self.events(request)]


def value(rendered: bytes) -> dict[str, Any]:
    """A rendered request object as a value."""
    found: dict[str, Any] = json.loads(rendered)
    return found


def told(refused: Any) -> dict[str, Any]:
    """The present state of the request that a refusal carries."""
    found: dict[str, Any] = refused.extra["request"]
    return found


def uuid_of(request: dict[str, Any]) -> UUID:
    return ids.decode("req", request["id"])
