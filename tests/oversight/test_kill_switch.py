"""The kill switch: everything an agent could still do ends at once, and nothing comes after it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agents.models import Agent
from agents.services import create_tool_key
from core import db, ids
from core.problems import Problem
from oversight import kill_switch
from oversight.kill_switch import Order
from tests.api.tenant import Person
from tests.approvals.test_permits import RULE, Till, code
from tests.approvals.world import TEST, World
from tests.factories import PASSWORD, bearer
from tests.promises import ask
from tests.server import Live
from tests.together import until_waiting


def press(world: World, mode: Any = "press", **other: Any) -> kill_switch.KillShown:
    order = Order(
        world.workspace.id,
        other.get("scope", "agent"),
        other.get("target", world.agent.id),
        other.get("reason", "It runs wild."),
    )
    return kill_switch.run(actor=TEST, order=order, mode=mode)


def undo(world: World, kill: str) -> None:
    kill_switch.undo(actor=TEST, workspace=world.workspace.id, kill_id=ids.decode("kil", kill))


def state(world: World) -> str:
    return Agent.objects.get(id=world.agent.id).state


def test_it_cancels_revokes_and_suspends_and_says_what_had_run(server: Live) -> None:
    till = Till(server)
    ran = till.permit().json()["id"]
    assert till.consume(ran).status_code == 200
    pending = till.world.submit()
    approved = till.world.submit()
    till.world.decide("ana", approved)
    run = till.server.call("POST", "/runs", headers=till.agent, json={"external_id": "r"}).json()
    done = press(till.world)
    assert (done.cancelled, done.revoked, done.had_run_count) == (1, 1, 1)
    assert done.had_run[0].request == till.request["id"]
    assert state(till.world) == "suspended"
    ended = till.server.call("GET", f"/requests/{pending['id']}", headers=till.agent).json()
    assert (ended["status"], ended["basis"], ended["stop"]) == ("cancelled", "kill_switch", True)
    assert "stop" in ended["message"].lower()
    answer = till.server.call("POST", f"/requests/{approved['id']}/permit", headers=till.agent)
    assert code(answer) == "403 agent_suspended"
    # A loop that never asks hears it with its next step, or whatever it reads.
    step = {"steps": [{"tool": "x", "started_at": "2026-01-01T00:00:00Z", "status": "succeeded"}]}
    told = till.server.call("POST", f"/runs/{run['id']}/steps", headers=till.agent, json=step)
    assert told.json()["stop"] is True
    assert till.server.call("GET", "/me", headers=till.agent).json()["stop"] is True
    with pytest.raises(Problem) as refused:
        till.world.submit()
    assert refused.value.code == "agent_suspended"


def test_a_dry_run_changes_nothing_and_a_drill_takes_it_back() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    request = world.submit()
    for mode, timed in (("dry_run", False), ("drill", True)):
        done = press(world, mode)
        assert (done.milliseconds is not None) is timed
        assert (done.id, done.cancelled, done.revoked) == (None, 1, 0)
        assert world.seen("ana", request)["status"] == "pending"
        assert state(world) == "active"
    assert world.decide("ana", request)["status"] == "approved"


def test_undoing_gives_back_the_agents_and_nothing_else() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    request = world.submit()
    first, second = press(world), press(world, scope="workspace", target=world.workspace.id)
    assert first.id is not None
    assert second.id is not None
    assert first.by is None
    undo(world, first.id)
    assert state(world) == "suspended"
    undo(world, second.id)
    assert state(world) == "active"
    assert world.seen("ana", request)["status"] == "cancelled"
    with pytest.raises(Problem) as refused:
        undo(world, second.id)
    assert refused.value.code == "kill_undone"


def test_owners_stop_their_own_and_nobody_elses(server: Live) -> None:
    world = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    owner, other = (Person(server, world.people[name]) for name in ("olivia", "ana"))
    body = {"scope": "owner", "reason": "Mine."}
    refused = other.call("POST", "/kill_switch", json={"scope": "workspace", "reason": "No"})
    assert code(refused) == "403 not_administrator"
    assert other.call("POST", "/kill_switch", json=body).status_code == 404
    assert owner.call("POST", "/kill_switch", json={"scope": "owner"}).status_code == 422
    done = owner.call("POST", "/kill_switch", json=body)
    assert done.status_code == 201
    assert done.json()["by"] == ids.encode("per", world.people["olivia"].id)
    assert state(world) == "suspended"
    assert code(owner.call("GET", "/kill_switch")) == "403 not_administrator"


def test_a_submit_that_was_read_before_the_switch_stores_nothing() -> None:
    world = World({"lead": ["ana"]}, [RULE])
    with ThreadPoolExecutor(1) as threads:
        with db.connect() as conn, conn.transaction():
            conn.execute("SELECT 1 FROM agents_agent WHERE id = %s FOR UPDATE", [world.agent.id])
            submitted = threads.submit(world.submit)
            until_waiting(1, "INSERT INTO approvals_request")
            conn.execute(
                "UPDATE agents_agent SET state = 'suspended' WHERE id = %s", [world.agent.id]
            )
        with pytest.raises(Problem) as refused:
            submitted.result()
    assert refused.value.code == "agent_suspended"
    for table in ("approvals_request", "approvals_revision", "core_due"):
        assert ask(f"SELECT 1 FROM {table} WHERE workspace_id = %s", world.workspace.id) == []


def test_nothing_is_used_submitted_or_decided_after_it(server: Live) -> None:
    """Pressed while decisions, submits and uses are in flight: each came before it, or not at all."""
    world = World({"lead": ["ana", "ben"]}, [RULE])
    tool = bearer(create_tool_key(actor=TEST, workspace=world.workspace, name="till").token)
    agent = bearer(world.key.token)
    requests = [world.submit() for _ in range(40)]
    permits = {}
    for request in requests[:20]:
        world.decide("ana", request)
        issued = server.call("POST", f"/requests/{request['id']}/permit", headers=agent)
        permits[issued.json()["id"]] = request
    start = threading.Barrier(42)

    def use(permit: str, request: dict[str, Any]) -> tuple[str, int]:
        start.wait()
        body = {"payload_digest": request["payload_digest"]}
        path = f"/permits/{permit}/consume"
        return permit, server.call("POST", path, headers=tool, json=body).status_code

    def decide(request: dict[str, Any]) -> None:
        start.wait()
        try:
            world.decide("ben", request)
        except Problem as problem:
            assert problem.code == "request_ended"  # noqa: PT017

    def submit() -> None:
        start.wait()
        for _ in range(10):
            try:
                world.submit()
            except Problem as problem:
                assert problem.code == "agent_suspended"  # noqa: PT017
                return

    def stop() -> kill_switch.KillShown:
        start.wait()
        return press(world)

    with ThreadPoolExecutor(42) as threads:
        uses = [threads.submit(use, *pair) for pair in permits.items()]
        others = [threads.submit(decide, request) for request in requests[20:]]
        others.append(threads.submit(submit))
        stopped = threads.submit(stop)
        for one in others:
            one.result()
        used = dict(one.result() for one in uses)
        done = stopped.result()
    assert set(used.values()) <= {200, 410}
    consumed = [permit for permit, status in used.items() if status == 200]
    assert done.had_run_count == len(consumed)
    mine = server.call("GET", "/requests?limit=200", headers=agent).json()["results"]
    assert "pending" not in {one["status"] for one in mine}
    states = [one["permit"]["state"] for one in mine if one["permit"]]
    assert not {"open", "issued"} & set(states)
    assert states.count("consumed") == len(consumed)
    start = threading.Barrier(1)
    assert {use(*pair)[1] for pair in permits.items()} <= {409, 410}
