"""A legal hold keeps what it covers from every erasure, until it is lifted; both are events."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from core import ids
from core.problems import Problem
from oversight import holds
from people.services import deactivate_person
from tests.approvals.world import TEST, World, uuid_of
from tests.events import events_of, side_of
from tests.oversight.subjects import RULE, Case, erase
from tests.oversight.test_erasure import directly


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"]}, [RULE])


def ended(world: World, by: str = "ana") -> dict[str, Any]:
    request = world.submit(payload={"amount": 20, "note": "customer 4711"})
    world.decide(by, request, "reject")
    return request


def put(world: World, scope: Any = "workspace", target: Any = None) -> holds.HoldShown:
    return holds.put(
        actor=TEST,
        workspace=world.workspace.id,
        scope=scope,
        target=target or world.workspace.id,
        reason="A case",
    )


def lift(world: World, hold: holds.HoldShown) -> holds.HoldShown:
    return holds.lift(
        actor=TEST,
        workspace=world.workspace.id,
        hold=ids.decode("hld", hold.id),
        reason="Closed",
    )


def code(call: Any) -> str:
    with pytest.raises(Problem) as refused:
        call()
    return refused.value.code


def test_a_hold_on_a_request(world: World) -> None:
    kept, free = ended(world), ended(world)
    hold = put(world, "request", uuid_of(kept))
    assert code(lambda: erase(world, request=uuid_of(kept))) == "on_hold"
    done = erase(world, containing="customer 4711")
    assert done.subjects == [free["id"]]
    assert [(one.id, one.why) for one in done.left] == [(kept["id"], "held")]
    # The database refuses as well, whatever the code says.
    with pytest.raises(psycopg.DatabaseError, match="legal hold"):
        directly(world, [uuid_of(kept)])
    assert world.seen("ana", kept)["payload"]["note"] == "customer 4711"
    lift(world, hold)
    assert erase(world, request=uuid_of(kept)).subjects == [kept["id"]]


def test_a_hold_on_the_workspace(world: World) -> None:
    request = ended(world)
    hold = put(world)
    deactivate_person(actor=TEST, person=world.people["ben"])
    for wanted in (
        {"request": uuid_of(request)},
        {"containing": "customer 4711"},
        {"subject": world.people["ben"].id},
    ):
        assert code(lambda wanted=wanted: erase(world, **wanted)) == "on_hold"
    assert code(lambda: put(world)) == "already_held"
    lift(world, hold)
    assert code(lambda: lift(world, hold)) == "hold_lifted"
    put(world)


def test_a_hold_on_a_person_covers_what_they_took_part_in(world: World) -> None:
    theirs, other = ended(world, "ben"), ended(world, "ana")
    ben = world.people["ben"]
    hold = put(world, "person", ben.id)
    world.apply(roles={"lead": {"title": "Lead", "members": [world.email("ana")]}})
    deactivate_person(actor=TEST, person=ben)
    assert code(lambda: erase(world, subject=ben.id)) == "on_hold"
    assert code(lambda: erase(world, request=uuid_of(theirs))) == "on_hold"
    with pytest.raises(psycopg.DatabaseError, match="legal hold"):
        directly(world, [uuid_of(theirs)])
    erase(world, request=uuid_of(other))
    lift(world, hold)
    # And a hold on a request keeps the words of whoever spoke there.
    hold = put(world, "request", uuid_of(theirs))
    assert code(lambda: erase(world, subject=ben.id)) == "on_hold"
    lift(world, hold)
    erase(world, subject=ben.id)


def test_setting_and_lifting_are_in_the_log(world: World) -> None:
    hold = lift(world, put(world))
    assert hold.lifted_at is not None
    (put_event,) = events_of(world.workspace.id, "hold.set")
    (lifted,) = events_of(world.workspace.id, "hold.lifted")
    assert put_event["data"] == {
        "scope": "workspace",
        "target": ids.encode("wsp", world.workspace.id),
    }
    assert (put_event["subject"], lifted["data"]["subjects"]) == (hold.id, [hold.id])
    assert side_of(put_event, "reason") == b"A case"
    assert side_of(lifted, "reason") == b"Closed"


def test_what_is_not_there_or_another_workspaces_is_not_held(world: World) -> None:
    other = World({"lead": ["ana"]}, [RULE])
    theirs = ended(other)
    hold = put(other)
    for scope, target in (
        ("request", uuid_of(theirs)),
        ("person", other.people["ana"].id),
        ("workspace", other.workspace.id),
    ):
        assert code(lambda scope=scope, target=target: put(world, scope, target)) == "not_found"
    assert code(lambda: lift(world, hold)) == "not_found"
    assert holds.newest(workspace=world.workspace.id) == []
    erase(world, request=uuid_of(ended(world)))


def test_over_the_api(case: Case) -> None:
    request = case.request()
    body = {"request": request["id"], "reason": "A case"}
    for method, path, sent in (
        ("POST", "/holds", body),
        ("POST", "/holds/hld_01h455vb4pex5vsknk084sn02q/lift", {"reason": "Closed"}),
        ("GET", "/holds", None),
        ("GET", "/erasures", None),
    ):
        assert case.ana.call(method, path, json=sent).status_code == 403
    made = case.ben.call("POST", "/holds", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["set_by"] == ids.encode("per", case.world.people["ben"].id)
    refused = case.ben.call("POST", "/erasures", json={**body, "reason": "Asked for"})
    assert (refused.status_code, refused.json()["type"][-8:]) == (409, ":on_hold")
    lifted = case.ben.call("POST", f"/holds/{made.json()['id']}/lift", json={"reason": "Closed"})
    assert lifted.status_code == 200
    (listed,) = case.ben.call("GET", "/holds").json()["results"]
    assert listed == lifted.json()
    assert case.ben.call("POST", "/erasures", json=body).status_code == 201
