"""The commands of erasure, holds and retention, run as somebody at the machine runs them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from people.services import deactivate_person
from tests.approvals.world import TEST, World
from tests.events import events_of
from tests.oversight.subjects import RULE


def run(*line: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a command, and the object on its last line."""
    out, code = io.StringIO(), 0
    try:
        call_command(*line, "--json", stdout=out, stderr=io.StringIO())
    except CommandError as error:
        code = error.returncode
    except SystemExit as end:
        code = int(end.code or 0)
    return code, json.loads(out.getvalue().splitlines()[-1])


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"]}, [RULE])


def test_erasing_a_request_a_text_and_a_person(world: World) -> None:
    one, two, pending = (world.submit(payload={"note": f"customer 4711 {n}"}) for n in range(3))
    for request in (one, two):
        world.decide("ana", request, "reject")
    slug, why = world.slug, ("--reason", "Asked for")
    assert run("erase", slug, "--request", one["id"], "--dry-run")[1]["id"] is None
    code, done = run("erase", slug, "--request", one["id"], *why)
    assert (code, done["subjects"], done["by"]) == (0, [one["id"]], None)
    code, done = run("erase", slug, "--request", one["id"], *why)
    assert (code, done["code"], "before" in done["error"]) == (1, "not_erasable", True)
    # Something that holds it is left: exit code 1 says so.
    code, done = run("erase", slug, "--containing", "customer 4711", *why)
    assert (code, done["subjects"]) == (1, [two["id"]])
    assert done["left"] == [{"id": pending["id"], "why": "pending"}]
    deactivate_person(actor=TEST, person=world.people["ben"])
    world.apply(roles={"lead": {"title": "Lead", "members": [world.email("ana")]}})
    code, done = run("erase", slug, "--person", world.email("ben"), *why)
    assert (code, done["scope"]) == (0, "person")
    code, done = run("erase", slug, "--person", world.email("ben"), *why)
    assert (code, done["argument"]) == (1, "--person")
    assert run("erase", slug, "--request", "req_1", *why)[0] == 2
    actors = {event["actor"]["via"] for event in events_of(world.workspace.id, "subject.erased")}
    assert actors == {"erase"}


def test_holding_and_lifting(world: World) -> None:
    request = world.submit()
    world.decide("ana", request, "reject")
    why = ("--reason", "A case")
    code, hold = run("hold_set", world.slug, *why)
    assert (code, hold["scope"]) == (0, "workspace")
    assert run("hold_set", world.slug, *why)[1]["code"] == "already_held"
    code, done = run("erase", world.slug, "--request", request["id"], *why)
    assert (code, done["code"]) == (1, "on_hold")
    assert run("hold_lift", world.slug, hold["id"])[0] == 1
    assert run("hold_lift", world.slug, hold["id"], *why)[0] == 0
    for option, target in (("--request", request["id"]), ("--person", world.email("ana"))):
        code, hold = run("hold_set", world.slug, option, target, *why)
        assert (code, hold["lifted_at"]) == (0, None)


def test_keeping_for_days_and_for_ever(world: World) -> None:
    code, done = run("retention_set", world.slug, "--days", "30")
    assert (code, done) == (0, {"slug": world.slug, "days": 30, "changed": True})
    assert run("retention_set", world.slug, "--days", "0")[0] == 1
    assert run("retention_set", world.slug, "--forever")[1]["changed"] is True
    assert run("retention_set", world.slug, "--forever")[1]["changed"] is False
