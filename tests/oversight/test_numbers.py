"""The numbers of a workspace, against a world whose numbers were worked out by hand."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from approvals.ends import EXPIRE
from core import due
from escalations.expiry import expire_due
from escalations.models import Step
from notifications.models import Notification
from people.models import Role
from people.permissions import Permission, grant_permission
from tests.api.tenant import Person
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.factories import ACTOR, PASSWORD
from tests.server import Live

ROLES = {"lead": ["ana", "ben"], "finance": ["fay"]}
RULES: list[dict[str, Any]] = [
    {
        "name": "Small change",
        "action": "payments.refund",
        "when": "payload.amount < 5",
        "effect": "allow",
    },
    {
        "name": "Large",
        "action": "payments.refund",
        "when": "payload.amount > 1000",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]}, {"any_of": ["finance"]}]},
    },
]
#: Summer begins in Berlin on 29 March 2026: two o'clock is followed by four.
SATURDAY = datetime(2026, 3, 28, 10, 0, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 there
SUNDAY_LATER = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 there, an hour later
MONDAY = datetime(2026, 3, 30, 8, 0, tzinfo=UTC)
BERLIN = {"from": "2026-03-28", "until": "2026-03-31", "timezone": "Europe/Berlin"}

_PLACE = (
    "ALTER TABLE approvals_request DISABLE TRIGGER request_end_is_final",
    """UPDATE approvals_request SET created_at = created_at - %(by)s, expires_at = expires_at - %(by)s,
              ended_at = ended_at - %(by)s WHERE id = %(request)s""",
    "ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER request_end_is_final",
    """UPDATE approvals_stage SET opened_at = opened_at - %(by)s, closed_at = closed_at - %(by)s
        WHERE request_id = %(request)s""",
    "UPDATE approvals_decision SET at = at - %(by)s WHERE request_id = %(request)s",
)


def place(request: dict[str, Any], at: datetime, *, decided_after: float | None = None) -> UUID:
    """Let a request have been submitted at an instant, and its first decision so many seconds later."""
    id = uuid_of(request)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT created_at FROM approvals_request WHERE id = %s", [id])
        (created,) = cursor.fetchone()
        for statement in _PLACE:
            cursor.execute(statement, {"request": id, "by": created - at})
        cursor.execute(
            "UPDATE approvals_stage SET opened_at = %s WHERE request_id = %s AND index = 0",
            [at, id],
        )
        if decided_after is not None:
            when = at + timedelta(seconds=decided_after)
            cursor.execute(
                "UPDATE approvals_decision SET at = %s WHERE request_id = %s", [when, id]
            )
    return id


def step(world: World, request: UUID, number: int, kind: str, stage: int = 0, **other: Any) -> None:
    """What the clock did, instead of what it wrote there itself."""
    Step.objects.filter(request_id=request, revision=1, stage=stage, number=number).delete()
    Step.objects.create(
        workspace=world.workspace,
        request_id=request,
        revision=1,
        stage=stage,
        number=number,
        kind=kind,
        due_at=MONDAY,
        **{"state": "fired", "cause": "clock"} | other,
    )


def told(world: World, request: UUID, name: str, at: datetime, viewed_after: float | None) -> None:
    """A message that asks somebody, and when they looked, counted from the request's beginning."""
    viewed = None if viewed_after is None else at + timedelta(seconds=viewed_after)
    Notification.objects.filter(request_id=request, person=world.people[name]).delete()
    Notification.objects.create(
        workspace=world.workspace,
        request_id=request,
        kind="asked",
        channel="email",
        person=world.people[name],
        revision=1,
        stage=0,
        priority=1,
        created_at=at,
        viewed_at=viewed,
    )


@pytest.fixture
def world() -> World:
    return World(ROLES, RULES, password=PASSWORD)


