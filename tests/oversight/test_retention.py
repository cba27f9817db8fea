"""What ended requests say goes after its days, batch by batch, by the same way as every erasure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from audit import checkpoints, sequencer
from core import due, ids
from core.problems import Problem
from oversight import holds, retention
from oversight.models import Retention
from oversight.retention import AGE, age_due
from tests.approvals.world import TEST, World, uuid_of
from tests.audit import logs
from tests.clock import age
from tests.events import events_of, kinds_of
from tests.oversight.canary import places
from tests.oversight.subjects import RULE, Case
from tests.promises import ask


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana"]}, [RULE])


def keep(world: World, days: int | None) -> bool:
    return retention.set_days(actor=TEST, workspace=world.workspace.id, days=days)


def look() -> None:
    """Let the worker look at everything that is due; the next looks are tomorrow's."""
    due.run(AGE, age_due)


def tomorrow(world: World) -> None:
    """Let a day pass for the workspace's next look."""
    values: list[Any] = [timedelta(days=1), timedelta(days=1), world.workspace.id]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE core_due SET due_at = due_at - %s, ready_at = ready_at - %s WHERE subject = %s",
            values,
        )


def ended(world: World, days: int) -> dict[str, Any]:
    """A request that was rejected so many days ago."""
    request = world.submit()
    world.decide("ana", request, "reject", "No.")
    if days:
        age(request["id"], days=days)
    return request


def is_kept(world: World, request: dict[str, Any]) -> bool:
    return bool(world.seen("ana", request)["payload"])


def promised(world: World) -> list[Any]:
    return ask(
        "SELECT kind, round(extract(epoch FROM due_at - clock_timestamp()) / 3600)::int"
        " FROM core_due WHERE subject = %s",
        world.workspace.id,
    )


def test_after_its_days_and_not_before(world: World) -> None:
    old, young, pending = ended(world, 31), ended(world, 29), world.submit()
    assert keep(world, 30)
    assert not keep(world, 30)
    look()
    assert [is_kept(world, one) for one in (old, young, pending)] == [False, True, True]
    shown = world.seen("ana", old)
    assert shown["erased_by"] == {"kind": "retention", "id": None, "name": None}
    assert shown["decisions"][0]["comment"] == ""
    assert promised(world) == [(AGE, 24)]
    (event,) = events_of(world.workspace.id, "subject.erased")
    assert (event["data"]["scope"], event["data"]["subjects"]) == ("retention", [old["id"]])
    assert event["data"]["before"] < event["at"]
    assert event["actor"] == {"type": "system", "id": None, "via": "retention"}
    age(young["id"], days=2)
    tomorrow(world)
    look()
    assert not is_kept(world, young)
    assert len(events_of(world.workspace.id, "subject.erased")) == 2


def test_in_batches_each_with_its_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    requests = [ended(world, 40 + number) for number in range(5)]
    keep(world, 30)
    look()
    assert not any(is_kept(world, one) for one in requests)
    counts = [event["data"]["count"] for event in events_of(world.workspace.id, "subject.erased")]
    assert counts == [2, 2, 1]
    assert Retention.objects.get(workspace=world.workspace).reached is None
    sequencer.sequence(world.workspace.id)
    newest = checkpoints.newest(world.workspace.id)
    assert newest is not None
    assert newest.root == logs.oracle(logs.bodies(world.workspace.id)).get_root()
    assert newest.size == len(kinds_of(world.workspace.id))


def test_what_is_on_hold_stays_until_it_is_lifted(world: World) -> None:
    held, free = ended(world, 50), ended(world, 50)

    def put(scope: Any, target: Any) -> holds.HoldShown:
        workspace = world.workspace.id
        return holds.put(actor=TEST, workspace=workspace, scope=scope, target=target, reason="Case")

    def lift(hold: holds.HoldShown) -> None:
        workspace, named = world.workspace.id, ids.decode("hld", hold.id)
        holds.lift(actor=TEST, workspace=workspace, hold=named, reason="Closed")

    whole = put("workspace", world.workspace.id)
    person = put("person", world.people["ana"].id)
    one = put("request", uuid_of(held))
    keep(world, 30)
    for hold, kept in ((None, [True, True]), (whole, [True, True]), (person, [True, False])):
        if hold:
            lift(hold)
        tomorrow(world)
        look()
        assert [is_kept(world, request) for request in (held, free)] == kept
    lift(one)
    tomorrow(world)
    look()
    assert not is_kept(world, held)


def test_records_and_runs_go_too_and_nothing_is_found_afterwards(
    case: Case, deliverer: Any
) -> None:
    run = case.run()
    request = case.request(run)
    record = {"action": "payments.refund", "payload": case.said(amount=7), "run": run}
    rec = case.call("POST", "/actions/record", json=record)["id"]
    case.end(run)
    case.deliver(deliverer, 2)
    age(request["id"], days=40)
    ask(
        "UPDATE approvals_recordedaction SET at = at - interval '40 days' WHERE id = %s RETURNING 1",
        ids.decode("rec", rec),
    )
    ask(
        "UPDATE agents_storedanswer SET at = at - interval '40 days' WHERE agent_id = %s RETURNING 1",
        case.world.agent.id,
    )
    keep(case.world, 30)
    look()
    events = events_of(case.world.workspace.id, "subject.erased")
    assert [event["data"]["subjects"] for event in events] == [[request["id"]], [rec], [run]]
    assert places(case.needles()) == set()


def test_for_ever_again(world: World) -> None:
    request = ended(world, 40)
    keep(world, 30)
    assert keep(world, None)
    assert not keep(world, None)
    look()
    assert is_kept(world, request)
    assert promised(world) == []
    days = [event["data"]["days"] for event in events_of(world.workspace.id, "retention.set")]
    assert days == [30, None]
    for wrong in (0, -1, 40_000):
        with pytest.raises(Problem):
            keep(world, wrong)


def test_other_workspaces_have_their_own(world: World) -> None:
    other = World({"lead": ["ana"]}, [RULE])
    request = ended(other, 400)
    ended(world, 400)
    keep(world, 1)
    look()
    assert is_kept(other, request)
