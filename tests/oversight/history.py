"""A small history whose numbers were worked out by hand: for the sections of the numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from agents.models import Agent, Run, Step
from approvals.cancel import cancel_by_agent
from approvals.ends import EXPIRE
from approvals.models import Decision
from approvals.results import report
from approvals.submission import ResultTold
from callbacks.models import Callback, Endpoint
from core import due, ids
from escalations.expiry import expire_due
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.factories import PASSWORD
from tests.oversight.test_numbers import place as place
from tests.oversight.test_numbers import told

RULES: list[dict[str, Any]] = [
    {
        "name": "Never",
        "action": "payments.refund",
        "when": "payload.amount > 10000",
        "effect": "deny",
        "reason": "By hand.",
    },
    {
        "name": "Small",
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
    {
        "name": "Two of them",
        "action": "payments.refund",
        "when": "payload.amount > 100",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"], "approvals": 2, "rejections": 2}]},
    },
]
#: Summer begins in Berlin on Sunday, 29 March 2026: two o'clock is followed by three.
SATURDAY = datetime(2026, 3, 28, 10, 0, tzinfo=UTC)  # 11:00 there
SUNDAY = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 there
BEGIN = datetime(2026, 3, 27, 23, 0, tzinfo=UTC)  # Saturday's midnight there
END = datetime(2026, 3, 30, 22, 0, tzinfo=UTC)  # the midnight after Monday's
BERLIN = {"from": "2026-03-28", "until": "2026-03-31", "timezone": "Europe/Berlin"}
QUERY = "from=2026-03-28&until=2026-03-31&timezone=Europe/Berlin"

_ENDED = (
    "ALTER TABLE approvals_request DISABLE TRIGGER request_end_is_final",
    "UPDATE approvals_request SET ended_at = created_at + %(after)s WHERE id = %(request)s",
    "ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER request_end_is_final",
)


def world(**action: Any) -> World:
    """A workspace whose agent asks Ana, Ben and, for large sums, Fay."""
    roles = {"lead": ["ana", "ben"], "finance": ["fay"]}
    return World(roles, RULES, password=PASSWORD, **action)


def as_owner(*statements: str, **values: Any) -> None:
    """Rewrite history, as the runtime role may not."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)


def ended(request: dict[str, Any], at: datetime, after: float) -> UUID:
    """Let a request have come at an instant and ended so many seconds later, with its votes."""
    id = place(request, at, decided_after=after)
    as_owner(*_ENDED, request=id, after=timedelta(seconds=after))
    return id


def opened_before(request: UUID, seconds: float) -> None:
    """Let whoever voted have opened it so long before."""
    Decision.objects.filter(request_id=request).update(dwell_ms=int(seconds * 1000))


def fill(one: World) -> None:
    """Ten requests of three days in Berlin, and one on either side of them.

    | | when | what came of it |
    |-|-|-|
    | first | BEGIN | approved by Ana on the page after 60 s, a second after she saw it |
    | second | Sat | rejected by Ben in Slack after 120 s |
    | third | Sat | Ana, then Fay approved on the page; 600 s |
    | fourth | Sun | Ana approved, Ben rejected: two are needed, it waits |
    | allowed, denied | Sun | by policy |
    | expired, cancelled | Sun | |
    | waiting | Sun | |
    | last | a second before END | approved by Ana after 30 s, ten seconds after she saw it |
    | outside | a second before BEGIN, and at END | approved by Ana |
    """
    first = one.submit()
    one.decide("ana", first)
    told(one, ended(first, BEGIN, 60), "ana", BEGIN, 59)
    opened_before(uuid_of(first), 1)

    second = one.submit()
    one.decide("ben", second, "reject", channel="slack")
    told(one, ended(second, SATURDAY, 120), "ben", SATURDAY, 120)

    third = one.submit(payload={"amount": 2000})
    again = one.decide("ana", third)
    one.decide("fay", again)
    ended(third, SATURDAY, 600)

    fourth = one.submit(payload={"amount": 200})
    one.decide("ana", fourth)
    one.decide("ben", fourth, "reject")
    place(fourth, SUNDAY, decided_after=10)

    place(one.submit(payload={"amount": 1}), SUNDAY)
    place(one.submit(payload={"amount": 20_000}), SUNDAY)
    expire(one, SUNDAY)
    gone = one.submit()
    cancel_by_agent(caller=one.caller, request_id=uuid_of(gone))
    place(gone, SUNDAY)
    place(one.submit(), SUNDAY)

    second_before = timedelta(seconds=1)
    for at in (END - second_before, BEGIN - second_before, END):
        request = one.submit()
        one.decide("ana", request)
        told(one, ended(request, at, 30), "ana", at, 20)
        opened_before(uuid_of(request), 10)


