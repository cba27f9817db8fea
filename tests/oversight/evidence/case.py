"""A request with everything: a run, two revisions, two stages, words, a permit, a result, a callback."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import requests

from agents.services import create_auditor_key, create_tool_key
from approvals import read, telling
from approvals.looks import looked
from approvals.returning import comment
from audit.sequencer import sequence
from callbacks import endpoints
from callbacks.endpoints import Wanted
from callbacks.models import Attempt
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import due, ids
from people.permissions import grant_permission
from signing.notes import Verifier, open_note
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import Receiver, until
from tests.clock import looks_older
from tests.factories import PASSWORD, bearer
from tests.server import Live

RULE: dict[str, Any] = {
    "name": "Ask two teams",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}, {"any_of": ["money"]}]},
}
AT = "2026-05-04T09:30:00Z"


class Case:
    """A workspace whose agent asked for a refund; ``card`` is sensitive."""

    def __init__(self, server: Live) -> None:
        self.server = server
        self.world = World(
            {"lead": ["ana", "ben"], "money": ["cleo"], "nobody": ["vera"]},
            [RULE],
            password=PASSWORD,
            sensitive=["/card"],
        )
        self.agent = bearer(self.world.key.token)
        made = create_auditor_key(actor=TEST, workspace=self.world.workspace, name="Yearly audit")
        self.auditor_key, self.auditor = made.key, bearer(made.token)

    def may_audit(self, name: str) -> None:
        grant_permission(
            actor=TEST,
            workspace=self.world.workspace,
            person=self.world.people[name],
            permission="audit",
        )

    def run(self) -> str:
        """A run with three steps; its id."""
        answer = self.server.call(
            "POST",
            "/runs",
            headers=self.agent,
            json={"external_id": "ticket-7", "agent_version": "2.1"},
        )
        run: str = answer.json()["id"]
        steps = [
            {"tool": f"crm.{name}", "started_at": AT, "status": "succeeded"}
            for name in ("find", "read", "sum")
        ]
        told = self.server.call(
            "POST", f"/runs/{run}/steps", headers=self.agent, json={"steps": steps}
        )
        assert told.status_code == 201, told.text
        return run

    def whole(self, receiver: Receiver, card: str | None = "4111") -> dict[str, Any]:
        """Ask, revise, decide at both stages, use the permit, tell the result; the request."""
        endpoints.create(actor=TEST, agent=self.world.agent, wanted=Wanted(url=receiver.url))
        secret = {"card": card} if card else {}
        request = self.world.submit(
            payload={"amount": 20, **secret}, run=self.run(), summary="Broken on arrival"
        )
        self.world.decide("ana", request, comment="Twenty is fine.")
        request = self.world.revise(request, amount=25, **secret)
        self.say("ben", request, "Ask the warehouse.")
        self.world.say(request, "The warehouse agrees.")
        request = self.world.decide("ben", request, comment="So is twenty-five.")
        row = read.for_person(reader=self.world.reader("cleo"), request_id=uuid_of(request))
        looked(person=self.world.people["cleo"].id, row=row)
        looks_older(row.id, seconds=7)
        request = self.world.decide("cleo", request, comment="Paid.")
        self.use(request)
        self.deliver(1)
        return request

    def say(self, name: str, request: dict[str, Any], text: str) -> None:
        reader = self.world.reader(name)
        comment(actor=TEST, reader=reader, request_id=uuid_of(request), text=text)

    def use(self, request: dict[str, Any]) -> None:
        path = f"/requests/{request['id']}"
        permit = self.server.call("POST", f"{path}/permit", headers=self.agent).json()
        tool = bearer(
            create_tool_key(actor=TEST, workspace=self.world.workspace, name="till").token
        )
        used = self.server.call(
            "POST",
            f"/permits/{permit['id']}/consume",
            headers=tool,
            json={"payload_digest": request["payload_digest"]},
        )
        assert used.status_code == 200, used.text
        told = self.server.call(
            "POST",
            f"{path}/result",
            headers=self.agent,
            json={"status": "succeeded", "detail": "re_99", "cost": 0.25},
        )
        assert told.status_code in (200, 201), told.text

    def deliver(self, attempts: int) -> None:
        deliverer = Deliverer(telling.bodies)
        try:
            due.run(DELIVER, deliverer.take)
            workspace = self.world.workspace.id
            until(lambda: Attempt.objects.filter(workspace_id=workspace).count() >= attempts)
        finally:
            deliverer.close(5)

    def sequence(self) -> int:
        return sequence(self.world.workspace.id)

    def evidence(self, request: dict[str, Any], ending: str = "", **call: Any) -> requests.Response:
        call.setdefault("headers", self.auditor)
        return self.server.call("GET", f"/requests/{request['id']}/evidence{ending}", **call)

    def packet(self, request: dict[str, Any]) -> dict[str, Any]:
        """The packet, once all is sequenced."""
        self.sequence()
        answer = self.evidence(request)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def proven(packet: dict[str, Any]) -> int:
    """Check a packet with nothing but SHA-256, Ed25519 and what docs/log-format.md says.

    Returns:
        how many events it proves.
    """
    note, verifiers = packet["checkpoint"]["note"], [Verifier.parse(key) for key in packet["keys"]]
    text, _ = open_note(note, verifiers)
    origin, size, root = text.splitlines()
    assert origin == packet["origin"]
    found = packet["events"] + [one["event"] for one in packet["policy"]]
    for one in found:
        raw = json.dumps(one["event"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        leaf = hashlib.sha256(b"\0" + raw.encode()).digest()
        assert base64.b64encode(leaf).decode() == one["leaf"]
        hashes = [base64.b64decode(each) for each in one["hashes"]]
        assert _root(one["position"], int(size), leaf, hashes) == base64.b64decode(root)
        for name, held in one["commitments"].items():
            if held["state"] == "shown":
                opened = base64.b64decode(held["salt"]) + base64.b64decode(held["bytes"])
                digest = hashlib.sha256(opened).hexdigest()
                assert one["event"]["commitments"][name] == f"sha256:{digest}", name
    return len(found)


def _root(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """RFC 9162, 2.1.3.2, as it stands there."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def shown(packet: dict[str, Any], name: str) -> list[bytes]:
    """The bytes of every commitment of this name that is shown."""
    held = [one["commitments"][name] for one in packet["events"] if name in one["commitments"]]
    return [base64.b64decode(one["bytes"]) for one in held if one["state"] == "shown"]


def person(case: Case, name: str) -> dict[str, str]:
    """Somebody as packets name them."""
    return {"id": ids.encode("per", case.world.people[name].id), "name": name.title()}
