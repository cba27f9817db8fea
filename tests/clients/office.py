"""A workspace with an agent that uses the client, and with people who decide over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from assentry import AsyncClient, Client, Retry
from django.db import connections

from policies.services import apply
from tests.api.tenant import Person, Tenant
from tests.factories import ACTOR
from tests.server import Live

PAYLOAD = {
    "type": "object",
    "required": ["order", "amount"],
    "properties": {"order": {"type": "string"}, "amount": {"type": "number"}},
}
#: Quick enough for tests, and often enough for a server that is started again.
QUICK = Retry(attempts=6, first_s=0.02, most_s=0.2, patience_s=20)


def policy(*members: str) -> dict[str, Any]:
    """Refunds are asked of one person and may be edited; small ones are free; large ones are denied."""
    return {
        "assentry": 1,
        "fallback": "lead",
        "roles": {"lead": {"title": "Lead", "members": list(members)}},
        "actions": {
            "payments.refund": {"title": "Refund", "schema": PAYLOAD, "editable": ["/amount"]},
            "shell.exec": {"title": "Run a command", "editable": ["/argv"]},
            "notes.write": {"title": "Write a note"},
        },
        "rules": [
            {
                "name": "Small",
                "action": "payments.refund",
                "when": "payload.amount < 10.0",
                "effect": "allow",
            },
            {
                "name": "Huge",
                "action": "payments.refund",
                "when": "payload.amount > 5000.0",
                "effect": "deny",
                "reason": "Refunds above 5000 are made by the bank.",
            },
        ],
    }


class Office(Tenant):
    """The agent's side is `client`, the people's side `decide`."""

    def __init__(self, server: Live) -> None:
        super().__init__(server)
        members = (self.one.user.email, self.two.user.email)
        apply(actor=ACTOR, workspace=self.workspace, text=json.dumps(policy(*members)))
        self.reviewer: Person = self.person()
        self._clients: list[Client] = []

    @property
    def token(self) -> str:
        return str(self.key.token)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to know."""
        return {"ASSENTRY_URL": self.server.url, "ASSENTRY_KEY": self.token}

    def client(self, url: str | None = None, **options: Any) -> Client:
        client = Client(url or self.server.url, self.token, retry=QUICK, **options)
        self._clients.append(client)
        return client

    def async_client(self, url: str | None = None, **options: Any) -> AsyncClient:
        return AsyncClient(url or self.server.url, self.token, retry=QUICK, **options)

    def close(self) -> None:
        """Hang up everything."""
        for client in self._clients:
            client.close()
        self.reviewer.http.close()

    def pending(self) -> list[dict[str, Any]]:
        """What people are asked now."""
        found: list[dict[str, Any]] = self.reviewer.call("GET", "/inbox").json()["results"]
        return found

    def until_asked(self) -> list[dict[str, Any]]:
        """The same, as soon as there is something."""
        until = time.monotonic() + 30
        while not (found := self.pending()):
            assert time.monotonic() < until, "nobody asked"
        return found

    def stored(self) -> list[dict[str, Any]]:
        """All requests of the agent, newest first."""
        found: list[dict[str, Any]] = self.call("GET", "/requests").json()["results"]
        return found

    def decide(self, request_id: str, verdict: str = "approve", **more: Any) -> dict[str, Any]:
        """A person decides on the request as it stands now."""
        request = self.reviewer.call("GET", f"/requests/{request_id}").json()
        answer = self.reviewer.decide(request, verdict, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def once_asked(
        self, verdict: str = "approve", *, parked: bool = True, **more: Any
    ) -> threading.Thread:
        """Decide in a thread, as soon as somebody waits for the one request there is."""

        def decide() -> None:
            if parked:
                self.server.until_parked(1, timeout=20)
            (request,) = self.until_asked()
            self.decide(request["id"], verdict, **more)

        return started(decide)


def started(function: Callable[[], None]) -> threading.Thread:
    """A thread that runs it, and gives its database connection back."""

    def run() -> None:
        try:
            function()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