def fill(world: World) -> None:
    """Six requests of one week-end, and one after it.

    | | when (UTC) | asks | what came of it |
    |-|-|-|-|
    | one | Sat 10:00 | lead | approved after 60 s; told at once, seen after 30 s |
    | two | Sun 00:30 | lead | approved after 120 s; seen 90 s after the first message; reminded, notified |
    | three | Sun 01:30 | lead, widened to finance | expired |
    | four | Mon 08:00 | lead, then finance | lead approved after 300 s; finance paged, still pending |
    | five | Mon 22:30 | lead | waits; in Berlin it is Tuesday already |
    | six | Mon 08:10 | nobody | policy allowed it |
    """
    one = world.submit()
    world.decide("ana", one)
    told(world, place(one, SATURDAY, decided_after=60), "ana", SATURDAY, 30)

    two = world.submit()
    world.decide("ben", two)
    id = place(two, SUNDAY_NIGHT, decided_after=120)
    told(world, id, "ana", SUNDAY_NIGHT, None)
    told(world, id, "ben", SUNDAY_NIGHT + timedelta(seconds=10), 80)
    step(world, id, 0, "remind")
    step(world, id, 1, "notify")

    three = world.submit()
    travel(uuid_of(three), hours=200)
    with connections["owner"].cursor() as cursor:
        finance = Role.objects.get(workspace=world.workspace, name="finance").id
        cursor.execute(
            "UPDATE approvals_stage SET roles = roles || %s WHERE request_id = %s",
            [[finance], uuid_of(three)],
        )
    due.run(EXPIRE, expire_due)
    assert world.seen("ana", three)["status"] == "expired"
    id = place(three, SUNDAY_LATER)
    step(world, id, 0, "notify")
    step(world, id, 1, "widen", target="role:finance")

    four = world.submit(payload={"amount": 2000})
    world.decide("ana", four)
    id = place(four, MONDAY, decided_after=300)
    step(world, id, 0, "notify", state="skipped", reason="nobody")
    step(world, id, 1, "notify", state="collapsed", reason="later")
    step(world, id, 0, "page", stage=1, cause="unreached")

    place(world.submit(), datetime(2026, 3, 30, 22, 30, tzinfo=UTC))
    place(world.submit(payload={"amount": 1}), MONDAY + timedelta(minutes=10))


def took(count: int = 0, p50_s: float | None = None, p95_s: float | None = None) -> dict[str, Any]:
    return {"count": count, "p50_s": p50_s, "p95_s": p95_s}


def week(*times: tuple[int, int]) -> list[list[int]]:
    """(day from Monday, hour) of each."""
    found = [[0] * 24 for _ in range(7)]
    for day, hour in times:
        found[day][hour] += 1
    return found


TOTAL = {
    "asked": 4,
    "ended": 3,
    "expired": 1,
    "expired_share": 0.3333,
    "escalated": 3,
    "escalation_rate": 0.75,
    "reminded": 1,
    "first_view": took(2, 30, 90),
    "decide": took(3, 120, 300),
}
LEAD = TOTAL | {"name": "lead", "title": "Lead", "escalated": 2, "escalation_rate": 0.5}
FINANCE = {
    "name": "finance",
    "title": "Finance",
    "asked": 2,
    "ended": 1,
    "expired": 1,
    "expired_share": 1.0,
    "escalated": 1,
    "escalation_rate": 0.5,
    "reminded": 0,
    "first_view": took(),
    "decide": took(),
}
NOTHING = {
    "asked": 0,
    "ended": 0,
    "expired": 0,
    "expired_share": None,
    "escalated": 0,
    "escalation_rate": None,
    "reminded": 0,
    "first_view": took(),
    "decide": took(),
}


def as_viewer(server: Live, world: World, permission: Permission = "view") -> Person:
    grant_permission(
        actor=ACTOR, workspace=world.workspace, person=world.people["ana"], permission=permission
    )
    return Person(server, world.people["ana"])


def get(who: Person, **query: str) -> dict[str, Any]:
    answer = who.call("GET", "/numbers", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_they_are_what_was_worked_out_by_hand(server: Live, world: World):
    other = World(ROLES, RULES)
    for one in (world, other):
        fill(one)
    found = get(as_viewer(server, world), **BERLIN)
    load = found.pop("load")
    assert found == {
        "from": "2026-03-27T23:00:00.000000Z",
        "until": "2026-03-30T22:00:00.000000Z",
        "timezone": "Europe/Berlin",
        "submitted": 5,
        "total": TOTAL,
        "roles": [FINANCE, LEAD],
    }
    # Saturday at eleven; Sunday at half past one and, an hour later, at half past three.
    assert load == {
        "submitted": week((5, 11), (6, 1), (6, 3), (0, 10), (0, 10)),
        "decided": week((5, 11), (6, 1), (0, 10)),
    }


def test_hours_and_days_are_those_of_the_time_zone(server: Live, world: World):
    fill(world)
    found = get(as_viewer(server, world), **{"from": "2026-03-28", "until": "2026-03-31"})
    assert found["timezone"] == "UTC"
    assert found["submitted"] == 6
    assert found["load"]["submitted"] == week((5, 10), (6, 0), (6, 1), (0, 8), (0, 8), (0, 22))
    assert found["total"]["asked"] == 5


def test_the_hour_that_comes_twice_in_autumn_holds_both(server: Live, world: World):
    for minutes in (30, 90, 150):  # 02:30 in summer time, 02:30 again, 03:30
        place(world.submit(), datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes))
    span = {"from": "2026-10-25", "until": "2026-10-26", "timezone": "Europe/Berlin"}
    found = get(as_viewer(server, world), **span)
    assert (found["from"], found["until"]) == (
        "2026-10-24T22:00:00.000000Z",
        "2026-10-25T23:00:00.000000Z",
    )
    assert found["load"]["submitted"] == week((6, 2), (6, 2), (6, 3))


