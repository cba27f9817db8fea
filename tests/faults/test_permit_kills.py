"""Processes killed around permits and the kill switch: used once and known, stopped wholly or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from agents.models import Agent
from approvals.models import Permit
from callbacks.sql import DELIVER
from config.environment import ROOT
from core.nudge import nudger
from oversight.models import Kill
from tests.api.tenant import Person
from tests.approvals.test_permits import Till, code
from tests.callbacks.receiver import Receiver
from tests.callbacks.test_delivery import Setting
from tests.events import events_of
from tests.processes import Process, Web, Worker, environment, eventually


def killed_at(started: list[Process], folder: Path, place: str) -> Web:
    """A web process that dies at this place."""
    web = Web(folder, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(web)
    return web


def succeeded(till: Till, started: list[Process], folder: Path, doomed: Web) -> Web:
    """Another process at the address of the one that died."""
    assert doomed.process.wait(10) < 0
    web = Web(folder, doomed.listener)
    started.append(web)
    till.server = web
    return web


def kinds(till: Till) -> Counter[str]:
    return Counter(event["kind"] for event in till.world.events(till.request))


def permits(till: Till) -> list[Permit]:
    return list(Permit.objects.filter(workspace=till.world.workspace).order_by("id"))


@pytest.mark.parametrize("earlier", [False, True])
def test_a_permit_cut_short_is_none(started: list[Process], tmp_path: Path, earlier: bool) -> None:
    doomed = killed_at(started, tmp_path, "permit_before_last_statement")
    till = Till(doomed)
    before: list[str] = []
    if earlier:
        healthy = Web(tmp_path)
        started.append(healthy)
        till.server = healthy
        before = [till.permit().json()["id"]]
        till.server = doomed
    events = kinds(till)
    with pytest.raises(requests.ConnectionError):
        till.permit()
    succeeded(till, started, tmp_path, doomed)
    assert kinds(till) == events
    assert till.now()["permit"]["state"] == ("issued" if earlier else "open")
    assert len(permits(till)) == len(before)
    # The one that it was to replace is as good as before.
    usable = before or [till.permit().json()["id"]]
    assert till.consume(usable[0]).status_code == 200


def test_a_permit_whose_answer_was_lost_gives_way_to_another(
    started: list[Process], tmp_path: Path
) -> None:
    doomed = killed_at(started, tmp_path, "after_commit_before_nudge")
    till = Till(doomed)
    with pytest.raises(requests.ConnectionError):
        till.permit()
    succeeded(till, started, tmp_path, doomed)
    assert till.now()["permit"]["state"] == "issued"
    again = till.permit().json()["id"]
    lost, live = permits(till)
    assert (lost.revoked_at is None, live.revoked_at is None) == (False, True)
    assert till.consume(again).status_code == 200
    assert kinds(till)["permit.consumed"] == 1


@pytest.mark.parametrize("named", [False, True])
def test_a_use_whose_answer_was_lost_is_known_and_stays_one(
    started: list[Process], tmp_path: Path, named: bool
) -> None:
    doomed = killed_at(started, tmp_path, "consume_after_commit_before_answer")
    till = Till(doomed)
    permit = till.permit().json()["id"]
    headers = {"Idempotency-Key": "use-1"} if named else {}
    with pytest.raises(requests.ConnectionError):
        till.consume(permit, **headers)
    succeeded(till, started, tmp_path, doomed)
    known = till.now()["permit"]
    assert (known["state"], known["consumed_by"]) == ("consumed", "till")
    assert code(till.consume(permit)) == "409 permit_consumed"
    assert code(till.consume(permit, **{"Idempotency-Key": "use-2"})) == "409 permit_consumed"
    assert code(till.permit()) == "409 permit_consumed"
    if named:  # whoever gave it a name learns that it was they themselves
        again = till.consume(permit, **headers)
        assert (again.status_code, again.json()["consumed_at"]) == (200, known["consumed_at"])
    assert kinds(till)["permit.consumed"] == 1
    [row] = permits(till)
    assert row.consumed_at is not None
    assert till.told(permit, "succeeded").status_code == 200


class Standing:
    """An agent with one of each: a pending request, an approval, a permit, and one that was used."""

    def __init__(self, healthy: Web, receiver: Receiver) -> None:
        self.till = till = Till(healthy)
        self.used = till.permit().json()["id"]
        assert till.consume(self.used).status_code == 200
        self.ran = till.request
        self.pending = till.world.submit()
        self.approved, self.issued = till.world.submit(), till.world.submit()
        for request in (self.approved, self.issued):
            till.world.decide("ana", request)
        till.request = self.issued
        self.permit = till.permit().json()["id"]
        self.setting = Setting(till.world, receiver)

    def states(self) -> dict[str, Any]:
        """What stands in the database, and what the agent sees."""
        seen = [
            self.till.server.call("GET", f"/requests/{one['id']}", headers=self.till.agent).json()
            for one in (self.ran, self.pending, self.approved, self.issued)
        ]
        workspace = self.till.world.workspace.id
        pressed = [one["kind"] for one in events_of(workspace) if "kill" in one["kind"]]
        return {
            "agent": Agent.objects.get(id=self.till.world.agent.id).state,
            "requests": [(one["status"], one["permit"] and one["permit"]["state"]) for one in seen],
            "uses": Kill.objects.filter(workspace=workspace).count(),
            "events": pressed,
            "told": sorted(one.type for one in self.setting.callbacks()),
        }


NOTHING: dict[str, Any] = {
    "agent": "active",
    "requests": [
        ("approved", "consumed"),
        ("pending", None),
        ("approved", "open"),
        ("approved", "issued"),
    ],
    "uses": 0,
    "events": [],
    "told": [],
}
EVERYTHING: dict[str, Any] = {
    "agent": "suspended",
    "requests": [
        ("approved", "consumed"),
        ("cancelled", None),
        ("approved", "revoked"),
        ("approved", "revoked"),
    ],
    "uses": 1,
    "events": ["kill_switch.pressed"],
    "told": ["request.cancelled", "request.revoked", "request.revoked"],
}


@pytest.mark.parametrize("by", ["page", "command"])
@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("end_before_last_statement", NOTHING),
        ("kill_before_last_statement", NOTHING),
        ("after_commit_before_nudge", EVERYTHING),
    ],
    ids=["while ending", "before the last statement", "after the commit"],
)
def test_a_kill_switch_cut_short_stops_wholly_or_not_at_all(
    started: list[Process],
    tmp_path: Path,
    receiver: Receiver,
    place: str,
    after: dict[str, Any],
    by: str,
) -> None:
    healthy = Web(tmp_path)
    started.append(healthy)
    standing = Standing(healthy, receiver)
    till = standing.till
    assert standing.states() == NOTHING
    told: list[requests.Response] = []
    path = f"/requests/{standing.pending['id']}?wait=50"
    waiting = threading.Thread(
        target=lambda: told.append(healthy.call("GET", path, headers=till.agent))
    )
    waiting.start()
    if by == "page":
        press_by_page(started, tmp_path, standing, place)
    else:
        press_by_command(tmp_path, standing, place)
    assert standing.states() == after
    if after is NOTHING:
        assert till.consume(standing.permit).status_code == 200
        assert till.world.decide("ana", standing.pending)["status"] == "approved"
    else:
        assert code(till.consume(standing.permit)) == "410 permit_revoked"
        assert code(till.permit()) == "403 agent_suspended"
        started.append(Worker(tmp_path))
        nudger.nudge(DELIVER)
        eventually(lambda: {one.state for one in standing.setting.callbacks()} == {"delivered"})
        types = sorted(json.loads(one.body)["type"] for one in receiver.until(3))
        assert types == EVERYTHING["told"]
    # The nudge died with the process: whoever waits looks again by themselves.
    waiting.join(20)
    [answer] = told
    assert answer.json()["status"] == ("approved" if after is NOTHING else "cancelled")


def press_by_page(started: list[Process], folder: Path, standing: Standing, place: str) -> None:
    doomed = killed_at(started, folder, place)
    owner = Person(doomed, standing.till.world.people["olivia"])
    body = {"scope": "owner", "reason": "It runs wild."}
    with pytest.raises(requests.ConnectionError):
        owner.call("POST", "/kill_switch", json=body)
    assert doomed.process.wait(10) < 0


def press_by_command(folder: Path, standing: Standing, place: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "manage.py", "kill", standing.till.world.slug, "bot"),
            *("--reason", "It runs wild."),
        ],
        cwd=ROOT,
        env=environment(folder, ASSENTRY_FAILPOINTS=f"{place}:kill"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode < 0, done.stderr