def expire(one: World, at: datetime) -> UUID:
    """A request that came at an instant, and that nobody decided in time."""
    request = one.submit()
    travel(uuid_of(request), hours=200)
    due.run(EXPIRE, expire_due)
    assert one.seen("ana", request)["status"] == "expired"
    return place(request, at)


def calls(one: World) -> None:
    """Two endpoints of the agent, and what they were told of two requests of Sunday.

    The first got four callbacks: after 1 s at the first try, after 100 s at the third, never, and not yet.
    The second got one, which is held.
    """
    about = [place(one.submit(payload={"amount": 1}), SUNDAY) for _ in range(2)]
    outside = place(one.submit(payload={"amount": 1}), END)
    first, second = (
        Endpoint.objects.create(
            workspace=one.workspace,
            agent=one.agent,
            url=f"https://{name}.example/secret-path",
            origin=f"https://{name}.example",
        )
        for name in ("first", "second")
    )

    def told_of(endpoint: Endpoint, request: UUID, state: str, tries: int, after: float) -> None:
        Callback.objects.create(
            workspace=one.workspace,
            endpoint=endpoint,
            request_id=request,
            type="request.approved",
            url=endpoint.url,
            state=state,
            tries=tries,
            attempts=tries,
            created_at=SUNDAY,
            last_at=SUNDAY + timedelta(seconds=after),
        )

    told_of(first, about[0], "delivered", 1, 1)
    told_of(first, about[1], "delivered", 3, 100)
    told_of(first, about[0], "exhausted", 9, 5000)
    told_of(first, about[1], "pending", 2, 50)
    told_of(second, about[0], "held", 0, 0)
    told_of(second, outside, "delivered", 1, 1)


def run(one: World, name: str, version: str, at: datetime, *, agent: Agent | None = None) -> Run:
    """A run that was declared at an instant."""
    found = Run.objects.create(
        workspace=one.workspace, agent=agent or one.agent, external_id=name, agent_version=version
    )
    as_owner("UPDATE agents_run SET created_at = %(at)s WHERE id = %(run)s", at=at, run=found.id)
    return found


def step(of: Run, name: str, took: float | None, **more: Any) -> None:
    """A call, told with its next number."""
    number = Step.objects.filter(run=of).count() + 1
    Step.objects.create(
        workspace_id=of.workspace_id,
        run=of,
        number=number,
        name=name,
        started_at=SUNDAY,
        ended_at=None if took is None else SUNDAY + timedelta(seconds=took),
        **{"kind": "tool", "status": "succeeded", "labels": []} | more,
    )


def runs(one: World) -> None:
    """Two runs of Sunday and one before: four calls of a tool, one of a model, and what came of one action."""
    told_one, silent = run(one, "told", "1", SUNDAY), run(one, "silent", "2", SUNDAY)
    step(told_one, "crm", 1, cost=Decimal("0.5"), input_tokens=10)
    step(told_one, "crm", 2, cost=Decimal("0.5"), output_tokens=5)
    step(told_one, "crm", 3, status="failed")
    step(told_one, "crm", 40, attempt=2)
    step(silent, "gpt", None, kind="model", status="unknown")
    before = run(one, "before", "1", BEGIN - timedelta(seconds=1))
    step(before, "crm", 900, status="failed", cost=Decimal(99))
    for cost, outcome in ((2.0, "succeeded"), (1.0, "failed")):
        asked = one.submit(payload={"amount": 1}, run=ids.encode("run", told_one.id))
        result = ResultTold(status=outcome, cost=cost)
        report(caller=one.caller, request_id=uuid_of(asked), told=result)
    Run.objects.filter(id=told_one.id).update(state="succeeded", ended_at=SUNDAY)


def versions(one: World) -> None:
    """What two versions asked for: of the first nine approved, one edited; of the second six of six rejected.

    The second has one more that waits, and the agent one without a run that was rejected.
    """
    old, new = run(one, "old", "1", BEGIN), run(one, "new", "2", SATURDAY)
    for number in range(9):
        request = one.submit(run=ids.encode("run", old.id))
        if number:
            one.decide("ana", request)
        else:
            one.decide("ana", request, "edit", edits={"/amount": 30})
        place(request, SATURDAY + timedelta(seconds=number))
    for number in range(7):
        request = one.submit(run=ids.encode("run", new.id))
        if number:
            one.decide("ana", request, "reject")
        place(request, SUNDAY + timedelta(seconds=number))
    request = one.submit()
    one.decide("ben", request, "reject")
    place(request, SATURDAY)
