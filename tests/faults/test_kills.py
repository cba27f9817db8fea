"""Processes killed at named places: nothing lost, one outcome (guarantees 1, 2, 6 and 9)."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
import requests

from approvals.read import snapshots
from core.db import pool
from core.nudge import nudger
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.factories import PASSWORD
from tests.faults.doors import bearer, decide, signed_in
from tests.processes import Process, Web, Worker, eventually

ASK = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana"]}, [ASK], password=PASSWORD)


def submit(web: Web, world: World, **headers: str) -> requests.Response:
    body = {"action": "payments.refund", "payload": {"amount": 20}}
    return web.call("POST", "/requests", json=body, headers=bearer(world, **headers))


def requests_of(world: World) -> int:
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT count(*) FROM approvals_request WHERE workspace_id = %s", [world.workspace.id]
        ).fetchone()
    return int(found[0]) if found else 0


@pytest.mark.parametrize(
    "place", ["after_commit_before_nudge", "submit_after_commit_before_answer"]
)
def test_killed_between_commit_and_answer_the_same_key_finds_the_request(
    world: World, started: list[Process], tmp_path: Path, place: str
):
    web = Web(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(web)
    with pytest.raises(requests.ConnectionError):
        submit(web, world, **{"Idempotency-Key": '"restart-1"'})
    assert web.process.wait(10) < 0
    assert requests_of(world) == 1
    successor = Web(tmp_path, web.listener)
    started.append(successor)
    again = submit(successor, world, **{"Idempotency-Key": "restart-1"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert requests_of(world) == 1
    assert world.kinds(again.json()) == ["request.submitted"]


def test_killed_before_the_commit_nothing_is_there(
    world: World, started: list[Process], tmp_path: Path
):
    web = Web(tmp_path, ASSENTRY_FAILPOINTS="submit_before_last_statement:kill")
    started.append(web)
    with pytest.raises(requests.ConnectionError):
        submit(web, world, **{"Idempotency-Key": "restart-2"})
    web.process.wait(10)
    assert requests_of(world) == 0


@pytest.mark.parametrize(
    ("place", "decided"),
    [
        ("decide_before_last_statement", False),
        ("end_before_last_statement", False),
        ("after_commit_before_nudge", True),
    ],
)
def test_killed_while_deciding_it_is_decided_wholly_or_not_at_all(
    world: World, started: list[Process], tmp_path: Path, place: str, decided: bool
):
    request = world.submit()
    healthy = Web(tmp_path)
    started.append(healthy)
    session = signed_in(healthy, world)
    told: list[requests.Response] = []
    waiting = threading.Thread(
        target=lambda: told.append(
            healthy.call("GET", f"/requests/{request['id']}?wait=50", headers=bearer(world))
        )
    )
    waiting.start()
    doomed = Web(
        tmp_path,
        ASSENTRY_FAILPOINTS=f"{place}:kill",
        ASSENTRY_SECRET_KEY="x" * 25 + "abcdefghijklmnopqrstuvwxyz",
    )
    started.append(doomed)
    doomed_session = signed_in(doomed, world)
    with pytest.raises(requests.ConnectionError):
        decide(doomed_session, doomed, request)
    assert doomed.process.wait(10) < 0
    ended = "request.approved" in world.kinds(request)
    assert ended is decided
    if not decided:
        assert world.kinds(request) == ["request.submitted"]
        assert decide(session, healthy, request).status_code == 200
    # The nudge died with the process: whoever waits looks again by themselves.
    waiting.join(20)
    assert [answer.json()["status"] for answer in told] == ["approved"]
    assert world.kinds(request).count("request.approved") == 1


@pytest.mark.parametrize(
    "place",
    [
        "due_after_claim",
        "due_before_finish",
        "end_before_last_statement",
        "after_commit_before_nudge",
    ],
)
def test_a_worker_killed_while_expiring_is_followed_by_another(
    world: World, started: list[Process], tmp_path: Path, place: str
):
    request = world.submit()
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(doomed)
    travel(uuid_of(request), days=1)
    nudger.nudge("request.expire")
    eventually(lambda: doomed.ended is not None)
    if snapshots([uuid_of(request)])[uuid_of(request)].pending:
        travel(uuid_of(request), seconds=40)  # the dead worker's lease is over
    started.append(Worker(tmp_path))
    nudger.nudge("request.expire")
    eventually(lambda: not snapshots([uuid_of(request)])[uuid_of(request)].pending)
    kinds = world.kinds(request)
    # The steps that the deadline overtook are in the log once each, before it.
    assert [kind for kind in kinds if kind != "escalation.stepped"] == [
        "request.submitted",
        "request.expired",
    ]
    assert len(kinds) <= 4


def test_web_and_worker_killed_at_once_leave_everything_to_their_successors(
    world: World, started: list[Process], tmp_path: Path
):
    web, worker = Web(tmp_path), Worker(tmp_path)
    started += [web, worker]
    made = [submit(web, world).json() for _ in range(20)]
    session = signed_in(web, world)
    approved = [decide(session, web, request).json()["id"] for request in made[:10]]
    for process in (web, worker):
        process.kill()
    for request in made[10:]:
        travel(uuid_of(request), days=1)
    started.append(Worker(tmp_path))
    started.append(Web(tmp_path, web.listener))
    later = partial(snapshots, [uuid_of(request) for request in made])
    eventually(lambda: not any(snapshot.pending for snapshot in later().values()))
    statuses = {request["id"]: later()[uuid_of(request)].status for request in made}
    assert {key for key, status in statuses.items() if status == "approved"} == set(approved)
    assert sorted(statuses.values()) == ["approved"] * 10 + ["expired"] * 10
    for request in made:
        ends = [
            kind for kind in world.kinds(request) if kind in {"request.approved", "request.expired"}
        ]
        assert len(ends) == 1
