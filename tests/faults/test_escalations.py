"""Steps under faults: killed, stopped, raced and out of time, each is taken once and in order."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from approvals.deadline import meet
from approvals.sql import ESCALATE
from core import due
from core.db import pool
from core.due import LostLease
from core.nudge import nudger
from core.problems import Problem
from escalations.models import Step
from escalations.stepping import escalate_due
from people.services import deactivate_person
from tests.approvals.world import TEST, World, uuid_of
from tests.clock import travel
from tests.processes import Process, Worker, eventually
from tests.together import together

REMIND: dict[str, Any] = {"after": "1h", "remind": True}
WIDEN: dict[str, Any] = {"after": "2h", "widen": "role:manager"}
#: More than any lease of the clock's rows.
LEASE_OVER_S = 40


def world_of(*steps: dict[str, Any], **ask: Any) -> World:
    world = World(
        {"lead": ["ana", "ben"], "manager": ["mia"]},
        [
            {
                "name": "Ask the leads",
                "action": "payments.refund",
                "effect": "ask",
                "ask": {"stages": [{"any_of": ["lead"]}], "expires_in": "8h"} | ask,
            }
        ],
    )
    world.policy["rules"][0]["ask"]["escalation"] = "money"
    world.apply(escalations={"money": list(steps)})
    return world


def taken(request: dict[str, Any]) -> list[tuple[int, str, str]]:
    found = Step.objects.filter(request_id=uuid_of(request)).order_by("number")
    return [(one.number, one.kind, one.state) for one in found]


def claimed(request: dict[str, Any]) -> list[due.Claimed]:
    return due.take(ESCALATE, [uuid_of(request)])


@pytest.mark.parametrize(
    ("place", "done"),
    [("escalate_before_last_statement", False), ("after_commit_before_nudge", True)],
)
def test_killed_while_a_step_is_taken_it_is_taken_once(
    started: list[Process], tmp_path: Path, place: str, done: bool
) -> None:
    world = world_of(REMIND, WIDEN)
    request = world.submit()
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(doomed)
    travel(uuid_of(request), minutes=121)
    nudger.nudge(ESCALATE)
    eventually(lambda: doomed.ended is not None)
    steps = [(0, "remind", "skipped"), (1, "widen", "fired")]
    assert [(n, kind) for n, kind, _ in taken(request)] == (
        [(0, "remind"), (1, "widen")] if done else []
    )
    assert len(world.seen("ana", request)["plan"]["stages"][0]["roles"]) == (2 if done else 1)
    travel(uuid_of(request), seconds=LEASE_OVER_S)
    started.append(Worker(tmp_path))
    nudger.nudge(ESCALATE)
    eventually(lambda: len(taken(request)) == len(steps))
    kinds = world.kinds(request)
    assert kinds.count("escalation.stepped") == 2
    assert world.decide("mia", request)["status"] == "approved"


def test_a_worker_that_wakes_after_its_lease_takes_nothing(
    started: list[Process], tmp_path: Path
) -> None:
    world = world_of(WIDEN)
    request = world.submit()
    sleeper = Worker(tmp_path, ASSENTRY_FAILPOINTS="due_after_claim:sleep=1")
    started.append(sleeper)
    travel(uuid_of(request), minutes=121)
    nudger.nudge(ESCALATE)
    eventually(lambda: fence(request) >= 1)
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    travel(uuid_of(request), seconds=LEASE_OVER_S)
    second = Worker(tmp_path)
    started.append(second)
    nudger.nudge(ESCALATE)
    eventually(lambda: taken(request) == [(0, "widen", "fired")])
    second.kill()
    os.kill(sleeper.process.pid, signal.SIGCONT)
    sleeper.process.terminate()
    assert sleeper.process.wait(20) == 0
    assert world.kinds(request).count("escalation.stepped") == 1
    assert taken(request) == [(0, "widen", "fired")]


def is_settled(worker: Process) -> bool:
    return "is ready" in worker.log.read_text() or worker.ended is not None


def was_taken(request: dict[str, Any]) -> bool:
    return len(taken(request)) == 1


def fence(request: dict[str, Any]) -> int:
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT fence FROM core_due WHERE subject = %s AND kind = %s",
            [uuid_of(request), ESCALATE],
        ).fetchone()
    return 0 if found is None else int(found[0])


def test_what_was_claimed_by_another_meanwhile_is_left_to_it() -> None:
    world = world_of(REMIND, WIDEN)
    request = world.submit()
    travel(uuid_of(request), minutes=61)
    stale, fresh = claimed(request), claimed(request)
    escalate_due(fresh)
    with pytest.raises(LostLease):
        escalate_due(stale)
    assert len(taken(request)) == 1


def test_two_workers_at_the_same_instant_take_each_step_once() -> None:
    world = world_of(REMIND, WIDEN)
    for _ in range(8):
        request = world.submit()
        travel(uuid_of(request), minutes=121)
        first, second = claimed(request), claimed(request)
        came = together([partial(escalate_due, first), partial(escalate_due, second)])
        assert sorted(type(one).__name__ for one in came) == ["LostLease", "NoneType"]
        assert [number for number, _, _ in taken(request)] == [0, 1]
        assert world.kinds(request).count("escalation.stepped") == 2


def test_a_step_that_is_due_while_somebody_decides_comes_before_the_end_or_not_at_all() -> None:
    """Either order holds; never a step after the end, never a vote that is lost."""
    world = world_of(WIDEN)
    orders = set()
    for _ in range(12):
        request = world.submit()
        travel(uuid_of(request), minutes=121)
        rows = claimed(request)
        voted, stepped = together(
            [partial(world.decide, "ana", request), partial(escalate_due, rows)]
        )
        assert not isinstance(voted, Exception)
        assert stepped is None or isinstance(stepped, LostLease)
        assert voted["status"] == "approved"
        kinds = world.kinds(request)
        assert kinds.count("request.approved") == 1
        if "escalation.stepped" in kinds:
            assert kinds.index("escalation.stepped") < kinds.index("request.approved")
        orders.add("escalation.stepped" in kinds)
        assert len(taken(request)) == int("escalation.stepped" in kinds)
    assert orders <= {True, False}


def test_who_came_in_by_a_step_and_is_voted_out_again_counts_no_more() -> None:
    """The clock let a role in; somebody of it who is deactivated before the end is no voter."""
    world = world_of(WIDEN, stages=[{"any_of": ["lead"], "approvals": 2}])
    request = world.submit()
    travel(uuid_of(request), minutes=121)
    escalate_due(claimed(request))
    assert world.decide("mia", request)["status"] == "pending"
    deactivate_person(actor=TEST, person=world.people["mia"])
    seen = world.decide("ana", request)
    assert seen["status"] == "pending"
    assert [vote["void"] is None for vote in seen["decisions"]] == [False, True]
    assert world.decide("ben", request)["status"] == "approved"


def test_somebody_who_is_deactivated_between_two_steps_is_told_no_more() -> None:
    world = world_of(REMIND, {"after": "2h", "notify": "role:manager"})
    request = world.submit()
    travel(uuid_of(request), minutes=61)
    escalate_due(claimed(request))
    deactivate_person(actor=TEST, person=world.people["mia"])
    travel(uuid_of(request), minutes=60)
    escalate_due(claimed(request))
    step = Step.objects.get(request_id=uuid_of(request), number=1)
    assert (step.state, step.told) == ("skipped", 0)
    assert step.reason
    with pytest.raises(Problem):
        world.seen("mia", request)


def test_the_deadline_and_a_step_at_once_end_it_once() -> None:
    world = world_of({"after": "7h", "expire": True})
    for _ in range(6):
        request = world.submit()
        travel(uuid_of(request), hours=8, seconds=1)
        rows = claimed(request)

        def expire(r: dict[str, Any] = request) -> None:
            with pool().connection() as conn, conn.transaction():
                meet(conn, [uuid_of(r)])

        together([expire, partial(escalate_due, rows)])
        kinds = world.kinds(request)
        assert kinds.count("request.expired") == 1
        assert world.seen("ana", request)["status"] == "expired"


def test_a_host_clock_that_is_an_hour_off_takes_nothing_early_and_nothing_late(
    started: list[Process], tmp_path: Path
) -> None:
    """Only the database's clock says what is due, whatever the worker's own says."""
    world = world_of(REMIND, WIDEN)
    soon, passed = world.submit(), world.submit()
    travel(uuid_of(soon), minutes=30)
    travel(uuid_of(passed), minutes=61)
    for shift in ("3600", "-3600"):
        worker = Process(tmp_path, ["tests.faults.wrong_clock", shift], {})
        started.append(worker)
        eventually(partial(is_settled, worker))
        assert worker.ended is None, worker.log.read_text()
        nudger.nudge(ESCALATE)
        eventually(partial(was_taken, passed))
        assert taken(soon) == []
        assert world.seen("ana", soon)["status"] == "pending"
        worker.kill()
        passed = world.submit()
        travel(uuid_of(passed), minutes=61)


def test_after_an_outage_over_three_deadlines_all_is_handled_in_order(
    started: list[Process], tmp_path: Path
) -> None:
    """Ten minutes without a worker: three steps of each request passed, and some requests expired."""
    steps: list[dict[str, Any]] = [
        {"after": "2m", "remind": True},
        {"after": "5m", "notify": "role:manager"},
        {"after": "8m", "widen": "role:manager"},
    ]
    world = world_of(*steps)
    brief = world_of(*steps, expires_in="9m")
    waiting = [world.submit() for _ in range(40)]
    over = [brief.submit() for _ in range(40)]
    for request in (*waiting, *over):
        travel(uuid_of(request), minutes=10)
    worker = Worker(tmp_path)
    started.append(worker)
    eventually(
        lambda: (
            all(len(taken(one)) == 3 for one in waiting)
            and all("request.expired" in brief.kinds(one) for one in over)
        )
    )
    for request in waiting:
        assert [(number, kind) for number, kind, _ in taken(request)] == [
            (0, "remind"), (1, "notify"), (2, "widen"),
        ]  # fmt: skip
        assert taken(request)[0][2] == "collapsed"
    for request in over:
        assert brief.kinds(request)[-1] == "request.expired"
        assert brief.kinds(request).count("request.expired") == 1
        assert [state for _, _, state in taken(request)] == ["collapsed"] * 3
    late = lateness([uuid_of(request) for request in waiting])
    assert len(late) == 120


def lateness(requests: list[Any]) -> list[float]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM at - due_at)::float8 FROM escalations_step WHERE request_id = ANY(%s)",
            [requests],
        )
        return [row[0] for row in cursor.fetchall()]
