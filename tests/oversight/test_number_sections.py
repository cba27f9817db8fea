"""The sections of the numbers, against a history whose numbers were worked out by hand."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.services import create_agent, create_key
from approvals import numbers_people
from approvals.status import ENDS, Status
from audit.log import rfc3339
from core import db, ids
from oversight.numbers import agents, ends, measures
from oversight.numbers import period as periods
from oversight.numbers.period import Period, Wanted
from oversight.numbers.sections import SECTIONS
from people.permissions import Permission, grant_permission
from tests.api.tenant import Person
from tests.approvals.world import World
from tests.factories import ACTOR
from tests.oversight import history
from tests.oversight.history import BEGIN, BERLIN, END, SATURDAY, SUNDAY
from tests.oversight.test_numbers import place, took
from tests.oversight.watching.test_costs import nodes
from tests.server import Live


@pytest.fixture
def world() -> World:
    return history.world(editable=["/amount"])


def reader(
    server: Live, world: World, permission: Permission | None = "view", name: str = "ana"
) -> Person:
    if permission is not None:
        grant_permission(
            actor=ACTOR, workspace=world.workspace, person=world.people[name], permission=permission
        )
    return Person(server, world.people[name])


def get(who: Person, section: str, **query: str) -> dict[str, Any]:
    answer = who.call("GET", f"/numbers/{section}", params=query or BERLIN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


SPAN = {
    "from": "2026-03-27T23:00:00.000000Z",
    "until": "2026-03-30T22:00:00.000000Z",
    "timezone": "Europe/Berlin",
}


def test_latency_is_of_what_people_ended(server: Live, world: World) -> None:
    for one in (world, history.world()):
        history.fill(one)
    assert get(reader(server, world), "latency") == SPAN | {
        "total": took(4, 60, 600),
        "actions": [{"action": "payments.refund", "latency": took(4, 60, 600)}],
        "roles": [
            {"role": "finance", "title": "Finance", "latency": took(1, 600, 600)},
            {"role": "lead", "title": "Lead", "latency": took(4, 60, 600)},
        ],
        "channels": [
            {"channel": "slack", "latency": took(1, 120, 120)},
            {"channel": "web", "latency": took(3, 60, 600)},
        ],
        "left_out": 0,
    }


def test_outcomes_are_told_by_day_and_by_action(server: Live, world: World) -> None:
    for one in (world, history.world()):
        history.fill(one)
    found = get(reader(server, world), "outcomes")
    none = dict.fromkeys(ends.Ended.__struct_fields__, 0)
    whole = none | {
        "submitted": 10,
        "approved": 3,
        "rejected": 1,
        "auto_allowed": 1,
        "denied": 1,
        "expired": 1,
        "cancelled": 1,
        "pending": 2,
    }
    sunday = {"auto_allowed": 1, "denied": 1, "expired": 1, "cancelled": 1, "pending": 2}
    assert found == SPAN | {
        "total": whole,
        "auto_allowed_share": 0.1,
        # Sunday has 23 hours there: all of it is one day.
        "days": [
            none | {"day": "2026-03-28", "submitted": 3, "approved": 2, "rejected": 1},
            none | {"day": "2026-03-29", "submitted": 6} | sunday,
            none | {"day": "2026-03-30", "submitted": 1, "approved": 1},
        ],
        "actions": [
            whole
            | {
                "action": "payments.refund",
                "auto_allowed_share": 0.1,
                "timeout_rate": 0.125,
                "expired_rate": 0.125,
            }
        ],
        "left_out": 0,
    }


def test_a_day_without_requests_is_a_day(server: Live, world: World) -> None:
    found = get(reader(server, world), "outcomes")
    assert [(one["day"], one["submitted"]) for one in found["days"]] == [
        ("2026-03-28", 0),
        ("2026-03-29", 0),
        ("2026-03-30", 0),
    ]
    assert (found["total"]["submitted"], found["auto_allowed_share"], found["actions"]) == (
        0,
        None,
        [],
    )


def test_every_end_is_an_outcome_of_its_own_name() -> None:
    names = {
        (status.value, basis.value): ends.named(status, basis)
        for status, bases in ENDS.items()
        for basis in bases
    }
    assert set(names.values()) | {"pending", "submitted"} == set(ends.Ended.__struct_fields__)
    assert names["approved", "policy"] == "auto_allowed"
    assert names["approved", "clock"] == "allowed_late"
    assert names["approved", "break_glass"] == "approved"
    assert names["rejected", "policy"] == "denied"
    assert ends.named(Status.PENDING, None) == "pending"


def test_callbacks_arrive_or_do_not(server: Live, world: World) -> None:
    for one in (world, history.world()):
        history.calls(one)
    found = get(reader(server, world), "callbacks")
    assert "secret-path" not in json.dumps(found)
    first, second = found.pop("endpoints")
    assert found == SPAN | {"left_out": 0}
    assert first.pop("endpoint").startswith("end_")
    assert first == {
        "origin": "https://first.example",
        "agent": "bot",
        "callbacks": 4,
        "delivered": 2,
        "exhausted": 1,
        "stopped": 0,
        "held": 0,
        "pending": 1,
        "delivery_rate": 0.6667,
        "first_try_rate": 0.5,
        "attempts_p95": 3,
        "delay": took(2, 1, 100),
    }
    assert second.pop("endpoint").startswith("end_")
    assert second == {
        "origin": "https://second.example",
        "agent": "bot",
        "callbacks": 1,
        "delivered": 0,
        "exhausted": 0,
        "stopped": 0,
        "held": 1,
        "pending": 0,
        "delivery_rate": 0.0,
        "first_try_rate": None,
        "attempts_p95": None,
        "delay": took(),
    }


def test_tools_and_runs_are_as_agents_tell_them(server: Live, world: World) -> None:
    for one in (world, history.world()):
        history.runs(one)
    crm = {
        "kind": "tool",
        "name": "crm",
        "calls": 4,
        "failed": 1,
        "unknown": 0,
        "error_rate": 0.25,
        "retries": 1,
        "retry_rate": 0.25,
        "latency": took(4, 2, 40),
        "input_tokens": 10,
        "output_tokens": 5,
        "cost": 1.0,
    }
    model = {
        "kind": "model",
        "name": "gpt",
        "calls": 1,
        "failed": 0,
        "unknown": 1,
        "error_rate": 0.0,
        "retries": 0,
        "retry_rate": 0.0,
        "latency": took(),
        "input_tokens": None,
        "output_tokens": None,
        "cost": None,
    }
    assert get(reader(server, world), "tools") == SPAN | {
        "tools": [crm, model],
        "agents": [
            {
                "agent": "bot",
                "runs": 2,
                "succeeded": 1,
                "failed": 0,
                "input_tokens": 10,
                "output_tokens": 5,
                "costed": 1,
                "cost": 1.0,
                "cost_per_run": 1.0,
                "successes": 1,
                "result_cost": 3.0,
                "cost_per_success": 4.0,
            }
        ],
        "left_out": 0,
    }


def test_versions_are_rejected_and_edited_each_by_itself(server: Live, world: World) -> None:
    for one in (world, history.world(editable=["/amount"])):
        history.versions(one)
    found = get(reader(server, world), "versions")
    rows = {
        one["version"]: (
            one["submitted"],
            one["decided"],
            one["rejected"],
            one["reject_rate"],
            one["edited"],
            one["edit_rate"],
        )
        for one in found["versions"]
    }
    assert rows == {
        "2": (7, 6, 6, 1.0, 0, 0.0),
        "1": (9, 9, 0, 0.0, 1, 0.1111),
        "": (1, 1, 1, 1.0, 0, 0.0),
    }
    # The newest first; what asked without a run is no version.
    assert [one["version"] for one in found["versions"]] == ["2", "1", ""]
    assert found["versions"][2]["first_run_at"] is None
    newest = found["versions"][0]
    assert newest["first_at"] == SUNDAY.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert (newest["reject_low"], newest["reject_high"]) == (0.6097, 1.0)


def test_a_version_that_is_gone_back_to_is_no_newer_for_that(server: Live, world: World) -> None:
    long_ago = BEGIN - timedelta(days=90)
    history.run(world, "old", "1", long_ago)
    new, back = history.run(world, "new", "2", BEGIN), history.run(world, "back", "1", SUNDAY)
    for run, at in ((new, SATURDAY), (back, SUNDAY)):
        place(world.submit(run=ids.encode("run", run.id)), at)
    rows = get(reader(server, world), "versions")["versions"]
    assert [(one["version"], one["first_at"], one["first_run_at"]) for one in rows] == [
        ("2", rfc3339(SATURDAY), rfc3339(BEGIN)),
        ("1", rfc3339(SUNDAY), rfc3339(long_ago)),
    ]


def test_of_many_agents_those_with_most_stay_and_the_others_are_counted(
    server: Live, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.runs(world)  # two runs of Sunday, a tool and a model
    first = create_agent(
        actor=ACTOR, workspace=world.workspace, name="aaa", owner=world.people["olivia"]
    )
    history.run(world, "first", "9", SUNDAY, agent=first)
    key = create_key(actor=ACTOR, agent=first).token
    place(world.submit(key=key), SUNDAY)
    for request in (world.submit(), world.submit()):
        place(request, SUNDAY)
    who = reader(server, world)
    assert [(one["agent"], one["runs"]) for one in get(who, "tools")["agents"]] == [
        ("bot", 2),
        ("aaa", 1),
    ]
    assert [one["agent"] for one in get(who, "versions")["versions"]] == ["bot", "aaa"]
    monkeypatch.setattr(agents, "MOST_ROWS", 1)
    found = get(who, "tools")
    assert ([one["agent"] for one in found["agents"]], found["left_out"]) == (["bot"], 2)
    found = get(who, "versions")
    assert ([one["agent"] for one in found["versions"]], found["left_out"]) == (["bot"], 1)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 0, (None, None)),
        (0, 1, (0.0, 0.7935)),
        (1, 1, (0.2065, 1.0)),
        (10, 100, (0.0552, 0.1744)),
        (500, 1000, (0.4691, 0.5309)),
    ],
)
def test_the_range_of_few_is_wide(
    part: int, whole: int, expected: tuple[float | None, float | None]
) -> None:
    assert measures.interval(part, whole) == expected


def test_reviewers_are_counted_each_by_themselves(server: Live, world: World) -> None:
    for one in (world, history.world()):
        history.fill(one)
    found = get(reader(server, world, "audit"), "reviewers")
    ana, ben, fay = sorted(found.pop("reviewers"), key=lambda one: str(one["name"]))
    assert found == SPAN | {"everybody": True, "left_out": 0}
    assert ana.pop("person").startswith("per_")
    assert sum(ana["hours"]) == 4
    # At midnight and on its eve, which was decided in the midnight after it; summer's three o'clock.
    assert {hour: many for hour, many in enumerate(ana.pop("hours")) if many} == {0: 2, 11: 1, 3: 1}
    assert ana == {
        "name": "Ana",
        "decisions": 4,
        "approved": 4,
        "rejected": 0,
        "edited": 0,
        "returned": 0,
        "answered": 0,
        "decide": took(4, 30, 600),
        "shown": 2,
        "fast": 1,
        "fast_share": 0.5,
        "streak": 4,
        "shared": 1,
        "disagreed": 1,
        "disagreement": 1.0,
    }
    # In Slack the message is there before anybody looks: it says nothing of reading.
    assert (ben["decisions"], ben["rejected"], ben["shown"], ben["streak"]) == (2, 2, 0, 0)
    assert (ben["shared"], ben["disagreed"]) == (1, 1)
    assert (fay["decisions"], fay["shared"], fay["disagreement"]) == (1, 0, None)


def test_a_streak_ends_with_anything_else(server: Live, world: World) -> None:
    verdicts = ["approve", "approve", "reject", "approve", "edit", "approve"]
    for number, verdict in enumerate(verdicts):
        request = world.submit()
        edits: dict[str, Any] = {"edits": {"/amount": 30}} if verdict == "edit" else {}
        world.decide("ana", request, verdict, **edits)
        at = SUNDAY + timedelta(minutes=number)
        history.ended(request, at, 30)
    [ana] = get(reader(server, world, "administer"), "reviewers")["reviewers"]
    assert (ana["decisions"], ana["streak"], ana["edited"]) == (6, 2, 1)


@pytest.mark.parametrize("permission", [None, "view"])
def test_who_neither_audits_nor_administers_sees_their_own_work_alone(
    server: Live, world: World, permission: Permission | None
) -> None:
    history.fill(world)
    answer = reader(server, world, permission, "ben").call(
        "GET", "/numbers/reviewers", params=BERLIN
    )
    assert answer.status_code == 200
    found = answer.json()
    assert found["everybody"] is False
    [ben] = found["reviewers"]
    assert (ben["name"], ben["decisions"], ben["shared"], ben["disagreed"]) == ("Ben", 2, 1, 1)
    assert "Ana" not in answer.text
    nobody = get(reader(server, world, permission, "olivia"), "reviewers")
    assert nobody["reviewers"] == []


def test_ones_own_work_is_counted_of_the_requests_one_voted_on_alone(world: World) -> None:
    history.fill(world)
    of = Wanted(world.workspace.id, Period(BEGIN, END, "UTC"), world.people["ben"].id)
    values = of.span() | {"person": of.person, "fast_ms": 2_000}
    read = {}
    with db.connect() as conn:
        for statement in (numbers_people.OF_ALL, numbers_people.OF_ONE):
            plan = nodes(conn, statement, values)
            [votes] = [node for node in plan if node.get("Subplan Name") == "CTE votes"]
            read[statement] = votes["Actual Rows"] * votes["Actual Loops"]
    # Ben voted on the second, and on the fourth with Ana; she and Fay have four votes more.
    assert list(read.values()) == [7, 3]


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "reviewers"])
def test_the_others_are_for_who_may_see_all(server: Live, world: World, section: str) -> None:
    for permission in ("view", "audit", "administer"):
        get(reader(server, world, permission), section)
    ben = reader(server, world, None, "ben").call("GET", f"/numbers/{section}")
    assert (ben.status_code, ben.json()["type"]) == (403, "urn:assentry:problem:forbidden")


@pytest.mark.parametrize("section", SECTIONS)
def test_an_agent_and_a_stranger_see_nothing(server: Live, world: World, section: str) -> None:
    path = f"/numbers/{section}"
    key = {"Authorization": f"Bearer {world.key.token}"}
    assert server.call("GET", path, headers=key).status_code == 403
    assert server.call("GET", path).status_code == 401


def test_a_section_that_is_none_is_not_there(server: Live, world: World) -> None:
    assert reader(server, world).call("GET", "/numbers/people").status_code == 404


@pytest.mark.parametrize(
    ("zone", "since", "until", "expected"),
    [
        ("UTC", BEGIN, END, ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30"]),
        ("Europe/Berlin", BEGIN, END, ["2026-03-28", "2026-03-29", "2026-03-30"]),
        ("UTC", BEGIN, BEGIN + timedelta(microseconds=1), ["2026-03-27"]),
    ],
)
def test_days_are_those_that_are_touched(
    zone: str, since: Any, until: Any, expected: list[str]
) -> None:
    assert Period(since, until, zone).days() == [date.fromisoformat(day) for day in expected]


def test_what_takes_too_long_asks_for_a_shorter_time(
    server: Live, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periods, "STATEMENT_S", 1)
    who = reader(server, world)
    with db.connect("owner") as owner, owner.transaction():
        owner.execute("LOCK TABLE agents_step IN ACCESS EXCLUSIVE MODE")
        answer = who.call("GET", "/numbers/tools", params=BERLIN)
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["detail"]) == (
        "?from",
        "To count so much takes more than 1 s: choose a shorter time.",
    )
    assert get(who, "tools")["tools"] == []


def test_only_so_many_count_at_once(
    server: Live, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periods, "WAIT_S", 0.05)
    who = reader(server, world)
    with periods.counting(), periods.counting():
        answer = who.call("GET", "/numbers/tools", params=BERLIN)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:assentry:problem:overloaded")
    assert get(who, "tools")["tools"] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_the_command_says_what_the_api_says(server: Live, world: World, section: str) -> None:
    history.fill(world)
    out = io.StringIO()
    span = ("--from", BERLIN["from"], "--until", BERLIN["until"], "--timezone", "Europe/Berlin")
    asked = ("numbers", world.slug, *span, "--section", section)
    call_command(*asked, "--json", stdout=out)
    assert json.loads(out.getvalue()) == get(reader(server, world, "audit"), section)
    out = io.StringIO()
    call_command(*asked, stdout=out)
    assert out.getvalue().startswith(f"{SECTIONS[section].title}, from 2026-03-27T23:00:00")
    if section == "latency":
        assert (
            "  role finance, title Finance, latency_count 1, latency_p50_s 600.0, "
            "latency_p95_s 600.0" in out.getvalue().splitlines()
        )


def test_the_command_knows_its_sections(world: World) -> None:
    with pytest.raises(CommandError):
        call_command("numbers", world.slug, "--section", "people", stdout=io.StringIO())