def test_an_empty_workspace_has_numbers_too(server: Live, world: World):
    found = get(as_viewer(server, world))
    assert (found["submitted"], found["total"], found["roles"]) == (0, NOTHING, [])
    assert found["load"] == {"submitted": week(), "decided": week()}
    begin, end = (datetime.fromisoformat(found[name]) for name in ("from", "until"))
    assert end - begin == timedelta(days=30)


def test_by_default_they_are_of_the_last_thirty_days(server: Live, world: World):
    requests = [world.submit() for _ in range(3)]
    travel(uuid_of(requests[0]), days=29)
    travel(uuid_of(requests[1]), days=31)
    assert get(as_viewer(server, world))["submitted"] == 2


def test_a_revised_request_is_asked_once_and_every_decision_is_measured(server: Live, world: World):
    request = world.submit()
    world.decide("ana", request, "return", "What for?")
    again = world.revise(request, amount=30)
    world.decide("ben", again)
    found = get(as_viewer(server, world))
    assert (found["total"]["asked"], found["total"]["ended"]) == (1, 1)
    assert found["total"]["decide"]["count"] == 2


@pytest.mark.parametrize(
    ("permission", "status"),
    [("view", 200), ("audit", 200), ("administer", 200), ("decide_fallback", 403)],
)
def test_who_may_see_them(server: Live, world: World, permission: Permission, status: int):
    assert as_viewer(server, world, permission).call("GET", "/numbers").status_code == status
    ben = Person(server, world.people["ben"]).call("GET", "/numbers")
    assert (ben.status_code, ben.json()["type"]) == (403, "urn:assentry:problem:forbidden")
    agent = server.call("GET", "/numbers", headers={"Authorization": f"Bearer {world.key.token}"})
    assert agent.status_code == 403
    assert server.call("GET", "/numbers").status_code == 401


@pytest.mark.parametrize(
    ("query", "place_of"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "UTC'; DROP TABLE core_due"}, "timezone"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"until": "2026-03-29T00:00:00"}, "until"),
        ({"from": "2026-03-29", "until": "2026-03-29"}, "from"),
        ({"from": "2026-03-29", "until": "2026-03-28"}, "from"),
        ({"from": "2025-03-28", "until": "2026-03-30"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"until": "0001-01-01"}, "until"),
        ({"until": "9999-12-31", "timezone": "America/New_York"}, "until"),
        ({"until": "2026-03-29T00:00:00+99:00"}, "until"),
    ],
)
def test_a_period_that_is_none_is_refused_at_its_place(
    server: Live, world: World, query: dict[str, str], place_of: str
):
    answer = as_viewer(server, world).call("GET", "/numbers", params=query)
    assert answer.status_code == 422, answer.text
    assert place_of in json.dumps(answer.json()["errors"])


def test_366_days_are_taken(server: Live, world: World):
    span = {"from": "2025-03-28", "until": "2026-03-29", "timezone": "Asia/Kolkata"}
    assert get(as_viewer(server, world), **span)["submitted"] == 0


def test_the_command_says_the_same(server: Live, world: World):
    fill(world)
    out = io.StringIO()
    span = ("--from", BERLIN["from"], "--until", BERLIN["until"], "--timezone", "Europe/Berlin")
    call_command("numbers", world.slug, *span, "--json", stdout=out)
    assert json.loads(out.getvalue()) == get(as_viewer(server, world), **BERLIN)
    out = io.StringIO()
    call_command("numbers", world.slug, *span, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].endswith(": 5 requests.")
    assert lines[1] == "everybody: 4 asked, 3 ended, 33% expired, 75% escalated, 1 reminded"
    assert lines[2] == (
        "  first view 30 s (half), 90 s (95 of 100), 2 times; "
        "to decide 120 s (half), 300 s (95 of 100), 3 times"
    )
    assert [line.split(":")[0] for line in lines[3::2]] == ["finance", "lead"]
    with pytest.raises(CommandError) as refused:
        call_command("numbers", world.slug, "--timezone", "Mars", stdout=io.StringIO())
    assert "no time zone" in str(refused.value)
